import { proxy } from 'comlink';
import { workerClient } from '@/workers/workerClient';
import type { PredictApi } from './api';

/** The predict worker. It is started by the first question. */
export function predictClient(): PredictApi {
  const { ask } = workerClient<PredictApi>('predict');
  return {
    openGpu: () => ask((remote) => remote.openGpu()),
    predict: (caseRecord, job, onProgress) =>
      ask((remote) => remote.predict(caseRecord, job, proxy(onProgress))),
    measureWindow: (job) => ask((remote) => remote.measureWindow(job)),
    cancel: (id) => void ask((remote) => remote.cancel(id)),
  };
}
