import { proxy } from 'comlink';
import type { FilesApi } from './filesApi';
import { workerClient } from './workerClient';

/** Starts the files worker. */
export function startFilesWorker(): FilesApi {
  const worker = new Worker(new URL('../../workers/files.worker.ts', import.meta.url), { type: 'module' });
  const { remote, whileAlive } = workerClient<FilesApi>(worker);
  return {
    add: (files, origin, onStep) => whileAlive(remote.add(files, origin, proxy(onStep))),
    showImage: (caseRecord, channel) => whileAlive(remote.showImage(caseRecord, channel)),
    showSegmentation: (id) => whileAlive(remote.showSegmentation(id)),
    showOutlines: (id) => whileAlive(remote.showOutlines(id)),
    saveSegmentation: (caseRecord) => whileAlive(remote.saveSegmentation(caseRecord)),
    saveProbabilities: (caseRecord) => whileAlive(remote.saveProbabilities(caseRecord)),
    saveAll: (cases) => whileAlive(remote.saveAll(cases)),
    exportModel: (modelId, format, sharing, callId, onProgress) =>
      whileAlive(remote.exportModel(modelId, format, sharing, callId, proxy(onProgress))),
    cancelExport: (callId) => void remote.cancelExport(callId),
    removeCases: (ids) => whileAlive(remote.removeCases(ids)),
    sweep: (keptCaseIds) => whileAlive(remote.sweep(keptCaseIds)),
  };
}
