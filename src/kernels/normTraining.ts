// Launchers of the norm's passes in training. All arrays of voxels are `[n, c, z, y, x]`, all f32 or all f16.

import { type Dispatch, foldGrid, type GpuArray } from '@/gpu/dispatch';
import { instanceNormMoments, partitionPlane } from './instanceNorm';
import source from './normTraining.wgsl?raw';
import { bindRange, type KernelLimits, planePieces } from './ranges';
import { commonStorage, enableStorage, type FeatureDtype, featureDtypeOf, storedType } from './storage';

const WORKGROUP_SIZE = 64;
/** Binding of the affine's gradient; the uniform comes after it. */
const BINDINGS = 10;

const ELEMENTS = {
  1: 'alias lanes = f32;\nfn total(value: f32) -> f32 { return value; }',
  4: 'alias lanes = vec4f;\nfn total(value: vec4f) -> f32 { return dot(value, vec4f(1.0)); }',
} as const;

/** Where passes find the residual, the side of the activation, and the gradient. */
interface Variant {
  /** `other` holds the residual, or the output. */
  readonly hasOther: boolean;
  /** `y` holds the gradient. */
  readonly isInPlace: boolean;
}

function moduleSource(width: 1 | 4, storage: FeatureDtype, { hasOther, isInPlace }: Variant): string {
  return `${enableStorage(storage)}alias stored = ${storedType(storage, width)};
${ELEMENTS[width]}
fn residualAt(i: u32) -> lanes { return ${hasOther ? 'lanes(other[i])' : 'lanes(0.0)'}; }
fn sideOf(value: lanes, i: u32) -> lanes { return ${hasOther ? 'lanes(other[i])' : 'value'}; }
fn gradientAt(i: u32) -> lanes { return ${isInPlace ? 'lanes(y[i])' : 'lanes(gradient[i])'}; }
${source}`;
}

/** Sizes that every pass needs. */
export interface NormSizes {
  readonly batch: number;
  readonly channels: number;
  /** Voxels per channel. */
  readonly planeLength: number;
  readonly limits: KernelLimits;
}

/** What passes over the voxels read. */
interface NormArrays {
  readonly x: GpuArray;
  /** `[n, c, 2]`: mean and 1/σ. */
  readonly statistics: GpuArray;
  /** `[c]`. */
  readonly weight: GpuArray;
  /** `[c]`. */
  readonly bias: GpuArray;
}

export interface NormActivation extends NormSizes, NormArrays {
  /** 1 for none. */
  readonly negativeSlope: number;
}

/** Elements (f32) of the scratch array of {@link normStatistics} and {@link normGradientSums}. */
export function normScratchSize({ batch, channels, planeLength }: Omit<NormSizes, 'limits'>): number {
  return batch * channels * partitionPlane(planeLength).chunks * 4;
}

/** `statistics` of `x`: mean and `1/√(variance + eps)`. */
export function normStatistics(
  args: NormSizes & {
    readonly x: GpuArray;
    readonly statistics: GpuArray;
    readonly scratch: GpuArray;
    readonly eps: number;
  },
): Dispatch[] {
  const { batch, channels, statistics, scratch, eps } = args;
  return [
    ...instanceNormMoments({ ...args, values: args.x, partials: scratch }),
    perThread(
      args,
      'finishStatistics',
      batch * channels,
      [
        [1, statistics],
        [7, scratch],
      ],
      { eps },
    ),
  ];
}

/** `y = leakyRelu(x̂ · weight + bias [+ residual])`; `y` in another buffer than what it reads. */
export function normApply(
  args: NormActivation & { readonly residual: GpuArray | undefined; readonly y: GpuArray },
): Dispatch[] {
  const { residual, y } = args;
  const variant = { hasOther: residual !== undefined, isInPlace: false };
  return overVoxels(args, 'apply', variant, (range) => [
    [4, range(residual)],
    [6, range(y)],
  ]);
}

/** The gradient that came from above, and the norm's output where a residual was added. */
export interface NormGradient extends NormActivation {
  readonly output: GpuArray | undefined;
  readonly gradient: GpuArray;
  /** `[n, c, 2]`: `Σ g` and `Σ g·x̂`. */
  readonly sums: GpuArray;
}

