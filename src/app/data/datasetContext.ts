import type { RawDataset } from '@/core/dataset/rawDataset';
import type { DatasetFolder, DatasetFolderStore } from '@/storage/datasetFolder';
import type { DatasetRecord } from '@/storage/datasetRecord';

/** What the parts of the service share. */
export interface DatasetContext {
  readonly folders: DatasetFolderStore;
  find(name: string): Promise<DatasetRecord>;
  open(name: string): Promise<RawDataset>;
  /** The same, listed once for all questions until label maps are added; its splits may change. */
  browse(name: string): Promise<RawDataset>;
  preprocessed(name: string): DatasetFolder;
  /** Looks at the folders again and keeps what changed. */
  survey(name: string, change?: Partial<DatasetRecord>): Promise<DatasetRecord>;
}
