import { proxy } from 'comlink';
import script from '../../workers/evaluate.worker.ts?worker&url';
import type { EvaluateApi } from './evaluateApi';
import { prefetchedScript } from './prefetchedScript';
import { type WorkerClient, workerClient } from './workerClient';

const address = prefetchedScript(script);

/** The worker that judges. It is started by the first question. */
export function evaluateClient(): EvaluateApi {
  let client: WorkerClient<EvaluateApi> | undefined;
  const ask = <Answer>(
    question: (remote: WorkerClient<EvaluateApi>['remote']) => Promise<Answer>,
  ): Promise<Answer> => {
    client ??= workerClient<EvaluateApi>(new Worker(address(), { type: 'module' }));
    return client.whileAlive(question(client.remote));
  };
  return {
    preview: (sources) => ask((remote) => remote.preview(sources)),
    take: (sources, filesId, onEvent) => ask((remote) => remote.take(sources, filesId, proxy(onEvent))),
    evaluate: (record, onEvent) => ask((remote) => remote.evaluate(record, proxy(onEvent))),
    cancel: () => void client?.remote.cancel(),
    showImage: (record, caseId, channel) => ask((remote) => remote.showImage(record, caseId, channel)),
    showOverlay: (record, caseId, overlay) => ask((remote) => remote.showOverlay(record, caseId, overlay)),
    showOverlayOutlines: (record, caseId, overlay) =>
      ask((remote) => remote.showOverlayOutlines(record, caseId, overlay)),
    save: (record, kind) => ask((remote) => remote.save(record, kind)),
    remove: (filesId) => ask((remote) => remote.remove(filesId)),
    sweep: (keptFilesIds) => ask((remote) => remote.sweep(keptFilesIds)),
  };
}
