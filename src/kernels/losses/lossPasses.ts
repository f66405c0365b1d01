// The passes of a loss over voxels: which shader each is in, and what it binds.

import { type Dispatch, foldGrid, type GpuArray } from '@/gpu/dispatch';
import { bindRange, type KernelLimits } from '../ranges';
import everyVoxel from './everyVoxel.wgsl?raw';
import labelLoss from './labelLoss.wgsl?raw';
import labelLossParts from './labelLossParts.wgsl?raw';
import { type LogitsPiece, type SampleRange, voxelRuns } from './logitsPieces';
import type { LossOptions } from './lossOptions';
import {
  bindLogits,
  bindTarget,
  chunksOf,
  type LossLayout,
  scratchSections,
  sharedSource,
  sizesUniform,
  voxelSpan,
} from './lossSizes';
import rankedVoxels from './rankedVoxels.wgsl?raw';
import regionLoss from './regionLoss.wgsl?raw';
import softmax from './softmax.wgsl?raw';

const LANES = 64;

/** `gradient`, `sums` and `scratch` share no buffer with `logits`, `target` and `lossScale`. */
export interface LossArgs extends LossLayout {
  readonly limits: KernelLimits;
  /** `[n, k, voxels]`, f32 or f16. */
  readonly logits: GpuArray;
  /** Of {@link packLabels} or {@link packRegions}, u32. */
  readonly target: GpuArray;
  /** Samples in `target` before the loss's first; 0 if left out. */
  readonly targetStart?: number;
  /** `[n, k, voxels]`, of the same type, written: `weight · lossScale · d loss / d logits`. */
  readonly gradient: GpuArray;
  /** {@link lossSumsSize} elements, written; neither `weight` nor `lossScale` is in them. */
  readonly sums: GpuArray;
  /** {@link lossScratchSize} elements. */
  readonly scratch: GpuArray;
  /** One element or more, of which the first multiplies the gradient: an optimiser's control array, or a 1. */
  readonly lossScale: GpuArray;
  /** Of this deep-supervision head. */
  readonly weight: number;
}

/** Where the shaders bind what. */
const BINDINGS = {
  logits: 0,
  target: 1,
  gradient: 2,
  partials: 3,
  coefficients: 5,
  states: 6,
  voxelLosses: 7,
  lossScale: 8,
} as const;
const UNIFORM_BINDING = 9;
type Bound = keyof typeof BINDINGS;

/** An entry point, run once a voxel or once a chunk. */
interface Pass {
  readonly entryPoint: string;
  readonly per: 'voxel' | 'chunk';
  readonly binds: readonly Bound[];
}

const STATISTICS: Pass = {
  entryPoint: 'statistics',
  per: 'chunk',
  binds: ['logits', 'target', 'partials', 'voxelLosses'],
};
const GRADIENT: Pass = {
  entryPoint: 'gradientPass',
  per: 'voxel',
  binds: ['logits', 'target', 'gradient', 'coefficients', 'voxelLosses', 'lossScale'],
};

/** What a cut sample goes through instead; each but `SUM_LOSSES` once for each group of classes. */
const FIND_LARGEST: Pass = { entryPoint: 'findLargest', per: 'voxel', binds: ['logits', 'states'] };
const ADD_DISTANCES: Pass = {
  entryPoint: 'addDistances',
  per: 'voxel',
  binds: ['logits', 'target', 'states'],
};
const SUM_LOSSES: Pass = {
  entryPoint: 'sumLosses',
  per: 'chunk',
  binds: ['target', 'partials', 'states', 'voxelLosses'],
};
const SUM_DICE: Pass = {
  entryPoint: 'sumDice',
  per: 'chunk',
  binds: ['logits', 'target', 'partials', 'states'],
};
const ADD_WEIGHTED: Pass = {
  entryPoint: 'addWeighted',
  per: 'voxel',
  binds: ['logits', 'target', 'coefficients', 'states'],
};
const GRADIENT_OF_PART: Pass = { ...GRADIENT, binds: [...GRADIENT.binds, 'states'] };

/**
 * First of three parts, for losses over micro-batches: sums of `samples`, which `logits` and `gradient` then hold alone,
 * while `batch`, `target`, `sums` and `scratch` are of the whole batch.
 */
