import { withMethods, workerApi } from '@/workers/workerApi';
import type { DatasetApi } from './api';

/**
 * Two dataset workers: one computes, the other imports and answers the page meanwhile. They share the browser's storage, and
 * look like one.
 */
export function datasetClient(): DatasetApi {
  const busy = workerApi<DatasetApi>('dataset').api;
  const quick = workerApi<DatasetApi>('dataset').api;
  return withMethods(quick, {
    check: busy.check,
    drawOverview: busy.drawOverview,
    extractFingerprint: busy.extractFingerprint,
    preprocess: busy.preprocess,
    cancel: (callId: string) => {
      busy.cancel(callId);
      quick.cancel(callId);
    },
  });
}
