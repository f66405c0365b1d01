import { type Dispatch, foldGrid, type GpuArray } from '@/gpu/dispatch';
import { ALIGNMENT_ELEMENTS, bindingCapacity, bindRange, type KernelLimits, pieces } from '../ranges';
import adam from './adam.wgsl?raw';
import adan from './adan.wgsl?raw';
import controlStruct from './control.wgsl?raw';
import norm from './gradientNorm.wgsl?raw';
import { type LossScaling, type Optimiser, optimiserStateCount } from './optimiserOptions';
import sgd from './sgd.wgsl?raw';
import update from './update.wgsl?raw';

/** Elements whose squares one workgroup adds. */
const NORM_CHUNK = 16_384;
/** Elements that one workgroup updates. */
const UPDATE_CHUNK = 4096;

/**
 * Arrays of one layout and size, a multiple of 64 elements, f32, each in a buffer of its own; gaps are zero. They may be
 * ranges of larger arrays: parameters that no gradient reaches (a head of weight 0) belong to no arena, as PyTorch leaves
 * them alone, weight decay included.
 */
export interface OptimiserArena {
  readonly parameters: GpuArray;
  readonly gradients: GpuArray;
  /** {@link optimiserStateCount} arrays. */
  readonly states: readonly GpuArray[];
}

export interface OptimiserArgs {
  readonly optimiser: Optimiser;
  readonly arenas: readonly OptimiserArena[];
  /** {@link OPTIMISER_CONTROL_SIZE} elements, see {@link OptimiserControl}. */
  readonly control: GpuArray;
  /** {@link gradientNormPartialsSize} elements. */
  readonly partials: GpuArray;
  /** Norm of all gradients together beyond which they are scaled down to it; `undefined` never. */
  readonly clipNorm: number | undefined;
  /** `undefined` leaves the loss scale as it is. */
  readonly lossScaling: LossScaling | undefined;
  readonly limits: KernelLimits;
}

/** Elements (f32) of the norm's partial sums, for arenas of these sizes. */
export function gradientNormPartialsSize(arenaSizes: readonly number[]): number {
  return arenaSizes.reduce((sum, size) => sum + Math.ceil(size / NORM_CHUNK), 0);
}

/**
 * One optimiser step over all arenas: gradients are divided by the loss scale, clipped by their common norm, and applied.
 * Where that norm is not finite, no parameter, state or step count changes; control says so. Parameters are those of
 * PyTorch's optimisers, clipping that of `clip_grad_norm_`, loss scaling that of `GradScaler`.
 */
export function optimiserDispatches(args: OptimiserArgs): Dispatch[] {
  for (const arena of args.arenas) checkArena(args.optimiser, arena);
  return [...normDispatches(args), ...args.arenas.flatMap((arena) => updateDispatches(args, arena))];
}

function checkArena(optimiser: Optimiser, { parameters, gradients, states }: OptimiserArena): void {
  const count = optimiserStateCount(optimiser);
  if (states.length !== count) {
    throw new Error(`${optimiser.kind}: ${states.length} state arrays, ${count} needed`);
  }
  for (const { size } of [parameters, gradients, ...states]) {
    if (size !== parameters.size || size % ALIGNMENT_ELEMENTS !== 0) {
      throw new Error(
        `${optimiser.kind}: an array of ${size} elements beside ${parameters.size}; equal multiples of ${ALIGNMENT_ELEMENTS} needed`,
      );
    }
  }
}

/** Pieces of whole chunks, so that the sums do not depend on the binding limit. */
function chunkPieces(size: number, chunk: number, limits: KernelLimits): { start: number; count: number }[] {
  const chunks = Math.floor(bindingCapacity(limits) / chunk);
  if (chunks < 1) throw new Error(`optimiser: a chunk of ${chunk} elements exceeds the binding limit`);
  return pieces(size, chunks * chunk);
}