export function lossStatistics(args: LossArgs, samples: SampleRange): Dispatch[] {
  if (args.gradient.dtype !== args.logits.dtype) {
    throw new Error(`loss: logits are ${args.logits.dtype}, their gradient ${args.gradient.dtype}`);
  }
  return voxelRuns(args, samples.count).flatMap(({ allClasses, pieces }) => {
    const run = (pass: Pass) => pieces.map((piece) => dispatchOf(pass, args, samples, piece));
    if (!isCutByClasses(args, pieces)) return run(STATISTICS);
    return [
      ...run(FIND_LARGEST),
      ...run(ADD_DISTANCES),
      dispatchOf(SUM_LOSSES, args, samples, allClasses),
      ...(hasDice(args) ? run(SUM_DICE) : []),
    ];
  });
}

/** Third part: the gradient of `samples`. */
export function lossGradient(args: LossArgs, samples: SampleRange): Dispatch[] {
  return voxelRuns(args, samples.count).flatMap(({ pieces }) => {
    const run = (pass: Pass) => pieces.map((piece) => dispatchOf(pass, args, samples, piece));
    if (!isCutByClasses(args, pieces)) return run(GRADIENT);
    return [...run(FIND_LARGEST), ...run(ADD_WEIGHTED), ...run(GRADIENT_OF_PART)];
  });
}

/** Whether the loss has a Dice of any class. */
export function hasDice({ options, classes }: Pick<LossArgs, 'options' | 'classes'>): boolean {
  return options.diceWeight !== 0 && (options.doBackground || classes > 1);
}

/** Whether the loss is one of regions, each of which is evaluated on its own. */
export function isRegions({ target }: Pick<LossOptions, 'target'>): boolean {
  return target.kind === 'regions';
}

function isCutByClasses({ options }: LossArgs, pieces: readonly LogitsPiece[]): boolean {
  return pieces.length > 1 && !isRegions(options);
}

/** `samples`: those that the arrays hold, of which `piece` is a part. */
function dispatchOf(pass: Pass, args: LossArgs, samples: SampleRange, piece: LogitsPiece): Dispatch {
  const { options, voxels, targetStart = 0 } = args;
  const sections = scratchSections(args, args.scratch);
  const firstSample = samples.start + piece.samples.start;
  const target = bindTarget(args.target, args, targetStart + firstSample, piece);
  const isRanked = options.topKPercent !== undefined;
  const firstLoss = firstSample * voxels + piece.voxels.start;
  const losses = bindRange(sections.voxelLosses, firstLoss, voxelSpan(voxels, piece));
  const logits = bindLogits(args.logits, args, piece);
  const gradient = bindLogits(args.gradient, args, piece);
  const arrays: Record<Bound, GpuArray | undefined> = {
    logits: logits.array,
    target: target.array,
    gradient: gradient.array,
    partials: sections.partials,
    coefficients: sections.coefficients,
    states: sections.states,
    voxelLosses: isRanked ? losses.array : undefined,
    lossScale: args.lossScale,
  };
  const bindings: (GpuArray | undefined)[] = new Array(UNIFORM_BINDING).fill(undefined);
  for (const name of pass.binds) bindings[BINDINGS[name]] = arrays[name];
  const units = pass.per === 'chunk' ? chunksOf(piece.voxels.count) : piece.voxels.count / LANES;
  return {
    label: `loss.${pass.entryPoint}`,
    source: sharedSource(args.logits.dtype) + lossSource(args, pass),
    entryPoint: pass.entryPoint,
    constants: constantsOf(args, pass),
    bindings,
    uniform: sizesUniform(options, args, {
      ...piece,
      samples: { start: firstSample, count: piece.samples.count },
      logitsBase: logits.base,
      gradientBase: gradient.base,
      targetBase: target.base,
      lossesBase: losses.base,
      weight: args.weight,
    }),
    workgroups: [...foldGrid(args, Math.ceil(piece.samples.count * units)), 1],
  };
}

function lossSource({ options }: LossArgs, { binds }: Pass): string {
  if (isRegions(options)) return regionLoss;
  const kept = options.topKPercent === undefined ? everyVoxel : rankedVoxels;
  return softmax + kept + (binds.includes('states') ? labelLossParts : labelLoss);
}

function constantsOf(args: LossArgs, pass: Pass): Record<string, number> {
  const { labelSmoothing } = args.options;
  return {
    ...(isRegions(args.options) ? {} : { labelSmoothing }),
    ...(pass === STATISTICS ? { hasDice: Number(hasDice(args)) } : {}),
  };
}