/** Writes `sums`. */
export function normGradientSums(args: NormGradient & { readonly scratch: GpuArray }): Dispatch[] {
  const { batch, channels, output, gradient, sums, scratch } = args;
  const variant = { hasOther: output !== undefined, isInPlace: false };
  return [
    ...overVoxels(args, 'gradientSums', variant, (range) => [
      [4, range(output)],
      [5, range(gradient)],
      [7, scratch],
    ]),
    perThread(args, 'finishSums', batch * channels, [
      [7, scratch],
      [8, sums],
    ]),
  ];
}

/** `gx`, the gradient with respect to `x`: another buffer, or the gradient's own array. */
export function normInputGradient(args: NormGradient & { readonly gx: GpuArray }): Dispatch[] {
  const { output, gradient, sums, gx } = args;
  const isInPlace = gx.buffer === gradient.buffer && gx.offset === gradient.offset;
  const variant = { hasOther: output !== undefined, isInPlace };
  return overVoxels(args, 'inputGradient', variant, (range) => [
    [4, range(output)],
    [5, isInPlace ? undefined : range(gradient)],
    [6, range(gx)],
    [8, sums],
  ]);
}

/** Whose gradient is wanted. */
export interface NormAffineGradientArgs extends NormSizes {
  readonly of: 'weight' | 'bias';
  /** `[n, c, 2]`, of {@link normGradientSums}. */
  readonly sums: GpuArray;
  /** `[c]`. */
  readonly result: GpuArray;
  /** Adds to `result`. */
  readonly accumulate: boolean;
}

/** The gradient of the weight or the bias from the sums. */
export function normAffineGradient(args: NormAffineGradientArgs): Dispatch {
  const constants = { whichSum: args.of === 'weight' ? 1 : 0, adds: Number(args.accumulate) };
  return perThread(
    args,
    'affineGradientOf',
    args.channels,
    [
      [8, args.sums],
      [9, args.result],
    ],
    constants,
  );
}

type Bindings = readonly (readonly [number, GpuArray | undefined])[];

function overVoxels(
  args: NormActivation,
  entryPoint: 'apply' | 'gradientSums' | 'inputGradient',
  variant: Variant,
  bindingsOf: (range: (array: GpuArray | undefined) => GpuArray | undefined) => Bindings,
): Dispatch[] {
  const { batch, channels, planeLength, limits, statistics, weight, bias, negativeSlope } = args;
  const { width, chunkElements, chunks } = partitionPlane(planeLength);
  return planePieces(batch * channels, planeLength, limits).map((planes) => {
    const start = planes.start * planeLength;
    const count = planes.count * planeLength;
    const range = (array: GpuArray | undefined) => {
      commonStorage('norm', args.x, array);
      return array && bindRange(array, start, count).array;
    };
    const bound = bindRange(args.x, start, count);
    return {
      label: `norm.${entryPoint}`,
      source: moduleSource(width, featureDtypeOf(args.x), variant),
      entryPoint,
      constants: { workgroupSize: WORKGROUP_SIZE, negativeSlope },
      bindings: inOrder([[0, bound.array], [1, statistics], [2, weight], [3, bias], ...bindingsOf(range)]),
      uniform: Uint32Array.of(
        planeLength / width,
        chunkElements / width,
        chunks,
        planes.count,
        planes.start,
        bound.base / width,
        channels,
        planeLength,
      ),
      workgroups: [...foldGrid({ limits }, planes.count * chunks), 1],
    };
  });
}

function perThread(
  { batch, channels, planeLength, limits }: NormSizes,
  entryPoint: string,
  threads: number,
  bindings: Bindings,
  constants: Readonly<Record<string, number>> = {},
): Dispatch {
  const { width, chunkElements, chunks } = partitionPlane(planeLength);
  return {
    label: `norm.${entryPoint}`,
    source: moduleSource(width, 'f32', { hasOther: false, isInPlace: false }),
    entryPoint,
    constants: { workgroupSize: WORKGROUP_SIZE, ...constants },
    bindings: inOrder(bindings),
    uniform: Uint32Array.of(
      planeLength / width,
      chunkElements / width,
      chunks,
      batch * channels,
      0,
      0,
      channels,
      planeLength,
    ),
    workgroups: [...foldGrid({ limits }, Math.ceil(threads / WORKGROUP_SIZE)), 1],
  };
}

function inOrder(bindings: Bindings): (GpuArray | undefined)[] {
  const byNumber = new Map(bindings);
  return Array.from({ length: BINDINGS }, (_, binding) => byNumber.get(binding));
}
