// Runs a loss kernel on plain arrays.
import { allocate, arrayOf, readFloats, upload } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import { type Dispatch, runDispatches } from '@/gpu/dispatch';
import { lossDispatches } from '@/kernels/losses/loss';
import type { LossOptions, LossShape } from '@/kernels/losses/lossOptions';
import type { LossArgs } from '@/kernels/losses/lossPasses';
import { lossScratchSize, lossSumsSize } from '@/kernels/losses/lossSizes';
import { packLabels, packRegions } from '@/kernels/losses/target';
import { uploadAs } from './uploadAs';

export interface LossProblem {
  readonly options: LossOptions;
  readonly shape: LossShape;
  /** `[n, k, voxels]` */
  readonly logits: Float32Array;
  /** Labels `[n, voxels]`, or regions `[n, k (+ ignore), voxels]`. */
  readonly target: ArrayLike<number>;
}

export interface LossRun {
  readonly sums: Float32Array;
  readonly gradient: Float32Array;
}

/** The target as it is uploaded. */
export function packTarget({ options, shape, target }: LossProblem): Uint32Array {
  if (options.target.kind === 'labels') return packLabels(target);
  return packRegions(target, shape.classes + (options.target.hasIgnore ? 1 : 0), shape.voxels);
}

export type LossSettings = Partial<Pick<LossArgs, 'limits' | 'weight'>> & {
  readonly lossScale?: number;
  /** Of logits and gradient. */
  readonly storage?: 'f32' | 'f16';
};

/** All that {@link lossDispatches} leaves; scratch and results hold NaN before. */
export async function runLoss(
  gpu: Gpu,
  problem: LossProblem,
  settings: LossSettings = {},
  dispatchesOf: (args: LossArgs) => readonly Dispatch[] = lossDispatches,
): Promise<LossRun> {
  const { options, shape, logits } = problem;
  const { limits = gpu.limits, weight = 1, storage = 'f32' } = settings;
  const nothing = (size: number) => upload(gpu, new Float32Array(size).fill(Number.NaN), 'nothing');
  const arrays = {
    logits: await uploadAs(gpu, storage, logits),
    target: await upload(gpu, packTarget(problem), 'target'),
    gradient: await uploadAs(gpu, storage, new Float32Array(logits.length).fill(Number.NaN)),
    sums: await nothing(lossSumsSize(shape)),
    scratch: await nothing(lossScratchSize({ ...shape, options, limits, logits: { dtype: storage } })),
    lossScale: await upload(gpu, Float32Array.of(settings.lossScale ?? 1), 'loss scale'),
  };
  runDispatches(gpu, dispatchesOf({ ...shape, options, ...arrays, limits, weight }));
  const sums = await readFloats(gpu, arrays.sums);
  const gradient = await readFloats(gpu, arrays.gradient);
  for (const { buffer } of Object.values(arrays)) buffer.destroy();
  return { sums, gradient };
}

/** `size` counters, zero. */
export async function zeroCounts(gpu: Gpu, size: number) {
  return arrayOf(await allocate(gpu, size * 4, 'counts'), size, 'u32');
}
