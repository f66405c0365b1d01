import { taskName } from './formats';
import { useDatasets } from './useStudio';

/** What a dataset is called on the page, also after it was removed. */
export function useDatasetTitle(datasetName: string): string {
  return (
    useDatasets(({ datasets }) => datasets.find(({ name }) => name === datasetName)?.title) ??
    taskName(datasetName)
  );
}
