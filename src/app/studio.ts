import { browserRecords, DATABASES } from '@/storage/browserRecords';
import { createModelLibrary } from '@/storage/modelLibrary';
import type { FilesApi, GivenFile } from '@/workers/filesApi';
import { startFilesWorker } from '@/workers/filesClient';
import { startPredictWorker } from '@/workers/predictClient';
import { type CaseQueue, createCaseQueue, exclusiveAcrossTabs } from './caseQueue';
import { createLibrary, type Library } from './libraryStore';
import { prefetchSample } from './sample';
import { createSelection, type SelectionStore } from './selectionStore';
import { createSystem, type System } from './systemStore';

/** Everything the page works with: stores to subscribe to, and the workers behind them. */
export interface Studio {
  readonly files: FilesApi;
  readonly queue: CaseQueue;
  readonly library: Library;
  readonly system: System;
  readonly selection: SelectionStore;
  readonly sample: Promise<readonly GivenFile[] | undefined>;
}

/** Starts the workers, which open the GPU, and takes up what was kept. */
export function openStudio(): Studio {
  const files = startFilesWorker();
  const predictor = startPredictWorker();
  const library = createLibrary(
    createModelLibrary(browserRecords(DATABASES.models), browserRecords(DATABASES.weights)),
  );
  const queue = createCaseQueue({
    records: browserRecords(DATABASES.cases),
    predictor,
    files,
    exclusively: exclusiveAcrossTabs,
  });
  const system = createSystem(predictor);
  void system.measureStorage();
  void library.refresh();
  void queue.load().then(() => sweepLeftovers(files, queue, library));
  return { files, queue, library, system, selection: createSelection(), sample: prefetchSample() };
}

/** Clears what closed tabs left behind, unless another tab may be writing just now. */
async function sweepLeftovers(files: FilesApi, queue: CaseQueue, library: Library): Promise<void> {
  await navigator.locks.request('nnstudio-adding', { ifAvailable: true }, async (lock) => {
    if (!lock) return;
    await files.sweep(queue.store.getState().cases.map(({ id }) => id));
    await library.sweep();
  });
}
