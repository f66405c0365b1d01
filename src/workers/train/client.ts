import { proxy } from 'comlink';
import { workerClient } from '@/workers/workerClient';
import type { TrainApi, TrainViewApi } from './api';

/** A worker for one run. */
export interface TrainWorker extends TrainApi {
  /** Ends the worker, with its device. */
  close(): void;
}

export function startTrainWorker(): TrainWorker {
  const { ask, close } = workerClient<TrainApi>('train');
  return {
    run: (order, related, onEvent) => ask((remote) => remote.run(order, related, proxy(onEvent))),
    pause: (isPaused) => void ask((remote) => remote.pause(isPaused)),
    keepNow: () => void ask((remote) => remote.keepNow()),
    stop: () => void ask((remote) => remote.stop()),
    close,
  };
}

/** The worker that looks at runs. It is started by the first question. */
export function trainViewClient(): TrainViewApi {
  const { ask } = workerClient<TrainViewApi>('trainView');
  return {
    readTexts: (order) => ask((remote) => remote.readTexts(order)),
    showPrediction: (order, caseId, moment) => ask((remote) => remote.showPrediction(order, caseId, moment)),
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