function normDispatches({
  optimiser,
  arenas,
  control,
  partials,
  clipNorm,
  lossScaling,
  limits,
}: OptimiserArgs) {
  const source = controlStruct + norm;
  const total = gradientNormPartialsSize(arenas.map(({ gradients }) => gradients.size));
  const dispatches: Dispatch[] = [];
  let firstPartial = 0;
  for (const { gradients } of arenas) {
    for (const { start, count } of chunkPieces(gradients.size, NORM_CHUNK, limits)) {
      const chunks = Math.ceil(count / NORM_CHUNK);
      dispatches.push({
        label: 'gradientNorm.squares',
        source,
        entryPoint: 'squares',
        constants: { chunkVectors: NORM_CHUNK / 4 },
        bindings: [control, bindRange(gradients, start, count).array, partials],
        uniform: Uint32Array.of(count / 4, firstPartial, total),
        workgroups: [...foldGrid({ limits }, chunks), 1],
      });
      firstPartial += chunks;
    }
  }
  const [logDecay1, logDecay2, logDecay3] = logDecays(optimiser);
  dispatches.push({
    label: 'gradientNorm.finish',
    source,
    entryPoint: 'finish',
    constants: {
      hasClip: Number(clipNorm !== undefined),
      clipNorm: clipNorm ?? 0,
      growthInterval: lossScaling?.growthInterval ?? 0,
      growthFactor: lossScaling?.growthFactor ?? 1,
      backoffFactor: lossScaling?.backoffFactor ?? 1,
      logDecay1,
      logDecay2,
      logDecay3,
    },
    bindings: [control, undefined, partials],
    uniform: Uint32Array.of(0, 0, total),
    workgroups: [1, 1, 1],
  });
  return dispatches;
}

/** Logarithms of what each running mean keeps of itself in a step. */
function logDecays(optimiser: Optimiser): readonly [number, number, number] {
  switch (optimiser.kind) {
    case 'sgd':
      return [0, 0, 0];
    case 'adam':
    case 'adamW':
      return [Math.log(optimiser.betas[0]), Math.log(optimiser.betas[1]), 0];
    case 'adan':
      return [
        Math.log1p(-optimiser.betas[0]),
        Math.log1p(-optimiser.betas[1]),
        Math.log1p(-optimiser.betas[2]),
      ];
    default:
      return optimiser satisfies never;
  }
}

function updateDispatches({ optimiser, control, limits }: OptimiserArgs, arena: OptimiserArena): Dispatch[] {
  const { source, entryPoint, constants } = updateKernel(optimiser);
  return chunkPieces(arena.parameters.size, UPDATE_CHUNK, limits).map(({ start, count }) => {
    const bind = (array: GpuArray) => bindRange(array, start, count).array;
    const states = Array.from({ length: 4 }, (_, i) => arena.states[i] && bind(arena.states[i]));
    return {
      label: `optimiser.${optimiser.kind}`,
      source: controlStruct + update + source,
      entryPoint,
      constants: { chunkVectors: UPDATE_CHUNK / 4, weightDecay: optimiser.weightDecay, ...constants },
      bindings: [control, bind(arena.parameters), bind(arena.gradients), ...states],
      uniform: Uint32Array.of(count / 4),
      workgroups: [...foldGrid({ limits }, Math.ceil(count / UPDATE_CHUNK)), 1],
    };
  });
}

interface UpdateKernel {
  readonly source: string;
  readonly entryPoint: string;
  readonly constants: Readonly<Record<string, number>>;
}

function updateKernel(optimiser: Optimiser): UpdateKernel {
  switch (optimiser.kind) {
    case 'sgd': {
      const { momentum, isNesterov } = optimiser;
      return { source: sgd, entryPoint: 'update', constants: { momentum, isNesterov: Number(isNesterov) } };
    }
    case 'adam':
    case 'adamW': {
      const [decay1, decay2] = optimiser.betas;
      return {
        source: adam,
        entryPoint: optimiser.isAmsgrad ? 'updateAmsgrad' : 'update',
        constants: {
          isDecoupled: Number(optimiser.kind === 'adamW'),
          decay1,
          newShare1: 1 - decay1,
          decay2,
          newShare2: 1 - decay2,
          eps: optimiser.eps,
        },
      };
    }
    case 'adan': {
      const [share1, share2, share3] = optimiser.betas;
      const { eps } = optimiser;
      return { source: adan, entryPoint: 'update', constants: { share1, share2, share3, eps } };
    }
    default:
      return optimiser satisfies never;
  }
}
