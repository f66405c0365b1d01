import { proxy } from 'comlink';
import { workerClient } from '@/workers/workerClient';
import type { EvaluateApi } from './api';

/**
 * Two workers, started by their first questions: one judges, the other answers the page meanwhile. They share the
 * browser's storage, and look like one.
 */
export function evaluateClient(): EvaluateApi {
  const { ask } = workerClient<EvaluateApi>('evaluate');
  let judge = workerClient<EvaluateApi>('evaluate');
  let stop: (() => void) | undefined;

  /** Asks the worker that judges. A cancel ends it at once, whatever it is reading; the next question starts another. */
  const askJudge: typeof ask = async (question) => {
    const cancelled = new Promise<never>((_, reject) => {
      stop = () => {
        judge.close();
        judge = workerClient<EvaluateApi>('evaluate');
        reject(new DOMException('The evaluation was cancelled.', 'AbortError'));
      };
    });
    try {
      return await Promise.race([judge.ask(question), cancelled]);
    } finally {
      stop = undefined;
    }
  };
  return {
    preview: (sources) => ask((remote) => remote.preview(sources)),
    async take(sources, filesId, onEvent) {
      try {
        return await askJudge((remote) => remote.take(sources, filesId, proxy(onEvent)));
      } catch (error) {
        // What cannot be removed yet is when the studio is next opened.
        await ask((remote) => remote.remove(filesId)).catch(() => undefined);
        throw error;
      }
    },
    evaluate: (record, onEvent) => askJudge((remote) => remote.evaluate(record, proxy(onEvent))),
    cancel: () => stop?.(),
    showImage: (record, caseId, channel) => ask((remote) => remote.showImage(record, caseId, channel)),
    showOverlay: (record, caseId, overlay) => ask((remote) => remote.showOverlay(record, caseId, overlay)),
    save: (record, kind) => ask((remote) => remote.save(record, kind)),
    remove: (filesId) => ask((remote) => remote.remove(filesId)),
    sweep: (keptFilesIds) => ask((remote) => remote.sweep(keptFilesIds)),
  };
}
