// Datasets: importing, checking, fingerprint, plans, preprocessing, and reading them for the page.
import { transfer } from 'comlink';
import { createDatasetService } from '@/app/data/datasetService';
import { browserDatasetFolders } from '@/storage/browserDatasetFolder';
import { browserRecords, DATABASES } from '@/storage/browserRecords';
import type { DatasetApi } from '@/workers/data/api';
import { browserCaseWorkers } from '@/workers/data/browserCaseWorkers';
import { serve } from '@/workers/workerSide';

const service = createDatasetService({
  folders: browserDatasetFolders,
  records: browserRecords(DATABASES.datasets),
  checks: browserRecords(DATABASES.datasetChecks),
  exclusively: (work) => navigator.locks.request('nnstudio-dataset-records', work),
  startCaseWorkers: browserCaseWorkers,
});

const api: DatasetApi = {
  ...service,

  async showImage(name, caseId, channel) {
    const volume = await service.showImage(name, caseId, channel);
    return transfer(volume, [volume.voxels.buffer]);
  },

  async showLabels(name, caseId) {
    const labels = await service.showLabels(name, caseId);
    return transfer(labels, [labels.voxels.buffer]);
  },
};

serve(api);
