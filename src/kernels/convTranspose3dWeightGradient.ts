import type { AdapterFacts } from '@/gpu/device';
import type { Dispatch, GpuArray } from '@/gpu/dispatch';
import {
  type WeightGradientKernel,
  type WeightGradientPlan,
  weightGradient,
  weightGradientCandidates,
  weightGradientScratchSize,
} from './conv3dWeightGradientLaunch';
import type { WeightGradientShape } from './conv3dWeightGradientShape';
import type { ConvTranspose3dShape } from './convTranspose3dShape';
import type { KernelLimits } from './ranges';

export interface ConvTranspose3dWeightGradientArgs {
  readonly shape: ConvTranspose3dShape;
  readonly limits: KernelLimits;
  readonly facts: AdapterFacts;
  /** `[n, cin, z, y, x]`. */
  readonly x: GpuArray;
  /** Gradient of the output, `[n, cout, z·kz, y·ky, x·kx]`. */
  readonly gy: GpuArray;
  /** `[cin, cout, kz, ky, kx]`. */
  readonly gw: GpuArray;
  /** {@link convTranspose3dWeightGradientScratchSize} elements. */
  readonly scratch?: GpuArray;
  /** Adds to `gw`. */
  readonly accumulate: boolean;
  /** Instead of the one chosen for the adapter. */
  readonly kernel?: WeightGradientKernel;
}

/** Gradient of the weight: `gw[i, o, tap] (+)= Σ_{n, p} x[n, i, p] · gy[n, o, p · stride + tap]`. */
export function convTranspose3dWeightGradient(args: ConvTranspose3dWeightGradientArgs): Dispatch[] {
  const { shape, facts, limits, kernel, x, gy, gw, scratch, accumulate } = args;
  return weightGradient({
    ...planOf(shape, facts, limits, kernel),
    outer: x,
    inner: gy,
    gradient: gw,
    scratch,
    accumulate,
  });
}

/** Elements (f32) of the scratch array; 0 for none. */
export function convTranspose3dWeightGradientScratchSize(
  shape: ConvTranspose3dShape,
  facts: AdapterFacts,
  limits: KernelLimits,
  { kernel }: Pick<ConvTranspose3dWeightGradientArgs, 'kernel'> = {},
): number {
  return weightGradientScratchSize(planOf(shape, facts, limits, kernel));
}

/** A strided correlation without padding, in which the gradient of the output takes the place of the input. */
function planOf(
  { batch, inChannels, outChannels, inputSize, stride }: ConvTranspose3dShape,
  facts: AdapterFacts,
  limits: KernelLimits,
  kernel?: WeightGradientKernel,
): WeightGradientPlan {
  const shape: WeightGradientShape = {
    batch,
    outerChannels: inChannels,
    innerChannels: outChannels,
    outerSize: inputSize,
    innerSize: [inputSize[0] * stride[0], inputSize[1] * stride[1], inputSize[2] * stride[2]],
    kernelSize: stride,
    stride,
    padding: [0, 0, 0],
  };
  return {
    shape,
    kernel: kernel ?? weightGradientCandidates(shape, facts)[0],
    window: { start: 0, of: outChannels },
    limits,
  };
}
