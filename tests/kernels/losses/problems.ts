import type { LossOptions, LossShape } from '@/kernels/losses/lossOptions';
import { seededRandom } from '@/shared/random';
import type { LossProblem } from '../../support/losses';

export interface ProblemSettings {
  /** Standard deviation of the logits. */
  readonly spread?: number;
  readonly seed?: number;
  /** Share of voxels that are ignored, where the loss ignores any. */
  readonly ignoredShare?: number;
}

/** Random logits that f32 holds exactly, and a random target. The last class is absent where there are more than two. */
export function randomProblem(
  options: LossOptions,
  shape: LossShape,
  { spread = 3, seed = 1, ignoredShare = 0.25 }: ProblemSettings = {},
): LossProblem {
  const { batch, classes, voxels } = shape;
  const random = seededRandom(seed);
  const logits = Float32Array.from({ length: batch * classes * voxels }, () => spread * random.normal());
  const present = classes > 2 ? classes - 1 : classes;
  const anyLabel = () => Math.floor(random.uniform() * present);
  const isIgnored = () => random.uniform() < ignoredShare;
  const { target } = options;
  if (target.kind === 'labels') {
    const { ignoreLabel } = target;
    const labels = Float64Array.from({ length: batch * voxels }, () =>
      ignoreLabel !== undefined && isIgnored() ? ignoreLabel : anyLabel(),
    );
    return { options, shape, logits, target: labels };
  }
  const channels = classes + (target.hasIgnore ? 1 : 0);
  const regions = Float64Array.from({ length: batch * channels * voxels }, (_, i) => {
    const channel = Math.floor(i / voxels) % channels;
    if (channel === classes) return Number(isIgnored());
    return Number(channel < present && random.uniform() < 0.4);
  });
  return { options, shape, logits, target: regions };
}
