// Chooses among trained configurations, for the page.
import { createChooseService } from '@/app/choose/chooseService';
import { browserDatasetFolders, browserFolders } from '@/storage/browserDatasetFolder';
import { RESULTS_FOLDER } from '@/workers/choose/api';
import { RUNS_FOLDER } from '@/workers/train/api';
import { serve } from '@/workers/workerSide';

serve(
  createChooseService({
    datasets: browserDatasetFolders,
    runs: browserFolders(RUNS_FOLDER),
    results: browserFolders(RESULTS_FOLDER),
  }),
);
