import { proxy } from 'comlink';
import trainScript from '../../workers/train.worker.ts?worker&url';
import trainViewScript from '../../workers/trainView.worker.ts?worker&url';
import { prefetchedScript } from './prefetchedScript';
import type { TrainApi, TrainViewApi } from './trainApi';
import { type WorkerClient, workerClient } from './workerClient';

const trainAddress = prefetchedScript(trainScript);
const trainViewAddress = prefetchedScript(trainViewScript);

/** A worker for one run. */
export interface TrainWorker extends TrainApi {
  /** Ends the worker, with its device. */
  close(): void;
}

export function startTrainWorker(): TrainWorker {
  const worker = new Worker(trainAddress(), { type: 'module' });
  const { remote, whileAlive } = workerClient<TrainApi>(worker);
  return {
    run: (order, related, onEvent) => whileAlive(remote.run(order, related, proxy(onEvent))),
    pause: (isPaused) => void remote.pause(isPaused),
    keepNow: () => void remote.keepNow(),
    stop: () => void remote.stop(),
    close: () => worker.terminate(),
  };
}

/** The worker that looks at runs. It is started by the first question. */
export function trainViewClient(): TrainViewApi {
  let client: WorkerClient<TrainViewApi> | undefined;
  const ask = <Answer>(
    question: (remote: WorkerClient<TrainViewApi>['remote']) => Promise<Answer>,
  ): Promise<Answer> => {
    client ??= workerClient<TrainViewApi>(new Worker(trainViewAddress(), { type: 'module' }));
    return client.whileAlive(question(client.remote));
  };
  return {
    readTexts: (order) => ask((remote) => remote.readTexts(order)),
    showPrediction: (order, caseId, moment) => ask((remote) => remote.showPrediction(order, caseId, moment)),
    showPredictionOutlines: (order, caseId, moment) =>
      ask((remote) => remote.showPredictionOutlines(order, caseId, moment)),
    predictLive: (order, caseId) => ask((remote) => remote.predictLive(order, caseId)),
    listForNextStage: (orders, nextStage) => ask((remote) => remote.listForNextStage(orders, nextStage)),
    saveResults: (order) => ask((remote) => remote.saveResults(order)),
    previewForCluster: (order, related, choice) =>
      ask((remote) => remote.previewForCluster(order, related, choice)),
    saveForCluster: (order, related, choice, target, callId, onProgress) =>
      ask((remote) => remote.saveForCluster(order, related, choice, target, callId, proxy(onProgress))),
    cancelSaving: (callId) => void ask((remote) => remote.cancelSaving(callId)),
    measure: (runId) => ask((remote) => remote.measure(runId)),
    remove: (runId) => ask((remote) => remote.remove(runId)),
    sweep: (keptRunIds) => ask((remote) => remote.sweep(keptRunIds)),
  };
}
