import { proxy } from 'comlink';
import type { EvaluateApi } from './evaluateApi';
import { workerClient } from './workerClient';

/**
 * Two workers, started by their first questions: one judges, the other answers the page meanwhile. They share the
 * browser's storage, and look like one.
 */
export function evaluateClient(): EvaluateApi {
  const busy = workerClient<EvaluateApi>('evaluate');
  const { ask } = workerClient<EvaluateApi>('evaluate');
  return {
    preview: (sources) => ask((remote) => remote.preview(sources)),
    take: (sources, filesId, onEvent) => busy.ask((remote) => remote.take(sources, filesId, proxy(onEvent))),
    evaluate: (record, onEvent) => busy.ask((remote) => remote.evaluate(record, proxy(onEvent))),
    cancel: () => void busy.ask((remote) => remote.cancel()),
    showImage: (record, caseId, channel) => ask((remote) => remote.showImage(record, caseId, channel)),
    showOverlay: (record, caseId, overlay) => ask((remote) => remote.showOverlay(record, caseId, overlay)),
    save: (record, kind) => ask((remote) => remote.save(record, kind)),
    remove: (filesId) => ask((remote) => remote.remove(filesId)),
    sweep: (keptFilesIds) => ask((remote) => remote.sweep(keptFilesIds)),
  };
}
