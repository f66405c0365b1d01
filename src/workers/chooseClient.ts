import { proxy } from 'comlink';
import script from '../../workers/choose.worker.ts?worker&url';
import type { ChooseApi } from './chooseApi';
import { prefetchedScript } from './prefetchedScript';
import { type WorkerClient, workerClient } from './workerClient';

const address = prefetchedScript(script);

/** The worker that chooses. It is started by the first question. */
export function chooseClient(): ChooseApi {
  let client: WorkerClient<ChooseApi> | undefined;
  const ask = <Answer>(
    question: (remote: WorkerClient<ChooseApi>['remote']) => Promise<Answer>,
  ): Promise<Answer> => {
    client ??= workerClient<ChooseApi>(new Worker(address(), { type: 'module' }));
    return client.whileAlive(question(client.remote));
  };
  return {
    survey: (folds) => ask((remote) => remote.survey(folds)),
    findBest: (order, onProgress) => ask((remote) => remote.findBest(order, proxy(onProgress))),
    cancel: () => void client?.remote.cancel(),
  };
}
