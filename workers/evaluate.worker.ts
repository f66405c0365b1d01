// Evaluates segmentations, for the page.
import { transfer } from 'comlink';
import { createEvaluationService } from '@/app/evaluate/evaluationService';
import { browserDatasetFolders, browserFolders } from '@/storage/browserDatasetFolder';
import { browserCaseFiles } from '@/storage/caseFiles';
import { EVALUATIONS_FOLDER, type EvaluateApi } from '@/workers/evaluate/api';
import { serve } from '@/workers/workerSide';

const service = createEvaluationService({
  datasets: browserDatasetFolders,
  caseFiles: browserCaseFiles,
  evaluations: browserFolders(EVALUATIONS_FOLDER),
});

const api: EvaluateApi = {
  ...service,

  async showImage(record, caseId, channel) {
    const volume = await service.showImage(record, caseId, channel);
    return transfer(volume, [volume.voxels.buffer]);
  },

  async showOverlay(record, caseId, overlay) {
    const labels = await service.showOverlay(record, caseId, overlay);
    return transfer(labels, [labels.voxels.buffer]);
  },
};

serve(api);
