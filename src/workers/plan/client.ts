import { type WorkerClient, workerClient } from '@/workers/workerClient';
import type { PlanningApi } from './api';

/** The planning worker. It is started by the first call, and ends after each: nothing of it is needed in between. */
export function planningClient(): PlanningApi {
  const call = async <Answer>(
    question: (client: WorkerClient<PlanningApi>) => Promise<Answer>,
  ): Promise<Answer> => {
    const client = workerClient<PlanningApi>('planning');
    try {
      return await question(client);
    } finally {
      client.close();
    }
  };
  return {
    planForGpu: (job) => call(({ ask }) => ask((remote) => remote.planForGpu(job))),
    measure: () => call(({ ask }) => ask((remote) => remote.measure())),
  };
}
