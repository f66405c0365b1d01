import type { Studio } from '@/app/studio';
import { plansJson } from '@/core/planning/writePlans';
import { StudioError } from '@/shared/errors';
import { formatBytes } from '@/shared/numeric';
import type { DatasetRecord } from '@/storage/datasetRecord';
import type { PlannedForGpu } from '@/workers/plan/api';
import { outputChannelsOf, trainingDevice } from './plansCost';
import { type PlansEntry, readerNameFor } from './plansStore';
import { throughputOf, throughputs } from './throughputStore';

export interface GpuPlanChoice {
  /** For one fold of one configuration. */
  readonly hours: number;
  /** What a training may take. */
  readonly memoryGb: number;
  readonly plansName: string;
  readonly onStep: (step: string) => void;
}

export interface GpuPlans {
  readonly entry: PlansEntry;
  /** Configurations that are too much even at their smallest, each in a sentence. */
  readonly warnings: readonly string[];
}

/**
 * Plans a dataset for the GPU at hand, whose speed is measured where it is not known, and keeps the plans. Throws
 * `NoFingerprint`, `NoAdapter`, or `NothingFits` where even the smallest network is too much.
 */
export async function planForThisGpu(
  { datasets, planning, plans, system }: Pick<Studio, 'datasets' | 'planning' | 'plans' | 'system'>,
  dataset: DatasetRecord,
  { hours, memoryGb, plansName, onStep }: GpuPlanChoice,
): Promise<GpuPlans> {
  const fingerprint = await datasets.api.readFingerprint(dataset.name);
  if (!fingerprint) {
    throw new StudioError(
      'NoFingerprint',
      `${dataset.name} has no fingerprint.`,
      'Extract it under Data first.',
    );
  }
  const { gpu } = system.store.getState();
  if (gpu.status !== 'ready') {
    throw new StudioError(
      'NoAdapter',
      'There is no GPU to plan for.',
      "Choose one of nnU-Net's own planners.",
    );
  }
  const { facts } = gpu.report;
  if (!throughputOf(throughputs.getState(), facts)) {
    onStep('Measuring this GPU');
    await planning.measureThroughput();
  }
  const throughput = throughputOf(throughputs.getState(), facts);
  if (!throughput) throw new Error('planForThisGpu: the worker opened another adapter');
  onStep('Searching for the largest patch that fits');
  const planned = await planning.planForGpu({
    fingerprint,
    dataset: {
      name: dataset.name,
      channelNames: dataset.channelNames,
      labelEntries: dataset.labels.length,
      numTraining: dataset.numTraining,
      imageReaderWriter: readerNameFor(dataset),
    },
    outputChannels: outputChannelsOf(dataset),
    device: trainingDevice(gpu.report, memoryGb * 1e9, throughput.flopsPerSecond),
    hours,
  });
  if (planned.exceeding.length === plannedCount(planned.plans)) {
    throw new StudioError('NothingFits', tooMuch(planned.exceeding[0]), 'Allow more hours or memory.');
  }
  const entry = await plans.saveToDataset(dataset.name, plansJson(renamed(planned.plans, plansName)));
  return { entry, warnings: planned.exceeding.map(tooMuch) };
}

/** The cascade has no plan of its own. */
function plannedCount({ configurations }: PlannedForGpu['plans']): number {
  return Object.values(configurations).filter((one) => !('inherits_from' in one)).length;
}

function tooMuch({
  name,
  exceeds,
  trainingBytes,
  secondsInTotal,
  partSamples,
}: PlannedForGpu['exceeding'][number]): string {
  const needs = {
    memory: `${formatBytes(trainingBytes)} of GPU memory`,
    buffer: 'larger buffers than this GPU has',
    time: `${Math.ceil(secondsInTotal / 3600)} hours`,
  };
  const sentence = `${name} needs ${exceeds.map((what) => needs[what]).join(' and ')} even at its smallest.`;
  if (exceeds.includes('time') || partSamples === undefined) return sentence;
  return `${sentence} Training finds room for it all the same, with ${partSamples} of a batch at a time.`;
}

/** The plans, and their folders of preprocessed data, under the name that was asked for. */
function renamed<Document extends { readonly plans_name: string; readonly configurations: object }>(
  plans: Document,
  plansName: string,
): Document {
  const configurations = Object.fromEntries(
    Object.entries(plans.configurations).map(([name, configuration]) => [
      name,
      'data_identifier' in configuration
        ? { ...configuration, data_identifier: `${plansName}_${name}` }
        : configuration,
    ]),
  );
  return { ...plans, plans_name: plansName, configurations };
}
