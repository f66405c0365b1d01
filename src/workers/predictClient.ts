import { proxy } from 'comlink';
import type { PredictApi } from './predictApi';
import { workerClient } from './workerClient';

/** Starts the predict worker. */
export function startPredictWorker(): PredictApi {
  const worker = new Worker(new URL('../../workers/predict.worker.ts', import.meta.url), { type: 'module' });
  const { remote, whileAlive } = workerClient<PredictApi>(worker);
  return {
    openGpu: () => whileAlive(remote.openGpu()),
    predict: (caseRecord, job, onProgress) => whileAlive(remote.predict(caseRecord, job, proxy(onProgress))),
    measureWindow: (job) => whileAlive(remote.measureWindow(job)),
    cancel: (id) => void remote.cancel(id),
  };
}
