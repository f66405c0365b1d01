// Plans for the GPU at hand, and measures how fast it is.
import { measureThroughput } from '@/app/plan/measureThroughput';
import { batchFit } from '@/core/planning/trainingCost';
import { planForWebgpu } from '@/core/planning/webgpuPlanner';
import { openGpu } from '@/gpu/device';
import type { PlanningApi } from '@/workers/plan/api';
import { serve } from '@/workers/workerSide';

const api: PlanningApi = {
  async planForGpu(job) {
    const { plans, configurations } = planForWebgpu(job);
    const exceeding = configurations.filter(({ exceeds }) => exceeds.length > 0);
    return {
      plans,
      exceeding: exceeding.map(
        ({ name, exceeds, configuration, cost: { trainingBytes, secondsInTotal } }) => ({
          name,
          exceeds,
          trainingBytes,
          secondsInTotal,
          partSamples: batchFit(
            configuration,
            { input: job.dataset.channelNames.length, output: job.outputChannels },
            job.device,
          ).samples,
        }),
      ),
    };
  },

  async measure() {
    const gpu = await openGpu(navigator.gpu);
    try {
      return { facts: gpu.facts, flopsPerSecond: await measureThroughput(gpu) };
    } finally {
      gpu.close();
    }
  },
};

serve(api);
