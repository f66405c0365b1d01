import type { PlanningApi } from './planningApi';
import { workerClient } from './workerClient';

/** The planning worker. It is started by the first call, and ends after each: nothing of it is needed in between. */
export function planningClient(): PlanningApi {
  const call = async <Answer>(ask: (api: PlanningApi) => Promise<Answer>): Promise<Answer> => {
    const worker = new Worker(new URL('../../workers/planning.worker.ts', import.meta.url), {
      type: 'module',
    });
    const { remote, whileAlive } = workerClient<PlanningApi>(worker);
    try {
      return await whileAlive(
        ask({ planForGpu: (job) => remote.planForGpu(job), measure: () => remote.measure() }),
      );
    } finally {
      worker.terminate();
    }
  };
  return {
    planForGpu: (job) => call((api) => api.planForGpu(job)),
    measure: () => call((api) => api.measure()),
  };
}
