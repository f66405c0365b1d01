import { createJSONStorage, persist } from 'zustand/middleware';
import { createStore } from 'zustand/vanilla';
import type { AdapterFacts } from '@/gpu/device';
import { adapterKey } from '@/gpu/tuner';
import type { PlanningApi } from '@/workers/plan/api';

/** How fast an adapter computed a network, when it was asked. */
export interface Throughput {
  /** Floating-point operations a second, in convolutions of a whole forward pass. */
  readonly flopsPerSecond: number;
  /** Milliseconds since 1970. */
  readonly measuredAt: number;
}

/** Measurements by adapter, kept in this browser. */
export const throughputs = createStore<{ readonly byAdapter: Readonly<Record<string, Throughput>> }>()(
  persist(() => ({ byAdapter: {} }), {
    name: 'nnstudio-throughput',
    version: 1,
    storage: createJSONStorage(() => localStorage),
  }),
);

function keepThroughput(facts: AdapterFacts, measured: Throughput): void {
  throughputs.setState(({ byAdapter }) => ({ byAdapter: { ...byAdapter, [adapterKey(facts)]: measured } }));
}

export function throughputOf(
  { byAdapter }: { readonly byAdapter: Readonly<Record<string, Throughput>> },
  facts: AdapterFacts | undefined,
): Throughput | undefined {
  return facts && byAdapter[adapterKey(facts)];
}

/** What planning asks of this computer. */
export interface Planning {
  planForGpu: PlanningApi['planForGpu'];
  /** Measures the GPU and remembers the result for it. */
  measureThroughput(): Promise<void>;
}

export function createPlanning(api: PlanningApi): Planning {
  return {
    planForGpu: (job) => api.planForGpu(job),
    async measureThroughput() {
      const { facts, flopsPerSecond } = await api.measure();
      keepThroughput(facts, { flopsPerSecond, measuredAt: Date.now() });
    },
  };
}
