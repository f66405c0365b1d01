// Chooses among trained configurations, for the page.
import { createChooseDesk } from '@/app/chooseDesk';
import { browserDatasetFolders, browserFolders } from '@/storage/browserDatasetFolder';
import { RESULTS_FOLDER } from '@/workers/chooseApi';
import { RUNS_FOLDER } from '@/workers/trainApi';
import { serve } from '@/workers/workerSide';

serve(
  createChooseDesk({
    datasets: browserDatasetFolders,
    runs: browserFolders(RUNS_FOLDER),
    results: browserFolders(RESULTS_FOLDER),
  }),
);
