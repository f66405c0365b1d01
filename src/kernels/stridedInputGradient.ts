// Input gradient of a convolution with a stride, which is no convolution itself. One thread computes a strip of voxels
// along x times eight channels. Every accumulator is a named variable: an array indexed by a loop variable may be placed
// in memory.

import type { AdapterFacts } from '@/gpu/device';
import { type Dispatch, foldGrid, type GpuArray } from '@/gpu/dispatch';
import { elementCount } from '@/shared/geometry';
import { packedConv3dWeightSize } from './conv3d';
import type { LanesKernel } from './conv3dLanes';
import { type Conv3dShape, conv3dOutputSize } from './conv3dShape';
import { packBlocks, packConv3dWeightOnDevice, packedBlocksSize, type RawWeight } from './packWeight';
import { bindingCapacity, bindRange, exceedsBinding, type KernelLimits, pieces } from './ranges';
import { enableStorage, type FeatureDtype, featureDtypeOf } from './storage';
import { stridedLanesGradient, stridedLanesKernel, turned } from './stridedInputGradientLanes';

const WORKGROUP_SIZE = 64;
/** Channels of the gradient per thread. */
const OUT_BLOCK = 8;
const QUADS = OUT_BLOCK / 4;
/** Voxels of the coarser grid per thread. */
const STEPS = 4;

export interface StridedInputGradientArgs {
  /** Of the convolution. */
  readonly shape: Conv3dShape;
  readonly kernel: StridedKernel;
  readonly limits: KernelLimits;
  /** Gradient with respect to the output, f32 or f16. */
  readonly gy: GpuArray;
  /** Packed as {@link stridedWeight} says. */
  readonly weight: GpuArray;
  /** `[n, cin, z, y, x]`, f32 or f16, another buffer. */
  readonly gx: GpuArray;
  /** Adds to what `gx` holds. */
  readonly accumulate: boolean;
}

/** The lanes of an adapter where they can be used, else what any adapter runs. */
export type StridedKernel = LanesKernel | { readonly family: 'direct' };

/** The kernel for the gradient of this convolution on a device. */
export function chooseStridedKernel(
  shape: Conv3dShape,
  { facts, limits }: { readonly facts: AdapterFacts; readonly limits: KernelLimits },
): StridedKernel {
  const { isSoftware, subgroupSize } = facts;
  const lanes =
    isSoftware && subgroupSize !== undefined ? stridedLanesKernel(shape, subgroupSize, limits) : undefined;
  return lanes ?? { family: 'direct' };
}

/** How a weight gets into the order that `kernel` reads: elements, and the dispatch; its taps are not flipped. */
export function stridedWeight(shape: Conv3dShape, kernel: StridedKernel) {
  if (kernel.family === 'lanes') {
    const packedShape = turned(shape);
    return {
      size: packedConv3dWeightSize(packedShape, kernel),
      pack: (raw: RawWeight, packed: GpuArray, limits: KernelLimits) =>
        packConv3dWeightOnDevice(raw, packedShape, kernel, packed, limits),
    };
  }
  const { inChannels, outChannels, kernelSize } = shape;
  const [kz, ky, kx] = kernelSize;
  const channels = { outChannels: inChannels, inChannels: outChannels };
  const layout = { ...channels, rowTaps: kz * ky, columnTaps: kx, outBlock: OUT_BLOCK };
  return {
    size: packedBlocksSize(layout),
    pack: (raw: RawWeight, packed: GpuArray, limits: KernelLimits) => packBlocks(raw, layout, packed, limits),
  };
}

/** How a shader reads and writes its arrays. */
interface Store {
  /** To what `gx` holds: a further range of channels. */
  readonly adds: boolean;
  readonly gy: FeatureDtype;
  readonly gx: FeatureDtype;
}

