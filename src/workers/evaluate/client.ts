import { withMethods, workerApi } from '@/workers/workerApi';
import type { EvaluateApi } from './api';

/**
 * Two workers: one evaluates, the other answers the page meanwhile. They share the browser's storage, and look like one. A
 * cancel ends the one that evaluates at once, whatever it is reading.
 */
export function evaluateClient(): EvaluateApi {
  const { api } = workerApi<EvaluateApi>('evaluate');
  const evaluating = workerApi<EvaluateApi>('evaluate');
  const methods: Pick<EvaluateApi, 'take' | 'evaluate' | 'cancel'> = {
    async take(sources, filesId, onEvent) {
      try {
        return await evaluating.api.take(sources, filesId, onEvent);
      } catch (error) {
        // What cannot be removed yet is when the studio is next opened.
        await api.remove(filesId).catch(() => undefined);
        throw error;
      }
    },
    evaluate: evaluating.api.evaluate,
    cancel: () => evaluating.close(new DOMException('The evaluation was cancelled.', 'AbortError')),
  };
  return withMethods(api, methods);
}
