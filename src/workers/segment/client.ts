import { workerApi } from '@/workers/workerApi';
import type { PredictApi } from './api';

export function predictClient(): PredictApi {
  return workerApi<PredictApi>('predict').api;
}
