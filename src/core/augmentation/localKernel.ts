// A Gaussian bump somewhere in or near the patch, as weights from 0 to 1: what local transforms are strongest at.

import type { Zyx } from '@/shared/geometry';
import { type Random, uniformIn } from '@/shared/random';
import { planeLength } from './patch';

/** Per axis `[z, y, x]`, voxels. */
export interface LocalKernel {
  readonly centre: Zyx;
  /** Standard deviation; 0 along an axis without a bump. */
  readonly width: Zyx;
}

const CENTRE_RANGE = [-0.5, 1.5] as const;

/** The widths that `nnUNetTrainerDA5` draws: evenly in their logarithm, from a sixth of the axis to all of it. */
export function drawLocalKernel(random: Random, patchSize: Zyx, dimension: 2 | 3): LocalKernel {
  const centre = (axis: 0 | 1 | 2) => uniformIn(random, CENTRE_RANGE) * patchSize[axis];
  const width = (axis: 0 | 1 | 2) => {
    if (axis === 0 && dimension === 2) return 0;
    const narrowest = Math.max(1, Math.floor(patchSize[axis] / 6));
    return Math.exp(uniformIn(random, [Math.log(narrowest), Math.log(patchSize[axis])]));
  };
  return { centre: [centre(0), centre(1), centre(2)], width: [width(0), width(1), width(2)] };
}

/** The bump as a product of axes: the weight of a voxel is `(z · y · x − lowest) / (1 − lowest)`. */
export interface LocalKernelAxes {
  /** z, y, x: the bump's mass in each voxel, the largest being 1. */
  readonly axes: readonly Float32Array[];
  /** Smallest product; 1 where there is no bump. */
  readonly lowest: number;
}

export function localKernelAxes({ centre, width }: LocalKernel, shape: Zyx): LocalKernelAxes {
  const axes = shape.map((size, axis) => {
    const mass = axisMass(size, centre[axis], width[axis]);
    const largest = Math.max(...mass);
    return Float32Array.from(mass, (value) => value / largest);
  });
  return { axes, lowest: axes.reduce((product, axis) => product * Math.min(...axis), 1) };
}

/** `[z, y, x]`: the bump shifted and scaled to 0 … 1. Follows `LocalTransform._generate_kernel`. */
export function localKernelWeights(kernel: LocalKernel, shape: Zyx): Float32Array {
  const {
    axes: [inZ, inY, inX],
    lowest,
  } = localKernelAxes(kernel, shape);
  const weights = new Float32Array(planeLength({ shape }));
  if (lowest === 1) return weights;
  let i = 0;
  for (const z of inZ)
    for (const y of inY) for (const x of inX) weights[i++] = (z * y * x - lowest) / (1 - lowest);
  return weights;
}

function axisMass(size: number, centre: number, width: number): number[] {
  if (width === 0) return Array.from({ length: size }, () => 1);
  const below = (edge: number) => normalCdf((edge - 0.5 - centre) / width);
  return Array.from({ length: size }, (_, i) => below(i + 1) - below(i));
}

/** Of the standard normal distribution, to about 1e-15. */
export function normalCdf(x: number): number {
  if (x > 0) return 1 - normalCdf(-x);
  const density = Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
  if (x < -5) return density / tailFraction(-x);
  // ½ − φ(x) · (|x| + |x|³/3 + |x|⁵/15 + …)
  let term = -x;
  let sum = term;
  for (let n = 3; term > 1e-17 * sum; n += 2) {
    term *= (x * x) / n;
    sum += term;
  }
  return 0.5 - density * sum;
}

/** `x + 1/(x + 2/(x + 3/…))`, so that the tail beyond `x` is the density over it. */
function tailFraction(x: number): number {
  let fraction = x;
  for (let n = 60; n > 0; n--) fraction = x + n / fraction;
  return fraction;
}