/** Gradient of `conv3d` with respect to its input, for any stride. Run the dispatches in order. */
export function stridedInputGradient(args: StridedInputGradientArgs): Dispatch[] {
  const { shape, kernel, limits, gy, weight, gx, accumulate } = args;
  if (kernel.family === 'lanes') return stridedLanesGradient({ ...args, kernel });
  const label = 'stridedInputGradient';
  const gxSize = shape.inputSize;
  const gySize = conv3dOutputSize(shape);
  const columns = STEPS * shape.stride[2];
  const { batch, inChannels, outChannels } = shape;
  const gxLength = elementCount(gxSize);
  const gyLength = elementCount(gySize);
  const wanted = channelStep(limits, gxLength, inChannels);
  const step = wanted >= OUT_BLOCK ? wanted - (wanted % OUT_BLOCK) : wanted;
  const summed = channelStep(limits, gyLength, outChannels);
  const threads = gxSize[0] * gxSize[1] * Math.ceil(gxSize[2] / columns);
  const groups = Math.ceil(threads / WORKGROUP_SIZE);
  return pieces(batch, 1).flatMap(({ start: image }) =>
    pieces(inChannels, step).flatMap((to) =>
      pieces(outChannels, summed).map((from) => {
        const boundX = bindRange(gx, (image * inChannels + to.start) * gxLength, to.count * gxLength);
        const boundY = bindRange(gy, (image * outChannels + from.start) * gyLength, from.count * gyLength);
        const blocks = Math.ceil((to.start + to.count) / OUT_BLOCK) - Math.floor(to.start / OUT_BLOCK);
        return {
          label,
          source: sourceOf(shape, {
            adds: accumulate || from.start > 0,
            gy: featureDtypeOf(gy),
            gx: featureDtypeOf(gx),
          }),
          entryPoint: 'main',
          constants: { workgroupSize: WORKGROUP_SIZE },
          uniform: Uint32Array.of(
            ...gxSize,
            ...gySize,
            to.start,
            to.count,
            from.start,
            from.count,
            outChannels,
            boundX.base,
            boundY.base,
            groups,
            blocks,
            threads,
          ),
          bindings: [boundY.array, weight, boundX.array],
          workgroups: [...foldGrid({ limits }, groups * blocks), 1],
        };
      }),
    ),
  );
}

function channelStep(limits: KernelLimits, length: number, channels: number): number {
  const step = Math.min(channels, Math.floor(bindingCapacity(limits) / length));
  if (step < 1) throw exceedsBinding(`one channel of ${length} voxels`, limits);
  return step;
}

const each = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));

