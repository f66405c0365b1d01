// Input gradient of a convolution with a stride of 2 along x, for adapters that run a subgroup as one SIMD register: the
// same means as in conv3dLanes. A lane holds four consecutive columns of the output's gradient and the one right of them;
// from those rows that a block of the input's voxels was read by, it makes eight columns of every row of that block.

import { type Dispatch, foldGrid, type GpuArray } from '@/gpu/dispatch';
import { elementCount, type Zyx } from '@/shared/geometry';
import { type LanesKernel, lanesLayout } from './conv3dLanes';
import { type Conv3dShape, conv3dOutputSize, paddingOf } from './conv3dShape';
import { bindingCapacity, bindRange, type KernelLimits, pieces } from './ranges';
import { enableStorage, type FeatureDtype, featureDtypeOf, storedType } from './storage';

/** Columns of the output's gradient per lane. */
const COLUMNS = 4;
const OUT_BLOCK = 8;

/** The kernel for a convolution's gradient on a device of `lanes` lanes, where there is one. */
export function stridedLanesKernel(
  shape: Conv3dShape,
  lanes: number,
  limits: KernelLimits,
): LanesKernel | undefined {
  const { kernelSize, stride, inChannels, inputSize } = shape;
  // The compiler of adapters with four lanes takes minutes over guarded loads of single elements.
  const hasLanes = lanes === 8 || (lanes === 4 && isVectorAligned(shape));
  const outBlock = inChannels <= 4 ? 4 : OUT_BLOCK;
  const kernel: LanesKernel = {
    family: 'lanes',
    name: `strided ${outBlock}`,
    lanes,
    outBlock,
    slices: 1,
    rows: 1,
    useWinograd: false,
    workgroupSize: 2 * lanes,
  };
  const capacity = bindingCapacity(limits);
  const { runStep } = lanesLayout(kernel, turned(shape));
  const fits =
    runStep > 0 &&
    runStep * elementCount(conv3dOutputSize(shape)) <= capacity &&
    outBlock * elementCount(inputSize) <= capacity;
  return hasLanes && kernelSize[2] === 3 && stride[2] === 2 && !shape.isUnpadded && fits ? kernel : undefined;
}

/** The convolution with its channels turned round, as its weight is packed: what it sums over are the outputs. */
export function turned(shape: Conv3dShape): Conv3dShape {
  return {
    ...shape,
    inChannels: shape.outChannels,
    outChannels: shape.inChannels,
    inputSize: conv3dOutputSize(shape),
  };
}

export interface StridedLanesArgs {
  readonly kernel: LanesKernel;
  readonly shape: Conv3dShape;
  readonly limits: KernelLimits;
  readonly gy: GpuArray;
  /** Packed for `kernel` and the {@link turned} shape, taps unflipped. */
  readonly weight: GpuArray;
  readonly gx: GpuArray;
  readonly accumulate: boolean;
}

