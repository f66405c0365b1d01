import type { AdapterFacts } from '@/gpu/device';
import type { Dispatch, GpuArray } from '@/gpu/dispatch';
import { type Conv3dShape, conv3dOutputSize } from './conv3dShape';
import {
  type WeightGradientKernel,
  type WeightGradientPlan,
  weightGradient,
  weightGradientCandidates,
  weightGradientScratchSize,
} from './conv3dWeightGradientLaunch';
import type { ChannelWindow, WeightGradientShape } from './conv3dWeightGradientShape';
import type { KernelLimits } from './ranges';

export interface Conv3dWeightGradientArgs {
  /** `inChannels` counts the channels of this `x`. */
  readonly shape: Conv3dShape;
  readonly limits: KernelLimits;
  readonly facts: AdapterFacts;
  /** `[n, cin, z, y, x]`. */
  readonly x: GpuArray;
  /** Gradient of the output, `[n, cout, z, y, x]`. */
  readonly gy: GpuArray;
  /** `[cout, cin, kz, ky, kx]`, or `[cout, of, kz, ky, kx]` where `inChannels` is given. */
  readonly gw: GpuArray;
  /** {@link conv3dWeightGradientScratchSize} elements. */
  readonly scratch?: GpuArray;
  /** Where `x` is one source of a concatenation: the input channels of the weight that it fills; no others are written. */
  readonly inChannels?: ChannelWindow;
  /** Adds to `gw`. */
  readonly accumulate: boolean;
  /** Instead of the one chosen for the adapter. */
  readonly kernel?: WeightGradientKernel;
}

/** Gradient of the weight: `gw[o, i, tap] (+)= Σ_{n, p} gy[n, o, p] · x[n, i, p · stride + tap − (k − 1) / 2]`. */
export function conv3dWeightGradient(args: Conv3dWeightGradientArgs): Dispatch[] {
  const { shape, facts, limits, inChannels, kernel, x, gy, gw, scratch, accumulate } = args;
  return weightGradient({
    ...planOf(shape, facts, limits, inChannels, kernel),
    outer: gy,
    inner: x,
    gradient: gw,
    scratch,
    accumulate,
  });
}

/** Elements (f32) of the scratch array; 0 for none. */
export function conv3dWeightGradientScratchSize(
  shape: Conv3dShape,
  facts: AdapterFacts,
  limits: KernelLimits,
  { inChannels, kernel }: Pick<Conv3dWeightGradientArgs, 'inChannels' | 'kernel'> = {},
): number {
  return weightGradientScratchSize(planOf(shape, facts, limits, inChannels, kernel));
}

function planOf(
  shape: Conv3dShape,
  facts: AdapterFacts,
  limits: KernelLimits,
  window: ChannelWindow = { start: 0, of: shape.inChannels },
  kernel?: WeightGradientKernel,
): WeightGradientPlan {
  const correlation = conv3dCorrelation(shape);
  return {
    shape: correlation,
    kernel: kernel ?? weightGradientCandidates(correlation, facts)[0],
    window,
    limits,
  };
}

/** Families worth measuring for the gradient of a convolution's weight, the likely best first. */
export function conv3dWeightGradientCandidates(
  shape: Conv3dShape,
  facts: Pick<AdapterFacts, 'isSoftware' | 'subgroupSize'>,
): WeightGradientKernel[] {
  return weightGradientCandidates(conv3dCorrelation(shape), facts);
}

/** The gradient as a correlation of the input with the gradient of the output. */
function conv3dCorrelation(shape: Conv3dShape): WeightGradientShape {
  const { batch, inChannels, outChannels, inputSize, kernelSize, stride } = shape;
  return {
    batch,
    outerChannels: outChannels,
    innerChannels: inChannels,
    outerSize: conv3dOutputSize(shape),
    innerSize: inputSize,
    kernelSize,
    stride,
    padding: [(kernelSize[0] - 1) / 2, (kernelSize[1] - 1) / 2, (kernelSize[2] - 1) / 2],
  };
}
