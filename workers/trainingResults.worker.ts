// Looks at what trainings have left, for the page.
import { transfer } from 'comlink';
import { createTrainingResultsService } from '@/app/train/trainingResultsService';
import { openGpu } from '@/gpu/device';
import { writeBrowserArchive, writeChosenArchive } from '@/storage/browserArchive';
import { browserDatasetFolders, browserFolders } from '@/storage/browserDatasetFolder';
import { browserCheckpointRecords } from '@/storage/checkpointStoreBrowser';
import { RUNS_FOLDER, type TrainingResultsApi } from '@/workers/train/api';
import { serve } from '@/workers/workerSide';

const view = createTrainingResultsService({
  datasets: browserDatasetFolders,
  openGpu: () => openGpu(navigator.gpu),
  runs: browserFolders(RUNS_FOLDER),
  checkpoints: browserCheckpointRecords(),
  archives: { write: writeBrowserArchive, writeInto: writeChosenArchive },
});

const api: TrainingResultsApi = {
  ...view,

  async showPrediction(order, caseId, moment) {
    const labels = await view.showPrediction(order, caseId, moment);
    return transfer(labels, [labels.voxels.buffer]);
  },
};

serve(api);