/** A dispatch per image, block of input channels and run of output channels. Run them in order. */
export function stridedLanesGradient(args: StridedLanesArgs): Dispatch[] {
  const { kernel, shape, limits, gy, weight, gx, accumulate } = args;
  const { batch, inChannels, outChannels, inputSize, stride } = shape;
  const gySize = conv3dOutputSize(shape);
  const [gxLength, gyLength] = [elementCount(inputSize), elementCount(gySize)];
  const { chunkSize, runs, runStep } = lanesLayout(kernel, turned(shape));
  const across = Math.ceil(gySize[2] / COLUMNS);
  const slabs = Math.ceil(inputSize[0] / stride[0]) * Math.ceil(inputSize[1] / stride[1]);
  const groups = Math.ceil((slabs * across) / kernel.workgroupSize);
  return pieces(batch, 1).flatMap(({ start: image }) =>
    pieces(inChannels, kernel.outBlock).flatMap((to, block) =>
      pieces(outChannels, runStep).map((from, run) => {
        const boundX = bindRange(gx, (image * inChannels + to.start) * gxLength, to.count * gxLength);
        const boundY = bindRange(gy, (image * outChannels + from.start) * gyLength, from.count * gyLength);
        const isAligned = isVectorAligned(shape) && [gxLength, gyLength].every((length) => length % 4 === 0);
        const offset = weight.offset + (block * runs + run) * chunkSize * 4;
        return {
          label: 'stridedInputGradient.lanes',
          source: sourceOf(kernel, shape, {
            adds: accumulate || run > 0,
            isAligned,
            gy: featureDtypeOf(gy),
            gx: featureDtypeOf(gx),
          }),
          entryPoint: 'main',
          uniform: Uint32Array.of(
            ...inputSize,
            ...gySize,
            to.count,
            from.count,
            boundX.base,
            boundY.base,
            across,
            groups,
          ),
          bindings: [
            boundY.array,
            { ...weight, offset, size: chunkSize },
            boundX.array,
            isAligned ? boundY.array : undefined,
          ],
          workgroups: [...foldGrid({ limits }, groups), 1],
        };
      }),
    ),
  );
}

/** Whether rows of both gradients start at multiples of four elements. */
function isVectorAligned(shape: Conv3dShape): boolean {
  const width = conv3dOutputSize(shape)[2];
  return width % COLUMNS === 0 && shape.inputSize[2] === 2 * width;
}

interface Store {
  /** To what `gx` holds. */
  readonly adds: boolean;
  readonly isAligned: boolean;
  readonly gy: FeatureDtype;
  readonly gx: FeatureDtype;
}

/** One axis: of a voxel at `place` within its block, the tap that a gradient at `offset` blocks from it came through. */
interface Source {
  readonly place: number;
  readonly offset: number;
  readonly tap: number;
}

/** What reads the voxels of a block: those at `(place + padding - tap) / stride` where that is whole. */
function sourcesAlong(axis: 0 | 1 | 2, shape: Conv3dShape, places: number): Source[] {
  const [stride, padding] = [shape.stride[axis], paddingOf(shape)[axis]];
  return each(places, (place) =>
    each(shape.kernelSize[axis], (tap) => ({ place, tap, offset: (place + padding - tap) / stride })),
  )
    .flat()
    .filter(({ offset }) => Number.isInteger(offset));
}

