import { proxy } from 'comlink';
import { type WorkerClient, workerClient } from '@/workers/workerClient';
import type { DatasetApi, OverviewFailure, RecognisedDataset } from './api';

/**
 * Two dataset workers, started by their first questions: one computes, the other imports and answers the page meanwhile. They share the browser's
 * storage, and look like one.
 */
export function datasetClient(): DatasetApi {
  const [busy, quick] = [workerClient<DatasetApi>('dataset'), workerClient<DatasetApi>('dataset')];
  return {
    ...quickCalls(quick),
    check: (name, callId, onProgress) => busy.ask((remote) => remote.check(name, callId, proxy(onProgress))),
    drawOverview: (name, channel, callId, onPicture) =>
      busy.ask<readonly OverviewFailure[]>((remote) =>
        remote.drawOverview(name, channel, callId, proxy(onPicture)),
      ),
    extractFingerprint: (name, callId, onProgress) =>
      busy.ask((remote) => remote.extractFingerprint(name, callId, proxy(onProgress))),
    preprocess: (name, request, callId, onProgress) =>
      busy.ask((remote) => remote.preprocess(name, request, callId, proxy(onProgress))),
    cancel: (callId) => {
      void busy.ask((remote) => remote.cancel(callId));
      void quick.ask((remote) => remote.cancel(callId));
    },
  };
}

type BusyCall = 'check' | 'drawOverview' | 'extractFingerprint' | 'preprocess' | 'cancel';

function quickCalls({ ask }: WorkerClient<DatasetApi>): Omit<DatasetApi, BusyCall> {
  return {
    list: () => ask((remote) => remote.list()),
    find: (name) => ask((remote) => remote.find(name)),
    addTasks: (name, tasks) => ask((remote) => remote.addTasks(name, tasks)),
    finishTask: (name) => ask((remote) => remote.finishTask(name)),
    rename: (name, title) => ask((remote) => remote.rename(name, title)),
    dropTasks: (name) => ask((remote) => remote.dropTasks(name)),
    recognise: (files, isExpected, callId, onProgress) =>
      ask<RecognisedDataset>((remote) => remote.recognise(files, isExpected, callId, proxy(onProgress))),
    importDataset: (files, name, callId, onProgress) =>
      ask((remote) => remote.importDataset(files, name, callId, proxy(onProgress))),
    replaceDataset: (files, name, callId, onProgress) =>
      ask((remote) => remote.replaceDataset(files, name, callId, proxy(onProgress))),
    importPairs: (files, facts, callId, onProgress) =>
      ask((remote) => remote.importPairs(files, facts, callId, proxy(onProgress))),
    importPreprocessed: (files, name, callId, onProgress) =>
      ask((remote) => remote.importPreprocessed(files, name, callId, proxy(onProgress))),
    importSample: (callId, onProgress) => ask((remote) => remote.importSample(callId, proxy(onProgress))),
    readChecks: (name) => ask((remote) => remote.readChecks(name)),
    readGlances: (name, caseIds) => ask((remote) => remote.readGlances(name, caseIds)),
    readSamples: (name, scale) => ask((remote) => remote.readSamples(name, scale)),
    readFingerprint: (name) => ask((remote) => remote.readFingerprint(name)),
    plan: (name, request) => ask((remote) => remote.plan(name, request)),
    readPlans: (name, plansName) => ask((remote) => remote.readPlans(name, plansName)),
    writePlans: (name, text) => ask((remote) => remote.writePlans(name, text)),
    removePlans: (name, plansName) => ask((remote) => remote.removePlans(name, plansName)),
    readSplits: (name) => ask((remote) => remote.readSplits(name)),
    writeSplits: (name, text) => ask((remote) => remote.writeSplits(name, text)),
    removeSplits: (name) => ask((remote) => remote.removeSplits(name)),
    remove: (name, part) => ask((remote) => remote.remove(name, part)),
    readFile: (name, path) => ask((remote) => remote.readFile(name, path)),
    showImage: (name, caseId, channel) => ask((remote) => remote.showImage(name, caseId, channel)),
    showLabels: (name, caseId) => ask((remote) => remote.showLabels(name, caseId)),
    sweep: () => ask((remote) => remote.sweep()),
  };
}
