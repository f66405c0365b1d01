import type { SourceFile } from '@/core/io/sourceFile';

/** Where the checkpoints of one fold are kept. Under a name there is a whole checkpoint, old or new, or none. */
export interface CheckpointStore {
  write(name: string, content: Uint8Array): Promise<void>;
  /** The checkpoint, or `undefined` where there is none of that name. */
  read(name: string): Promise<SourceFile | undefined>;
  remove(name: string): Promise<void>;
}