function sourceOf(kernel: LanesKernel, shape: Conv3dShape, store: Store): string {
  const { lanes, outBlock, workgroupSize } = kernel;
  const [sz, sy, sx] = shape.stride;
  const along = [
    sourcesAlong(0, shape, sz),
    sourcesAlong(1, shape, sy),
    sourcesAlong(2, shape, COLUMNS * sx),
  ] as const;
  const offsets = (axis: 0 | 1) => [...new Set(along[axis].map(({ offset }) => offset))];
  const rows = offsets(0).flatMap((z) => offsets(1).map((y) => ({ z, y, name: rowName(z, y) })));
  const outputs = each(sz, (z) => each(sy, (y) => ({ z, y }))).flat();
  const width = store.isAligned ? COLUMNS : 1;
  const sums = each(outBlock, (c) =>
    outputs.flatMap(({ z, y }) => each(COLUMNS * sx, (v) => `var ${sumName(c, z, y, v)} = 0.0;`)).join(' '),
  );
  return `${enableStorage(store.gy, store.gx)}enable subgroups;
struct Sizes {
  depth: u32, // of gx
  height: u32,
  width: u32,
  gyDepth: u32,
  gyHeight: u32,
  gyWidth: u32,
  outCount: u32, // channels of gx that this dispatch computes
  inCount: u32, // channels of gy that it sums
  gxBase: u32, // elements before the first one in each binding
  gyBase: u32,
  across: u32, // groups of columns in a row of gy
  groups: u32,
}

@group(0) @binding(0) var<storage, read> gy: array<${storedType(store.gy, width)}>;
@group(0) @binding(1) var<uniform> w: array<vec4f, ${lanesLayout(kernel, turned(shape)).chunkSize / 4}>;
@group(0) @binding(2) var<storage, read_write> gx: array<${storedType(store.gx, width)}>;
${store.isAligned ? `@group(0) @binding(3) var<storage, read> gyScalar: array<${store.gy}>;` : ''}
@group(0) @binding(4) var<uniform> sizes: Sizes;

@compute @workgroup_size(${workgroupSize})
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) thread: u32, @builtin(subgroup_invocation_id) lane: u32) {
  let depth = i32(sizes.depth); let height = i32(sizes.height); let width = i32(sizes.width);
  let gyDepth = i32(sizes.gyDepth); let gyHeight = i32(sizes.gyHeight); let gyWidth = i32(sizes.gyWidth);
  let across = i32(sizes.across);
  let rowBlocks = (height + ${sy - 1}) / ${sy};
  let sliceBlocks = (depth + ${sz - 1}) / ${sz};
  let position = i32((id.y * grid.x + id.x) * ${workgroupSize}u + thread);
  let isLive = position < sliceBlocks * rowBlocks * across;
  let chunk = position % across; let line = position / across;
  let column = chunk * ${COLUMNS};
  let row = line % rowBlocks;
  let slice = line / rowBlocks;
  let isLast = chunk == across - 1;
  let after = (lane + 1u) % ${lanes}u;
  let volume = gyDepth * gyHeight * gyWidth;
  ${rows
    .map(
      ({
        z,
        y,
        name,
      }) => `let ${name}ok = slice + ${z} >= 0 && slice + ${z} < gyDepth && row + ${y} >= 0 && row + ${y} < gyHeight;
  let ${name}at = ((slice + ${z}) * gyHeight + row + ${y}) * gyWidth + column;`,
    )
    .join('\n  ')}
  ${sums.join('\n  ')}
  var channelAt = i32(sizes.gyBase);
  var weightsAt = ${lanesLayout(kernel, turned(shape)).headerSize / 4}u;
  for (var channel = 0; channel < i32(sizes.inCount); channel++) {${rows.map(({ name }) => rowLoad(name, lanes, store)).join('')}
    ${products(kernel, shape, along)}
    channelAt += volume;
    weightsAt += ${lanesLayout(kernel, turned(shape)).perChannel / 4}u;
  }
  for (var c = 0; c < i32(sizes.outCount); c++) {
    let channelStart = i32(sizes.gxBase) + c * depth * height * width;${outputs.map(({ z, y }) => rowStore(kernel, [sz, sy, sx], z, y, store)).join('')}
  }
}
`;
}

function rowName(z: number, y: number): string {
  const part = (offset: number) => (offset < 0 ? `m${-offset}` : `${offset}`);
  return `r${part(z)}_${part(y)}`;
}

/** Sum of channel `c`, row `(z, y)` of the block, column `v`. */
function sumName(c: number, z: number, y: number, v: number): string {
  return `s${c}_${z}${y}_${v}`;
}

/** Loads a row of gy as `${r}_0…4`, the last from the lane beside. */
function rowLoad(r: string, lanes: number, { isAligned }: Store): string {
  const inside = (i: number) => `${r}ok && column + ${i} < gyWidth`;
  const vector = isAligned
    ? `select(vec4f(), vec4f(gy[(channelAt + ${r}at) / 4]), ${r}ok)`
    : `vec4f(${each(COLUMNS, (i) => `select(0.0, f32(gy[channelAt + ${r}at + ${i}]), ${inside(i)})`).join(', ')})`;
  const scalar = `f32(${isAligned ? 'gyScalar' : 'gy'}[channelAt + ${r}at + ${COLUMNS}])`;
  return `
    let ${r}v = ${vector};
    var ${r}end = 0.0; if (lane == ${lanes - 1}u && ${r}ok && !isLast) { ${r}end = ${scalar}; }
    let ${r}_4 = select(select(subgroupShuffle(${r}v.x, after), ${r}end, lane == ${lanes - 1}u), 0.0, isLast);
    ${each(COLUMNS, (i) => `let ${r}_${i} = ${r}v.${'xyzw'[i]};`).join(' ')}`;
}

