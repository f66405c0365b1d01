import type { PlansDocument } from '@/core/planning/plansDocument';
import type { WebgpuPlanRequest } from '@/core/planning/webgpuPlanner';
import type { AdapterFacts } from '@/gpu/device';

/** What a configuration of plans for a GPU came to. */
export interface PlannedForGpu {
  readonly plans: PlansDocument;
  /** Configurations that even at their smallest are too much, and in what. */
  readonly exceeding: readonly {
    readonly name: string;
    readonly exceeds: readonly ('memory' | 'buffer' | 'time')[];
    readonly trainingBytes: number;
    readonly secondsInTotal: number;
    /** Of a batch, what there is memory for at once; `undefined` where there is none for one sample. */
    readonly partSamples: number | undefined;
  }[];
}

/** What planning for this computer takes longer over, off the page's thread. */
export interface PlanningApi {
  planForGpu(job: WebgpuPlanRequest): Promise<PlannedForGpu>;
  /** Runs a network for a few seconds on a device of its own. Throws `NoAdapter`. */
  measure(): Promise<{ readonly facts: AdapterFacts; readonly flopsPerSecond: number }>;
}
