// Trains, on a device of its own.
import { progressPicture } from '@/app/train/progressPicture';
import { createTrainingService } from '@/app/train/trainingService';
import { openGpu } from '@/gpu/device';
import { browserDatasetFolders, browserFolders } from '@/storage/browserDatasetFolder';
import { browserRecords, DATABASES } from '@/storage/browserRecords';
import { browserCheckpointRecords } from '@/storage/checkpointStoreBrowser';
import { createModelLibrary } from '@/storage/modelLibrary';
import { RUNS_FOLDER } from '@/workers/train/api';
import { serve } from '@/workers/workerSide';

serve(
  createTrainingService({
    datasets: browserDatasetFolders,
    runs: browserFolders(RUNS_FOLDER),
    checkpoints: browserCheckpointRecords(),
    library: createModelLibrary(browserRecords(DATABASES.models), browserRecords(DATABASES.weights)),
    openGpu: () => openGpu(navigator.gpu),
    tuning: browserRecords(DATABASES.tuning),
    drawProgress: async (curves) => new Uint8Array(await (await progressPicture(curves)).arrayBuffer()),
  }),
);
