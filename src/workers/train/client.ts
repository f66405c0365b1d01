import { withMethods, workerApi } from '@/workers/workerApi';
import type { TrainApi, TrainingResultsApi } from './api';

/** A worker for one run. */
export interface TrainWorker extends TrainApi {
  /** Ends the worker, with its device. */
  close(): void;
}

export function startTrainWorker(): TrainWorker {
  const { api, close } = workerApi<TrainApi>('train');
  return withMethods(api, { close: () => close() });
}

/** The worker that looks at runs. */
export function trainViewClient(): TrainingResultsApi {
  return workerApi<TrainingResultsApi>('trainView').api;
}
