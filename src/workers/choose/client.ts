import { proxy } from 'comlink';
import { workerClient } from '@/workers/workerClient';
import type { ChooseApi } from './api';

/** The worker that chooses. It is started by the first question. */
export function chooseClient(): ChooseApi {
  const { ask } = workerClient<ChooseApi>('choose');
  return {
    survey: (folds) => ask((remote) => remote.survey(folds)),
    findBest: (order, onProgress) => ask((remote) => remote.findBest(order, proxy(onProgress))),
    cancel: () => void ask((remote) => remote.cancel()),
  };
}
