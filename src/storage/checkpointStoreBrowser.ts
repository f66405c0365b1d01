import { browserRecords, DATABASES } from './browserRecords';
import type { CheckpointRecords } from './checkpointStoreRecords';

/** Where this browser keeps checkpoints, for a page or a worker. That it stays kept, only a page can ask for. */
export function browserCheckpointRecords(): CheckpointRecords {
  return {
    records: browserRecords(DATABASES.checkpoints),
    chunks: browserRecords(DATABASES.checkpointChunks),
  };
}
