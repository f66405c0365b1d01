import type { SourceFile } from '@/core/io/sourceFile';
import type { ResultFolder } from './resultFolder';

/** A folder that a workflow reads and writes; paths are below it, with `/`. A file is there whole or not at all. */
export interface DatasetFolder extends ResultFolder {
  /** The file at that path, or `undefined`. */
  open(path: string): Promise<SourceFile | undefined>;
  /** Names of the files directly in a folder, sorted; none where there is no such folder. */
  list(folder: string): Promise<readonly string[]>;
  /** Removes a file; nothing happens where there is none. */
  remove(path: string): Promise<void>;
}
