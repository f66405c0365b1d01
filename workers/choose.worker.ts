// Chooses among trained configurations, for the page.
import { expose } from 'comlink';
import { createChooseDesk } from '@/app/chooseDesk';
import { browserDatasetFolders, browserFolders } from '@/storage/browserDatasetFolder';
import { RESULTS_FOLDER } from '@/workers/chooseApi';
import { RUNS_FOLDER } from '@/workers/trainApi';

expose(
  createChooseDesk({
    datasets: browserDatasetFolders,
    runs: browserFolders(RUNS_FOLDER),
    results: browserFolders(RESULTS_FOLDER),
  }),
);