/** `body` sums over one channel of `gy`, from the thread's place `slice`, `row`, `column`. */
function moduleOf(columns: number, taps: number, { adds, gy, gx }: Store, body: string): string {
  const names = each(columns, (v) => each(QUADS, (q) => `a${v}_${q}`)).flat();
  const store = each(OUT_BLOCK, (c) => {
    const writes = each(columns, (v) => {
      const value = `a${v}_${Math.floor(c / 4)}[${c % 4}]`;
      return `if (column + ${v} < i32(sizes.width)) { gx[at + ${v}] = ${gx}(${adds ? `f32(gx[at + ${v}]) + ` : ''}${value}); }`;
    });
    return `
  if (firstChannel + ${c} >= i32(sizes.firstOut) && firstChannel + ${c} < i32(sizes.firstOut + sizes.outCount)) {
    let at = yStart + ${c} * volume;
    ${writes.join('\n    ')}
  }`;
  });
  return `${enableStorage(gy, gx)}
override workgroupSize: u32;

struct Sizes {
  depth: u32, // of gx
  height: u32,
  width: u32,
  gyDepth: u32,
  gyHeight: u32,
  gyWidth: u32,
  firstOut: u32, // channels of gx that this dispatch computes
  outCount: u32,
  firstIn: u32, // channels of gy that it sums
  inCount: u32,
  inChannels: u32,
  gxBase: u32, // elements before the first one in each binding
  gyBase: u32,
  groups: u32, // per block of channels
  blocks: u32,
  threads: u32,
}

@group(0) @binding(0) var<storage, read> gy: array<${gy}>;
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> gx: array<${gx}>;
@group(0) @binding(3) var<uniform> sizes: Sizes;

@compute @workgroup_size(workgroupSize)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let group = id.y * grid.x + id.x;
  let thread = group % sizes.groups * workgroupSize + lane;
  if (thread >= sizes.threads || group >= sizes.groups * sizes.blocks) { return; }
  let strips = (sizes.width + ${columns - 1}) / ${columns};
  let column = i32(thread % strips) * ${columns};
  let row = i32(thread / strips % sizes.height);
  let slice = i32(thread / (strips * sizes.height));
  let block = sizes.firstOut / ${OUT_BLOCK} + group / sizes.groups;
  let gyDepth = i32(sizes.gyDepth); let gyHeight = i32(sizes.gyHeight); let gyWidth = i32(sizes.gyWidth);
  ${names.map((name) => `var ${name} = vec4f(0.0);`).join(' ')}
  for (var channel = 0u; channel < sizes.inCount; channel++) {
    let gyStart = i32(sizes.gyBase) + i32(channel) * gyDepth * gyHeight * gyWidth;
    let wStart = i32((block * sizes.inChannels + sizes.firstIn + channel) * ${taps * QUADS}u);${body}
  }
  let volume = i32(sizes.depth * sizes.height * sizes.width);
  let firstChannel = i32(block) * ${OUT_BLOCK};
  let yStart = i32(sizes.gxBase) + (firstChannel - i32(sizes.firstOut)) * volume + (slice * i32(sizes.height) + row) * i32(sizes.width) + column;${store.join('')}
}
`;
}

/** A voxel gets from the outputs that read it: those at `(voxel + padding − tap) / stride` where that is whole. */
function sourceOf({ kernelSize, stride }: Conv3dShape, store: Store): string {
  const [kz, ky, kx] = kernelSize;
  const [sz, sy, sx] = stride;
  const columns = STEPS * sx;
  const padding = (kx - 1) / 2;
  const pairs = each(columns, (v) =>
    each(kx, (tap) => ({ v, tap, at: (v + padding - tap) / sx })).filter(({ at }) => Number.isInteger(at)),
  ).flat();
  const offsets = [...new Set(pairs.map(({ at }) => at))].sort((a, b) => a - b);
  const nameOf = (at: number) => `v${offsets.indexOf(at)}`;
  const loads = offsets.map((at) => {
    const index = `column / ${sx} + ${at}`;
    return `let ${nameOf(at)} = select(0.0, f32(gy[start + clamp(${index}, 0, gyWidth - 1)]), ${index} >= 0 && ${index} < gyWidth);`;
  });
  const sums = pairs.flatMap(({ v, tap, at }) =>
    each(
      QUADS,
      (q) => `a${v}_${q} = fma(vec4f(${nameOf(at)}), weight[tap + ${tap * QUADS + q}], a${v}_${q});`,
    ),
  );
  return moduleOf(
    columns,
    kz * ky * kx,
    store,
    `
    for (var tz = 0; tz < ${kz}; tz++) {
      let z = slice + ${(kz - 1) / 2} - tz;
      if (z < 0 || z % ${sz} != 0 || z / ${sz} >= gyDepth) { continue; }
      for (var ty = 0; ty < ${ky}; ty++) {
        let y = row + ${(ky - 1) / 2} - ty;
        if (y < 0 || y % ${sy} != 0 || y / ${sy} >= gyHeight) { continue; }
        let start = gyStart + (z / ${sz} * gyHeight + y / ${sy}) * gyWidth;
        let tap = wStart + (tz * ${ky} + ty) * ${kx * QUADS};
        ${loads.join('\n        ')}
        ${sums.join('\n        ')}
      }
    }`,
  );
}
