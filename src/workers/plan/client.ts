import { workerApi } from '@/workers/workerApi';
import type { PlanningApi } from './api';

/** A worker for each call, with a device of its own: nothing of it is needed in between. */
export function planningClient(): PlanningApi {
  return {
    planForGpu: (job) => once((api) => api.planForGpu(job)),
    measure: () => once((api) => api.measure()),
  };
}

async function once<Answer>(call: (api: PlanningApi) => Promise<Answer>): Promise<Answer> {
  const { api, close } = workerApi<PlanningApi>('planning');
  try {
    return await call(api);
  } finally {
    close();
  }
}
