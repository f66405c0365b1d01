import { proxy } from 'comlink';
import { workerClient } from '@/workers/workerClient';
import type { FilesApi } from './api';

/** The files worker. It is started by the first question. */
export function filesClient(): FilesApi {
  const { ask } = workerClient<FilesApi>('files');
  return {
    add: (files, origin, onStep) => ask((remote) => remote.add(files, origin, proxy(onStep))),
    showImage: (caseRecord, channel) => ask((remote) => remote.showImage(caseRecord, channel)),
    showSegmentation: (id) => ask((remote) => remote.showSegmentation(id)),
    saveSegmentation: (caseRecord) => ask((remote) => remote.saveSegmentation(caseRecord)),
    saveProbabilities: (caseRecord) => ask((remote) => remote.saveProbabilities(caseRecord)),
    saveAll: (cases) => ask((remote) => remote.saveAll(cases)),
    exportModel: (modelId, format, sharing, callId, onProgress) =>
      ask((remote) => remote.exportModel(modelId, format, sharing, callId, proxy(onProgress))),
    cancelExport: (callId) => void ask((remote) => remote.cancelExport(callId)),
    removeCases: (ids) => ask((remote) => remote.removeCases(ids)),
    sweep: (keptCaseIds) => ask((remote) => remote.sweep(keptCaseIds)),
  };
}
