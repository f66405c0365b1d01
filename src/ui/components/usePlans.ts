import { useMemo } from 'react';
import { useStore } from 'zustand';
import { useShallow } from 'zustand/react/shallow';
import { type ConfigurationCost, plansCosts } from '@/app/plan/plansCost';
import type { PlansEntry, PlansState } from '@/app/plan/plansStore';
import { type Throughput, throughputOf, throughputs } from '@/app/plan/throughputStore';
import type { PlansOverview } from '@/core/planning/plansOverview';
import type { DatasetRecord } from '@/storage/datasetRecord';
import type { GpuReport } from '@/workers/segment/api';
import { useStudio, useSystem } from '../useStudio';

export function usePlans<Part>(select: (state: PlansState) => Part): Part {
  return useStore(useStudio().plans.store, useShallow(select));
}

/** The dataset that plans lie in, if they lie in one. */
export function useDatasetOf(entry: PlansEntry): DatasetRecord | undefined {
  const datasets = usePlans((state) => state.datasets);
  return entry.owner === 'dataset' ? datasets.find(({ name }) => name === entry.datasetName) : undefined;
}

/** This computer's GPU, once it is open. */
export function useGpuReport(): GpuReport | undefined {
  return useSystem(({ gpu }) => (gpu.status === 'ready' ? gpu.report : undefined));
}

/** What was measured on this GPU. */
export function useThroughput(): Throughput | undefined {
  const facts = useGpuReport()?.facts;
  return useStore(throughputs, (state) => throughputOf(state, facts));
}

/** Costs on this computer, by configuration. */
export function useCosts(
  overview: PlansOverview,
  dataset: DatasetRecord | undefined,
): ReadonlyMap<string, ConfigurationCost> {
  const gpu = useGpuReport();
  const flopsPerSecond = useThroughput()?.flopsPerSecond;
  return useMemo(
    () => plansCosts(overview, dataset, gpu, flopsPerSecond),
    [overview, dataset, gpu, flopsPerSecond],
  );
}
