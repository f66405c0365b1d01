// Not nnU-Net's: plans for the GPU at hand and the hours a person has. nnU-Net's own rules make every candidate, for a
// smaller or larger memory target and for narrower networks; which one is taken is decided by planned bytes and time.

import { type DatasetToPlan, planExperiment } from './planExperiment';
import { PLANNERS, type Planner } from './planners';
import type { Configuration } from './plans';
import type { FingerprintDocument, PlansDocument } from './plansDocument';
import { readPlans } from './readPlans';
import { type TrainingCost, type TrainingDevice, trainingCost } from './trainingCost';
import { NNUNET_SCHEDULE, type TrainingSchedule } from './trainingSchedule';

export interface WebgpuPlanRequest {
  readonly fingerprint: FingerprintDocument;
  readonly dataset: DatasetToPlan;
  /** Heads' channels: one per label, or per region. */
  readonly outputChannels: number;
  readonly device: TrainingDevice;
  /** For one fold of one configuration. */
  readonly hours: number;
  /** What the networks are made of; nnU-Net's default planner if left out. */
  readonly planner?: Planner;
  readonly schedule?: TrainingSchedule;
}

/** One configuration of the result. */
interface WebgpuConfiguration {
  readonly name: string;
  readonly configuration: Configuration;
  readonly cost: TrainingCost;
  /** Share of the median case that a patch covers, 0…1. */
  readonly coverage: number;
  /** Where even the smallest candidate is too much: what is too much. */
  readonly exceeds: readonly ('memory' | 'buffer' | 'time')[];
}

export interface WebgpuPlan {
  readonly plans: PlansDocument;
  readonly configurations: readonly WebgpuConfiguration[];
}

/** Channels of the first stage, widest first; the others keep nnU-Net's ratio. */
const WIDTHS = [32, 24, 16] as const;
/** A patch that covers this much of the median case sees enough: nnU-Net's own threshold for a low resolution. */
const ENOUGH_COVERAGE = 0.25;
/** Memory targets to search in, in nnU-Net's GB. */
const SMALLEST_TARGET = 0.05;
const LARGEST_TARGET = 80;
/** Halvings of that range, in logarithm. */
const SEARCH_STEPS = 10;

export const WEBGPU_PLANNER_NAME = 'nnStudioWebGpuPlanner';
export const WEBGPU_PLANS_NAME = 'nnUNetPlans_webgpu';

/**
 * Plans that fit a device's memory and a time. For every width the largest target that fits is searched; a narrower
 * network is taken only for as long as a wider one's patch covers less than {@link ENOUGH_COVERAGE} of the median case.
 * `2d` is chosen by itself; `3d_lowres` and the cascade come with `3d_fullres`.
 */
export function planForWebgpu(job: WebgpuPlanRequest): WebgpuPlan {
  const best2d = chosen(job, '2d');
  const best3d = chosen(job, '3d_fullres');
  const volumes = best3d ? Object.entries(best3d.plans.configurations).filter(([name]) => name !== '2d') : [];
  const base = best3d ?? best2d;
  if (!base || !best2d) throw new Error('planForWebgpu: every dataset has a 2d configuration');
  const plans: PlansDocument = {
    ...base.plans,
    configurations: { '2d': best2d.plans.configurations['2d'], ...Object.fromEntries(volumes) },
  };
  const names = Object.keys(plans.configurations).filter((name) => name !== '3d_cascade_fullres');
  return {
    plans,
    configurations: names.map((name) => evaluated(job, name === '2d' ? best2d.plans : base.plans, name)),
  };
}

interface Candidate {
  readonly plans: PlansDocument;
  readonly width: number;
  readonly found: WebgpuConfiguration;
}

/** The candidate for one configuration, if the dataset calls for it. */
function chosen(job: WebgpuPlanRequest, name: string): Candidate | undefined {
  const candidates = WIDTHS.map((width) => largestFitting(job, name, width)).filter(
    (candidate) => candidate !== undefined,
  );
  const fitting = candidates.filter(({ found }) => found.exceeds.length === 0);
  if (fitting.length === 0) return candidates.at(-1);
  const enough = fitting.find(({ found }) => found.coverage >= ENOUGH_COVERAGE);
  return enough ?? fitting.reduce((best, each) => (each.found.coverage > best.found.coverage ? each : best));
}

/** The largest target whose plan fits; the smallest target where none does. */
function largestFitting(job: WebgpuPlanRequest, name: string, width: number): Candidate | undefined {
  const at = (target: number): Candidate | undefined => {
    const plans = planWith(job, width, target);
    if (!Object.hasOwn(plans.configurations, name)) return undefined;
    return { plans, width, found: evaluated(job, plans, name) };
  };
  let best = at(SMALLEST_TARGET);
  if (!best || best.found.exceeds.length > 0) return best;
  let [low, high] = [Math.log(SMALLEST_TARGET), Math.log(LARGEST_TARGET)];
  for (let step = 0; step < SEARCH_STEPS; step++) {
    const middle = (low + high) / 2;
    const candidate = at(Math.exp(middle));
    if (candidate && candidate.found.exceeds.length === 0) {
      best = candidate;
      low = middle;
    } else high = middle;
  }
  return best;
}

function planWith(
  { fingerprint, dataset, planner = PLANNERS[0] }: WebgpuPlanRequest,
  width: number,
  target: number,
): PlansDocument {
  const share = width / planner.baseFeatures;
  const narrowed: Planner = {
    ...planner,
    name: WEBGPU_PLANNER_NAME,
    plansName: WEBGPU_PLANS_NAME,
    baseFeatures: width,
    maxFeatures: { 2: planner.maxFeatures[2] * share, 3: planner.maxFeatures[3] * share },
    sharesDataWith: [],
  };
  return planExperiment(fingerprint, dataset, narrowed, { gpuMemoryTargetGb: target });
}

function evaluated(job: WebgpuPlanRequest, plans: PlansDocument, name: string): WebgpuConfiguration {
  const { device, dataset, hours, outputChannels, schedule = NNUNET_SCHEDULE } = job;
  const configuration = readPlans(JSON.stringify(plans), WEBGPU_PLANS_NAME).configurations[name];
  const channels = { input: dataset.channelNames.length, output: outputChannels };
  const cost = trainingCost(configuration, channels, device, schedule);
  const exceeds: WebgpuConfiguration['exceeds'][number][] = [];
  if (cost.trainingBytes > device.memoryBytes) exceeds.push('memory');
  if (cost.largestBufferBytes > device.device.limits.maxBufferSize) exceeds.push('buffer');
  if (cost.secondsInTotal > hours * 3600) exceeds.push('time');
  return { name, configuration, cost, coverage: coverageOf(plans, name), exceeds };
}

function coverageOf({ configurations }: PlansDocument, name: string): number {
  const { patch_size: patch, median_image_size_in_voxels: size } = configurations[name];
  if (!Array.isArray(patch) || !Array.isArray(size)) return 0;
  return patch.reduce((share, length, axis) => share * Math.min(1, length / size[axis]), 1);
}
