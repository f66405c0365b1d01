// Trains, on a device of its own.
import { expose } from 'comlink';
import { recordCheckpoints } from '@/app/trainCheckpoints';
import { createTrainDesk } from '@/app/trainDesk';
import { openGpu } from '@/gpu/device';
import { browserDatasetFolders, browserFolders } from '@/storage/browserDatasetFolder';
import { browserRecords, DATABASES } from '@/storage/browserRecords';
import { createModelLibrary } from '@/storage/modelLibrary';
import { RUNS_FOLDER } from '@/workers/trainApi';

const checkpoints = browserRecords(DATABASES.checkpoints);

expose(
  createTrainDesk({
    datasets: browserDatasetFolders,
    runs: browserFolders(RUNS_FOLDER),
    checkpoints: (runId) => recordCheckpoints(checkpoints, runId),
    library: createModelLibrary(browserRecords(DATABASES.models), browserRecords(DATABASES.weights)),
    openGpu: () => openGpu(navigator.gpu),
  }),
);