/** The sources of each place. */
function byPlace(sources: readonly Source[]): Source[][] {
  const places = Math.max(...sources.map(({ place }) => place)) + 1;
  return each(places, (i) => sources.filter(({ place }) => place === i));
}

/** Every product of the loaded rows with the weights of a channel, weights loaded and broadcast where first used. */
function products(
  { lanes, outBlock }: LanesKernel,
  { kernelSize: [kz, ky] }: Conv3dShape,
  [alongZ, alongY, alongX]: readonly [Source[], Source[], Source[]],
): string {
  const lines: string[] = [];
  const known = new Set<string>();
  const define = (name: string, value: string) => {
    if (!known.has(name)) lines.push(`let ${name} = ${value};`);
    known.add(name);
  };
  const weightOf = (c: number, z: number, y: number, x: number): string => {
    const index = (x * outBlock + c) * kz * ky + z * ky + y;
    const load = Math.floor(index / (lanes * 4));
    const name = `w${c}_${z}${y}${x}`;
    define(`u${load}`, `w[weightsAt + ${load * lanes}u + lane]`);
    define(name, `subgroupBroadcast(u${load}.${'xyzw'[index % 4]}, ${Math.floor(index / 4) % lanes}u)`);
    return name;
  };
  for (let c = 0; c < outBlock; c++)
    for (const [z, fromZ] of byPlace(alongZ).entries())
      for (const [y, fromY] of byPlace(alongY).entries())
        for (const [v, fromX] of byPlace(alongX).entries()) {
          if (fromZ.length * fromY.length * fromX.length === 0) continue;
          const terms = fromZ.flatMap((a) =>
            fromY.flatMap((b) =>
              fromX.map(
                (d) => `${rowName(a.offset, b.offset)}_${d.offset} * ${weightOf(c, a.tap, b.tap, d.tap)}`,
              ),
            ),
          );
          lines.push(`${sumName(c, z, y, v)} += ${terms.join(' + ')};`);
        }
  return lines.join('\n    ');
}

/** Stores eight columns of row `(z, y)` of the block, of channel `c`, a variable of the shader. */
function rowStore({ outBlock }: LanesKernel, [sz, sy, sx]: Zyx, z: number, y: number, store: Store): string {
  const picked = each(COLUMNS * sx, (v) => {
    const chain = each(outBlock - 1, (i) => i + 1).reduce(
      (expression, c) => `select(${expression}, ${sumName(c, z, y, v)}, c == ${c})`,
      sumName(0, z, y, v),
    );
    return `let m${v} = ${chain};`;
  });
  const writeVector = (i: number) => {
    const value = `vec4f(${each(4, (j) => `m${4 * i + j}`).join(', ')})`;
    const target = `gx[at / 4 + ${i}]`;
    return `${target} = ${storedType(store.gx, 4)}(${store.adds ? `vec4f(${target}) + ` : ''}${value});`;
  };
  const writeScalar = (v: number) =>
    `if (column * ${sx} + ${v} < width) { gx[at + ${v}] = ${store.gx}(${store.adds ? `f32(gx[at + ${v}]) + ` : ''}m${v}); }`;
  const writes = store.isAligned ? each(sx, writeVector) : each(COLUMNS * sx, writeScalar);
  return `
    if (isLive && slice * ${sz} + ${z} < depth && row * ${sy} + ${y} < height) {
      ${picked.join('\n      ')}
      let at = channelStart + ((slice * ${sz} + ${z}) * height + row * ${sy} + ${y}) * width + column * ${sx};
      ${writes.join('\n      ')}
    }`;
}

function each<T>(count: number, item: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => item(i));
}
