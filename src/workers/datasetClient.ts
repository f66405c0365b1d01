import { proxy } from 'comlink';
import type { DatasetApi, RecognisedDataset } from './datasetApi';
import { type WorkerClient, workerClient } from './workerClient';

/**
 * Starts two dataset workers: one computes, the other imports and answers the page meanwhile. They share the browser's
 * storage, and look like one.
 */
export function startDatasetWorkers(): DatasetApi {
  const [busy, quick] = [startWorker(), startWorker()];
  return {
    ...quickCalls(quick),
    check: (name, callId, onProgress) => busy.whileAlive(busy.remote.check(name, callId, proxy(onProgress))),
    extractFingerprint: (name, callId, onProgress) =>
      busy.whileAlive(busy.remote.extractFingerprint(name, callId, proxy(onProgress))),
    preprocess: (name, request, callId, onProgress) =>
      busy.whileAlive(busy.remote.preprocess(name, request, callId, proxy(onProgress))),
    cancel: (callId) => {
      void busy.remote.cancel(callId);
      void quick.remote.cancel(callId);
    },
  };
}

function startWorker(): WorkerClient<DatasetApi> {
  return workerClient<DatasetApi>(
    new Worker(new URL('../../workers/dataset.worker.ts', import.meta.url), { type: 'module' }),
  );
}

type BusyCall = 'check' | 'extractFingerprint' | 'preprocess' | 'cancel';

function quickCalls({ remote, whileAlive }: WorkerClient<DatasetApi>): Omit<DatasetApi, BusyCall> {
  return {
    list: () => whileAlive(remote.list()),
    find: (name) => whileAlive(remote.find(name)),
    addTasks: (name, tasks) => whileAlive(remote.addTasks(name, tasks)),
    finishTask: (name) => whileAlive(remote.finishTask(name)),
    dropTasks: (name) => whileAlive(remote.dropTasks(name)),
    recognise: (files, isExpected, callId, onProgress) =>
      whileAlive<RecognisedDataset>(remote.recognise(files, isExpected, callId, proxy(onProgress))),
    importDataset: (files, name, callId, onProgress) =>
      whileAlive(remote.importDataset(files, name, callId, proxy(onProgress))),
    replaceDataset: (files, name, callId, onProgress) =>
      whileAlive(remote.replaceDataset(files, name, callId, proxy(onProgress))),
    importPairs: (files, facts, callId, onProgress) =>
      whileAlive(remote.importPairs(files, facts, callId, proxy(onProgress))),
    importSample: (callId, onProgress) => whileAlive(remote.importSample(callId, proxy(onProgress))),
    readChecks: (name) => whileAlive(remote.readChecks(name)),
    readGlances: (name, caseIds) => whileAlive(remote.readGlances(name, caseIds)),
    readSamples: (name, scale) => whileAlive(remote.readSamples(name, scale)),
    readFingerprint: (name) => whileAlive(remote.readFingerprint(name)),
    plan: (name, request) => whileAlive(remote.plan(name, request)),
    readPlans: (name, plansName) => whileAlive(remote.readPlans(name, plansName)),
    writePlans: (name, text) => whileAlive(remote.writePlans(name, text)),
    removePlans: (name, plansName) => whileAlive(remote.removePlans(name, plansName)),
    readSplits: (name) => whileAlive(remote.readSplits(name)),
    writeSplits: (name, text) => whileAlive(remote.writeSplits(name, text)),
    removeSplits: (name) => whileAlive(remote.removeSplits(name)),
    remove: (name, part) => whileAlive(remote.remove(name, part)),
    readFile: (name, path) => whileAlive(remote.readFile(name, path)),
    showImage: (name, caseId, channel) => whileAlive(remote.showImage(name, caseId, channel)),
    showLabels: (name, caseId) => whileAlive(remote.showLabels(name, caseId)),
    showOutlines: (name, caseId) => whileAlive(remote.showOutlines(name, caseId)),
    sweep: () => whileAlive(remote.sweep()),
  };
}
