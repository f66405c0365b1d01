import { type Dispatch, foldGrid, type GpuArray } from '@/gpu/dispatch';
import source from './instanceNorm.wgsl?raw';
import { bindRange, type KernelLimits, planePieces } from './ranges';
import { commonStorage, enableStorage, storedType } from './storage';

const WORKGROUP_SIZE = 64;
/** Elements one workgroup handles: enough to hide its start, few enough that a plane occupies a whole GPU. */
const CHUNK_ELEMENTS = 16_384;
/** Every workgroup of the second pass merges all chunks of its plane, so their number is bounded. */
const MAX_CHUNKS = 256;

const PRELUDES = {
  1: `alias lanes = f32;
fn mergeLanes(count: f32, mean: f32, m2: f32) -> vec3f { return vec3f(count, mean, m2); }
`,
  4: `alias lanes = vec4f;
fn mergeLanes(count: f32, mean: vec4f, m2: vec4f) -> vec3f {
  let middle = dot(mean, vec4f(0.25));
  let distance = mean - middle;
  return vec3f(4.0 * count, middle, dot(m2, vec4f(1.0)) + count * dot(distance, distance));
}
`,
} as const;

/** How planes of this many elements are cut. */
export interface NormPartition {
  /** Elements per vector. */
  readonly width: 1 | 4;
  readonly chunkElements: number;
  readonly chunks: number;
}

/** Cuts a plane of `planeLength` elements into equal chunks. */
export function partitionPlane(planeLength: number): NormPartition {
  const chunks = Math.min(MAX_CHUNKS, Math.ceil(planeLength / CHUNK_ELEMENTS));
  const width = planeLength % 4 === 0 ? 4 : 1;
  const chunkElements = Math.ceil(planeLength / chunks / width) * width;
  return { width, chunkElements, chunks: Math.ceil(planeLength / chunkElements) };
}

/** Elements (f32) of the scratch array that normalising `planes` planes needs; 0 where one pass is enough. */
export function instanceNormPartialsSize(planes: number, planeLength: number): number {
  const { chunks } = partitionPlane(planeLength);
  return chunks === 1 ? 0 : planes * chunks * 4;
}

export interface InstanceNormArgs {
  readonly batch: number;
  readonly channels: number;
  /** Voxels per channel. */
  readonly planeLength: number;
  readonly limits: KernelLimits;
  /** `[n, c, z, y, x]`, f32 or f16, overwritten. */
  readonly values: GpuArray;
  /** {@link instanceNormPartialsSize} elements; unused where that is 0. */
  readonly partials: GpuArray | undefined;
  /** `[c]`. */
  readonly weight: GpuArray;
  /** `[c]`. */
  readonly bias: GpuArray;
  /** `[n, c, z, y, x]`, stored alike, added before the activation; another buffer than `values`. */
  readonly residual: GpuArray | undefined;
  /** `[c]` each, instead of each plane's own moments: batch norm in inference. */
  readonly running?: { readonly mean: GpuArray; readonly variance: GpuArray };
  readonly eps: number;
  /** Of the LeakyReLU that follows; 1 for none. */
  readonly negativeSlope: number;
}

/** In place: `values = leakyRelu(instanceNorm(values) [+ residual])`, or batch norm where running statistics are given. */
export function instanceNormForward(args: InstanceNormArgs): Dispatch[] {
  const { planeLength, partials } = args;
  const { chunks } = partitionPlane(planeLength);
  const suffix = args.residual ? 'Adding' : '';
  const ranges = planePieces(args.batch * args.channels, planeLength, args.limits);
  return ranges.flatMap((range) => {
    if (args.running) return [normDispatch(args, range, `running${suffix}`)];
    if (chunks === 1) return [normDispatch(args, range, `whole${suffix}`)];
    if (!partials) throw new Error(`instanceNorm: planes of ${planeLength} voxels need a scratch array`);
    return [normDispatch(args, range, 'statistics'), normDispatch(args, range, `apply${suffix}`)];
  });
}

/** Moments of every chunk (count, mean, sum of squared distances, 0) into `partials`; `values` are left as they are. */
export function instanceNormMoments(args: MomentsArgs): Dispatch[] {
  const { batch, channels, planeLength, limits } = args;
  return planePieces(batch * channels, planeLength, limits).map((range) =>
    normDispatch(args, range, 'statistics'),
  );
}

type MomentsArgs = Pick<
  InstanceNormArgs,
  'batch' | 'channels' | 'planeLength' | 'limits' | 'values' | 'partials'
>;

function normDispatch(
  args: MomentsArgs & Partial<InstanceNormArgs>,
  planes: { readonly start: number; readonly count: number },
  entryPoint: string,
): Dispatch {
  const { width, chunkElements, chunks } = partitionPlane(args.planeLength);
  const start = planes.start * args.planeLength;
  const count = planes.count * args.planeLength;
  const values = bindRange(args.values, start, count);
  const isStatistics = entryPoint === 'statistics';
  const usesPartials = isStatistics || (chunks > 1 && !args.running);
  const storage = commonStorage('instanceNorm', args.values, args.residual);
  return {
    label: `instanceNorm.${entryPoint}`,
    source: `${enableStorage(storage)}alias stored = ${storedType(storage, width)};\n${PRELUDES[width]}${source}`,
    entryPoint,
    constants: {
      workgroupSize: WORKGROUP_SIZE,
      ...(isStatistics ? {} : { eps: args.eps, negativeSlope: args.negativeSlope }),
    },
    uniform: Uint32Array.of(
      args.planeLength / width,
      chunkElements / width,
      chunks,
      planes.count,
      planes.start,
      values.base / width,
      args.channels,
    ),
    bindings: [
      values.array,
      usesPartials ? args.partials : undefined,
      isStatistics ? undefined : args.weight,
      isStatistics ? undefined : args.bias,
      args.residual && !isStatistics ? bindRange(args.residual, start, count).array : undefined,
      args.running?.mean,
      args.running?.variance,
    ],
    workgroups: [...foldGrid(args, planes.count * chunks), 1],
  };
}
