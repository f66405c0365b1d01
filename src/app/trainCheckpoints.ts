import { memoryFile } from '@/core/io/sourceFile';
import type { CheckpointStore } from '@/storage/checkpointStore';
import { explainWriteFailure, type RecordStore } from '@/storage/recordStore';

/** Checkpoints of a run as records, `<run>/<name>`. */
export function recordCheckpoints(records: RecordStore, runId: string): CheckpointStore {
  const keyOf = (name: string) => `${runId}/${name}`;
  return {
    async write(name, content) {
      try {
        await records.set(keyOf(name), content);
      } catch (error) {
        throw explainWriteFailure(error, name, content.length);
      }
    },
    async read(name) {
      const content = await records.get<Uint8Array>(keyOf(name));
      return content && memoryFile(content, name);
    },
    remove: (name) => records.remove([keyOf(name)]),
  };
}
