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

/** The two halves of a dataset: `nnUNet_raw/<name>` and `nnUNet_preprocessed/<name>`. */
export type DatasetPart = 'raw' | 'preprocessed';

/** Where datasets lie. */
export interface DatasetFolderStore {
  folder(name: string, part: DatasetPart): DatasetFolder;
  /** Every file of that part, in order of their paths, which start with the dataset's name. */
  files(name: string, part: DatasetPart): Promise<readonly SourceFile[]>;
  /** Names of the datasets that have files. */
  names(): Promise<readonly string[]>;
  /** Frees a part, or all. */
  remove(name: string, part?: DatasetPart): Promise<void>;
}

/** Folders that are known by an id, such as those of trainings. */
export interface FolderStore {
  folder(id: string): DatasetFolder;
  /** Every file of a folder, with paths that start with its id. */
  files(id: string): Promise<readonly SourceFile[]>;
  ids(): Promise<readonly string[]>;
  /** Frees a folder; nothing happens where there is none. */
  remove(id: string): Promise<void>;
}
