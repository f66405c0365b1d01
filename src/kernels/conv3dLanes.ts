// Convolution for adapters that run a subgroup as one SIMD register (software Vulkan drivers). What is cheap there is
// arithmetic on values already in registers and moving them between lanes; what is dear is every single element loaded
// from or stored to a storage buffer, because lanes do that one by one. So:
// - a lane holds four consecutive columns, and the columns beside them come from the neighbouring lanes, not from memory;
// - a thread computes `slices` × `rows` rows of `outBlock` channels, reusing each loaded row for every tap and channel;
// - weights come through a uniform buffer, a different one in each lane, and are broadcast from lane to lane;
// - along x, kernels of size 3 use Winograd's F(4, 3): 6 products for 4 outputs instead of 12.
// Sizes travel in a header before the weights, so that one compiled shader serves every layer.
// Positions (image, slab of slices, slab of rows, group of four columns) are flattened, columns fastest, so that
// consecutive lanes are neighbours along x wherever a row holds more than one group.

import type { Zyx } from '@/shared/geometry';
import type { Conv3dProblem } from './conv3dProblem';
import {
  type BoundRange,
  type Conv3dPart,
  type Conv3dShape,
  conv3dOutputSize,
  paddingOf,
  ranges,
} from './conv3dShape';
import { enableStorage, type FeatureDtype, storedType } from './storage';

/** Size of the tile that one thread computes. */
export interface LanesKernel {
  readonly family: 'lanes';
  readonly name: string;
  /** Subgroup size that the adapter always uses, 4 or 8. */
  readonly lanes: number;
  /** Output channels per thread. */
  readonly outBlock: number;
  /** Output slices, and rows in each, per thread. */
  readonly slices: number;
  readonly rows: number;
  /** F(4, 3) along x, for kernels of size 3 and stride 1 along x. */
  readonly useWinograd: boolean;
  readonly workgroupSize: number;
}

/** A uniform buffer binding may hold this much on every WebGPU device. */
const CHUNK_SIZE = 65536 / 4;
const HEADER_SIZE = 16;
/** Columns per lane. */
const COLUMNS = 4;

/**
 * Winograd's F(4, 3): weights become `G w`, inputs `Bᵀ d`, products `Aᵀ m` (Lavin and Gray, 2015). Interpolated at 0,
 * ±2/3, ±3/2 and ∞, where rounding costs half of what it does at 0, ±1, ±2 and ∞: 1.3 times a direct sum's.
 */
const F43_WEIGHT = [
  [1, 0, 0],
  [-81 / 130, -27 / 65, -18 / 65],
  [-81 / 130, 27 / 65, -18 / 65],
  [8 / 65, 12 / 65, 18 / 65],
  [8 / 65, -12 / 65, 18 / 65],
  [0, 0, 1],
] as const;

/** A run of input channels whose weights one uniform buffer holds. */
function channelRuns(kernel: LanesKernel, shape: Conv3dShape) {
  const capacity = Math.floor((CHUNK_SIZE - HEADER_SIZE) / weightsPerChannel(kernel, shape));
  const count = Math.ceil(shape.inChannels / capacity);
  const step = Math.ceil(shape.inChannels / count);
  return { count: Math.ceil(shape.inChannels / step), step };
}

/** Packed weights of one input channel. */
function weightsPerChannel({ outBlock, useWinograd }: LanesKernel, { kernelSize }: Conv3dShape): number {
  const [kz, ky, kx] = kernelSize;
  return Math.ceil((outBlock * kz * ky * (useWinograd ? F43_WEIGHT.length : kx)) / 4) * 4;
}

/** How the packed weight is laid out; see {@link packLanesWeight}. All in elements. */
export function lanesLayout(kernel: LanesKernel, shape: Conv3dShape) {
  const { count, step } = channelRuns(kernel, shape);
  const perChannel = weightsPerChannel(kernel, shape);
  return { chunkSize: CHUNK_SIZE, headerSize: HEADER_SIZE, runs: count, runStep: step, perChannel };
}

/** Elements of the packed weight: a chunk per block of output channels and run of input channels. */
export function packedLanesWeightSize(kernel: LanesKernel, shape: Conv3dShape): number {
  return Math.ceil(shape.outChannels / kernel.outBlock) * channelRuns(kernel, shape).count * CHUNK_SIZE;
}

/**
 * A chunk is a header of 16 numbers (see the shader), then `[cin, tap x, outBlock, kz, ky]`, each input channel filled
 * up to a multiple of four.
 */
export function packLanesWeight(weight: Float32Array, kernel: LanesKernel, shape: Conv3dShape): Float32Array {
  const { batch, inChannels, outChannels, inputSize } = shape;
  const runs = channelRuns(kernel, shape);
  const packed = new Float32Array(packedLanesWeightSize(kernel, shape));
  for (let block = 0; block * kernel.outBlock < outChannels; block++) {
    for (let run = 0; run < runs.count; run++) {
      const start = (block * runs.count + run) * CHUNK_SIZE;
      const chunk = packed.subarray(start, start + CHUNK_SIZE);
      const firstOut = block * kernel.outBlock;
      const firstIn = run * runs.step;
      const inCount = Math.min(runs.step, inChannels - firstIn);
      chunk.set([batch, inChannels, outChannels, firstOut]);
      chunk.set([...inputSize, firstIn], 4);
      chunk.set([...conv3dOutputSize(shape), inCount], 8);
      packChunk(chunk.subarray(HEADER_SIZE), weight, kernel, shape, firstOut, firstIn, inCount);
    }
  }
  return packed;
}

function packChunk(
  chunk: Float32Array,
  weight: Float32Array,
  kernel: LanesKernel,
  shape: Conv3dShape,
  firstOut: number,
  firstIn: number,
  inCount: number,
): void {
  const { outBlock, useWinograd } = kernel;
  const { inChannels, outChannels, kernelSize } = shape;
  const [kz, ky, kx] = kernelSize;
  const perChannel = weightsPerChannel(kernel, shape);
  const rowTaps = kz * ky;
  const columnTaps = useWinograd ? F43_WEIGHT : identity(kx);
  const outCount = Math.min(outBlock, outChannels - firstOut);
  for (let i = 0; i < inCount; i++) {
    for (let c = 0; c < outCount; c++) {
      const from = ((firstOut + c) * inChannels + firstIn + i) * rowTaps * kx;
      for (const [m, factors] of columnTaps.entries()) {
        const to = i * perChannel + (m * outBlock + c) * rowTaps;
        for (let t = 0; t < rowTaps; t++) {
          let sum = 0;
          for (let dx = 0; dx < kx; dx++) sum += factors[dx] * weight[from + t * kx + dx];
          chunk[to + t] = sum;
        }
      }
    }
  }
}

/**
 * Tiles for a shape, best first, by the share of lanes and rows that do work and by the measured speed of the tile
 * where all do. Larger tiles reuse more of what they load. With 4 lanes (SwiftShader) only rows of whole vectors are
 * served: its compiler takes minutes and gigabytes over the guarded loads of single elements.
 */
export function lanesCandidates(shape: Conv3dShape, lanes: number): LanesKernel[] {
  if (lanes !== 8 && !(lanes === 4 && isVectorAligned(shape))) return [];
  const [kz, , kx] = shape.kernelSize;
  const size = conv3dOutputSize(shape);
  const useWinograd = kx === 3 && shape.stride[2] === 1 && !shape.isUnpadded;
  const isDense = useWinograd && kz > 1;
  const tiles = isDense ? DENSE_TILES : SPARSE_TILES;
  return tiles
    .map(({ slices, rows, speed }) => {
      const groups =
        shape.batch * Math.ceil(size[0] / slices) * Math.ceil(size[1] / rows) * Math.ceil(size[2] / COLUMNS);
      const workgroupSize = groups <= 4 * lanes ? lanes : 2 * lanes;
      const slots = roundUp(groups, 2 * workgroupSize) * slices * rows * COLUMNS; // two cores at least
      const used = (shape.batch * size[0] * size[1] * size[2]) / slots;
      const outBlock = shape.outChannels <= 4 ? 4 : 8;
      const name = `lanes ${outBlock}x${slices}x${rows}${useWinograd ? ' F(4,3)' : ''}`;
      const kernel = {
        family: 'lanes',
        name,
        lanes,
        outBlock,
        slices,
        rows,
        useWinograd,
        workgroupSize,
      } as const;
      return { kernel, score: speed * used };
    })
    .sort((a, b) => b.score - a.score)
    .map(({ kernel }) => kernel);
}

/** GFLOP/s of 32 → 32 channels on two cores: what the tiles are worth against each other. */
const DENSE_TILES = [
  { slices: 2, rows: 4, speed: 80 },
  { slices: 2, rows: 2, speed: 63 },
  { slices: 1, rows: 2, speed: 45 },
  { slices: 1, rows: 1, speed: 30 },
];
const SPARSE_TILES = [
  { slices: 1, rows: 4, speed: 40 },
  { slices: 1, rows: 2, speed: 35 },
  { slices: 1, rows: 1, speed: 25 },
];

/** The chunk that a part reads. */
export function lanesWeightRange(kernel: LanesKernel, shape: Conv3dShape, part: Conv3dPart): BoundRange {
  const runs = channelRuns(kernel, shape);
  const index = (part.outChannels[0] / kernel.outBlock) * runs.count + part.inChannels[0] / runs.step;
  return { start: index * CHUNK_SIZE, size: CHUNK_SIZE, skip: 0 };
}

/** Whether the tile suits the kernel size, and every part of the problem can be bound. */
export function supportsLanes(kernel: LanesKernel, shape: Conv3dShape, bindingBytes: number): boolean {
  const budget = bindingBytes / 4 - 64;
  const volume = (size: Zyx) => size[0] * size[1] * size[2];
  const { inChannels, outChannels, kernelSize, stride } = shape;
  return (
    kernelSize[2] <= 3 &&
    (!shape.isUnpadded || kernelSize[2] <= stride[2]) && // what lies right of a row's last group is not loaded
    (!kernel.useWinograd || (kernelSize[2] === 3 && stride[2] === 1 && !shape.isUnpadded)) &&
    weightsPerChannel(kernel, shape) <= CHUNK_SIZE - HEADER_SIZE &&
    Math.min(channelRuns(kernel, shape).step, inChannels) * volume(shape.inputSize) <= budget &&
    Math.min(kernel.outBlock, outChannels) * volume(conv3dOutputSize(shape)) <= budget
  );
}

/** A part per block of output channels and run of input channels, and per image where one binding holds no more. */
export function lanesParts(kernel: LanesKernel, shape: Conv3dShape, bindingBytes: number): Conv3dPart[] {
  if (!supportsLanes(kernel, shape, bindingBytes))
    throw new Error(`conv3d: ${kernel.name} cannot bind its arrays`);
  const volume = (size: Zyx) => size[0] * size[1] * size[2];
  const { batch, inChannels, outChannels } = shape;
  const outSize = conv3dOutputSize(shape);
  const largest = batch * Math.max(inChannels * volume(shape.inputSize), outChannels * volume(outSize));
  const isWindow = largest > bindingBytes / 4;
  return ranges(batch, isWindow ? 1 : batch).flatMap((images) =>
    ranges(outChannels, kernel.outBlock).flatMap((out) =>
      ranges(inChannels, channelRuns(kernel, shape).step).map((run) => ({
        batch: images,
        outChannels: out,
        inChannels: run,
        z: [0, outSize[0]] as const,
        first: run[0] === 0,
        isWindow,
      })),
    ),
  );
}

function identity(size: number): number[][] {
  return Array.from({ length: size }, (_, i) => Array.from({ length: size }, (_, j) => (i === j ? 1 : 0)));
}

/** How the columns that a thread reads of one row become products, and products the four outputs. */
interface ColumnScheme {
  /** vec4 groups loaded per lane and row. */
  readonly groups: number;
  /** Columns on either side that come from other lanes. */
  readonly halo: number;
  /** Statements that define `${row}_0…` from the columns `${row}_c0…`, left halo first. */
  readonly transform: (row: string) => string;
  /** For each accumulator, the `[input, weight]` pairs it sums per row and row tap. */
  readonly products: readonly (readonly (readonly [number, number])[])[];
  /** The four outputs from the accumulators `m0…`. */
  readonly outputs: readonly string[];
}

/** The points ±A and ±B, whose product is 1, and their squares. */
const A = 2 / 3;
const B = 3 / 2;
const A2 = A * A;
const B2 = B * B;

const WINOGRAD_COLUMNS: ColumnScheme = {
  groups: 1,
  halo: 1,
  transform: (r) => `
        let ${r}_0 = ${r}_c0 - ${A2 + B2} * ${r}_c2 + ${r}_c4;
        let ${r}_p = ${r}_c4 - ${B2} * ${r}_c2; let ${r}_q = ${A} * (${r}_c3 - ${B2} * ${r}_c1);
        let ${r}_1 = ${r}_p + ${r}_q; let ${r}_2 = ${r}_p - ${r}_q;
        let ${r}_s = ${r}_c4 - ${A2} * ${r}_c2; let ${r}_t = ${B} * (${r}_c3 - ${A2} * ${r}_c1);
        let ${r}_3 = ${r}_s + ${r}_t; let ${r}_4 = ${r}_s - ${r}_t;
        let ${r}_5 = ${r}_c1 - ${A2 + B2} * ${r}_c3 + ${r}_c5;`,
  products: each(F43_WEIGHT.length, (m) => [[m, m] as const]),
  outputs: [
    'm0 + (m1 + m2) + (m3 + m4)',
    `${A} * (m1 - m2) + ${B} * (m3 - m4)`,
    `${A2} * (m1 + m2) + ${B2} * (m3 + m4)`,
    `${A * A2} * (m1 - m2) + ${B * B2} * (m3 - m4) + m5`,
  ],
};

function directColumns(kx: number, stride: number, halo: number): ColumnScheme {
  return {
    groups: stride,
    halo,
    transform: (r) => each(stride * COLUMNS + 2 * halo, (i) => `let ${r}_${i} = ${r}_c${i};`).join(' '),
    products: each(COLUMNS, (j) => each(kx, (dx) => [j * stride + dx, dx] as const)),
    outputs: each(COLUMNS, (j) => `m${j}`),
  };
}

/** A row by slice and row index, counted within the tile of one thread. */
interface Row {
  readonly slice: number;
  readonly row: number;
  readonly index: number;
}

/** What the pieces of the shader share. */
interface Plan {
  readonly kernel: LanesKernel;
  readonly shape: Conv3dShape;
  readonly columns: ColumnScheme;
  readonly inputRows: readonly Row[];
  readonly outputRows: readonly Row[];
  readonly isAligned: boolean;
  readonly yStorage: FeatureDtype;
  /** Rows whose halo one load per lane covers. */
  readonly rowsPerHalo: number;
}

function makePlan(kernel: LanesKernel, { shape, xAccess, yStorage }: Conv3dProblem): Plan {
  const [kz, ky, kx] = shape.kernelSize;
  const [sz, sy, sx] = shape.stride;
  return {
    kernel,
    shape,
    columns: kernel.useWinograd ? WINOGRAD_COLUMNS : directColumns(kx, sx, paddingOf(shape)[2]),
    inputRows: rowsOf((kernel.slices - 1) * sz + kz, (kernel.rows - 1) * sy + ky),
    outputRows: rowsOf(kernel.slices, kernel.rows),
    isAligned: isVectorAligned(shape) && xAccess === 'read',
    yStorage,
    rowsPerHalo: kernel.lanes / 2,
  };
}

function rowsOf(slices: number, rows: number): Row[] {
  return each(slices * rows, (index) => ({ slice: Math.floor(index / rows), row: index % rows, index }));
}

/** Elements of the binding that tells a shader what else to do: its length minus one, as bits. */
export const LANES_MODE = { accumulate: 1, bias: 2 } as const;

/** WGSL of one part; `problem.part` is one block of output channels and one run of input channels. */
export function lanesSource(kernel: LanesKernel, problem: Conv3dProblem): string {
  const { lanes, rows, slices, workgroupSize } = kernel;
  const { shape, part, xAccess, xStorage, yStorage } = problem;
  const window = part.isWindow ? { x: problem.xSkip, y: problem.ySkip } : undefined;
  const sx = shape.stride[2];
  const plan = makePlan(kernel, problem);
  const width = plan.isAligned ? 4 : 1;
  return `${enableStorage(xStorage, yStorage)}enable subgroups;
@group(0) @binding(0) var<storage, ${xAccess}> x: array<${storedType(xStorage, width)}>;
@group(0) @binding(1) var<uniform> w: array<vec4f, ${CHUNK_SIZE / 4}>;
@group(0) @binding(2) var<storage, read> mode: array<f32>;  // only its length counts
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<${storedType(yStorage, width)}>;
${hasScalarBinding(problem) ? `@group(0) @binding(5) var<storage, ${xAccess}> xScalar: array<${xStorage}>;` : ''}

@compute @workgroup_size(${workgroupSize})
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) thread: u32, @builtin(subgroup_invocation_id) lane: u32) {
  let inChannels = i32(w[0].y); let outChannels = i32(w[0].z); let firstOut = i32(w[0].w);
  let depth = i32(w[1].x); let height = i32(w[1].y); let width = i32(w[1].z); let firstIn = i32(w[1].w);
  let outDepth = i32(w[2].x); let outHeight = i32(w[2].y); let outWidth = i32(w[2].z); let inCount = i32(w[2].w);
  let across = (outWidth + ${COLUMNS - 1}) / ${COLUMNS};
  let rowSlabs = (outHeight + ${rows - 1}) / ${rows};
  let sliceSlabs = (outDepth + ${slices - 1}) / ${slices};
  let images = ${window ? 1 : 'i32(w[0].x)'};
  let position = i32((id.y * grid.x + id.x) * ${workgroupSize}u + thread);
  let isLive = position < images * sliceSlabs * rowSlabs * across;
  let chunk = position % across; let line = position / across;
  let slab = line / rowSlabs; let image = slab / sliceSlabs;
  let column = chunk * ${COLUMNS};
  let row = (line % rowSlabs) * ${rows};
  let slice = (slab % sliceSlabs) * ${slices};
  let isFirst = chunk == 0; let isLast = chunk == across - 1;
  let before = (lane + ${lanes - 1}u) % ${lanes}u; let after = (lane + 1u) % ${lanes}u;
  let volume = depth * height * width;
  let columnAt = image * inChannels * volume + column * ${sx};
  ${plan.inputRows.map((place) => rowPlace(plan, place)).join('\n  ')}${haloPlaces(plan)}
  ${plan.outputRows.map(({ index }) => channelsAndProducts(plan, (c, m) => `var ${sumName(c, index, m)} = 0.0;`)).join('\n  ')}
  var channelAt = ${window ? window.x : 'firstIn * volume'};
  var weightsAt = ${HEADER_SIZE / 4}u;
  for (var channel = 0; channel < inCount; channel++) {${haloLoads(plan)}${plan.inputRows.map((place) => rowLoad(plan, place)).join('')}
      ${arithmetic(plan)}
    channelAt += volume;
    weightsAt += ${weightsPerChannel(kernel, shape) / 4}u;
  }
  let flags = arrayLength(&mode) - 1u;
  let adds = (flags & ${LANES_MODE.accumulate}u) != 0u;
  let hasBias = (flags & ${LANES_MODE.bias}u) != 0u;
  for (var c = 0; c < min(${kernel.outBlock}, outChannels - firstOut); c++) {
    let yAt = (image * outChannels + ${window ? '' : 'firstOut + '}c) * outDepth * outHeight * outWidth + column${window ? ` + ${window.y}` : ''};
    var offset = 0.0;
    if (hasBias) { offset = bias[firstOut + c]; }${plan.outputRows.map((place) => rowStore(plan, place)).join('')}
  }
}
`;
}

/** Sum of channel `c`, output row `row`, accumulator `m`. */
function sumName(c: number, row: number, m: number): string {
  return `s${c}_${row}_${m}`;
}

function channelsAndProducts({ kernel, columns }: Plan, item: (c: number, m: number) => string): string {
  return each(kernel.outBlock, (c) => columns.products.map((_, m) => item(c, m)).join(' ')).join(' ');
}

/** Where an input row lies, and whether it lies in the image. */
function rowPlace({ shape }: Plan, { slice, row, index }: Row): string {
  const { stride } = shape;
  const [pz, py] = paddingOf(shape);
  const r = `r${index}`;
  return `let ${r}z = slice * ${stride[0]} + ${slice - pz}; let ${r}y = row * ${stride[1]} + ${row - py};
  let ${r}ok = ${r}z >= 0 && ${r}z < depth && ${r}y >= 0 && ${r}y < height;
  let ${r}at = columnAt + (${r}z * height + ${r}y) * width;`;
}

/** Lanes 2i and 2i + 1 of a halo load fetch what lies left of the first and right of the last lane in its i-th row. */
function haloPlaces({ kernel, columns, inputRows, rowsPerHalo }: Plan): string {
  if (columns.halo === 0) return '';
  const lines = inputRows.flatMap(({ index }) => {
    const halo = `halo${Math.floor(index / rowsPerHalo)}`;
    const key = 2 * (index % rowsPerHalo);
    const ends = [
      { key, from: 0, edge: 'isFirst', shift: -1 },
      { key: key + 1, from: kernel.lanes - 1, edge: 'isLast', shift: columns.groups * COLUMNS },
    ];
    return [
      ...(key === 0 ? [`var ${halo}at = 0; var ${halo}ok = 0u;`] : []),
      ...ends.map(
        (end) => `{
    let at = subgroupBroadcast(r${index}at, ${end.from}u) + ${end.shift};
    let ok = subgroupBroadcast(select(0u, 1u, r${index}ok && !${end.edge}), ${end.from}u);
    ${halo}at = select(${halo}at, at, lane == ${end.key}u); ${halo}ok = select(${halo}ok, ok, lane == ${end.key}u);
  }`,
      ),
    ];
  });
  return `\n  ${lines.join('\n  ')}`;
}

function haloLoads({ columns, inputRows, rowsPerHalo, isAligned }: Plan): string {
  const count = columns.halo === 0 ? 0 : Math.ceil(inputRows.length / rowsPerHalo);
  return each(
    count,
    (g) => `
    var halo${g} = 0.0; if (halo${g}ok != 0u) { halo${g} = f32(${isAligned ? 'xScalar' : 'x'}[channelAt + halo${g}at]); }`,
  ).join('');
}

/** Loads an input row, takes the columns beside it from the other lanes, and transforms. */
function rowLoad({ kernel, shape, columns, isAligned, rowsPerHalo }: Plan, { index }: Row): string {
  const { groups, halo } = columns;
  const r = `r${index}`;
  const isInside = (i: number) => `${r}ok && column * ${shape.stride[2]} + ${i} < width`;
  const vector = (g: number) =>
    isAligned
      ? `select(vec4f(), vec4f(x[(channelAt + ${r}at) / 4 + ${g}]), ${r}ok)`
      : `vec4f(${each(COLUMNS, (j) => `select(0.0, f32(x[channelAt + ${r}at + ${g * COLUMNS + j}]), ${isInside(g * COLUMNS + j)})`).join(', ')})`;
  const end = (side: number) =>
    `subgroupBroadcast(halo${Math.floor(index / rowsPerHalo)}, ${2 * (index % rowsPerHalo) + side}u)`;
  const beside =
    halo === 0
      ? ''
      : `
    let ${r}_c0 = select(select(subgroupShuffle(${r}v${groups - 1}.w, before), ${end(0)}, lane == 0u), 0.0, isFirst);
    let ${r}_c${groups * COLUMNS + 1} = select(select(subgroupShuffle(${r}v0.x, after), ${end(1)}, lane == ${kernel.lanes - 1}u), 0.0, isLast);`;
  return `
    ${each(groups, (g) => `let ${r}v${g} = ${vector(g)};`).join(' ')}
    ${each(groups * COLUMNS, (i) => `let ${r}_c${i + halo} = ${r}v${Math.floor(i / COLUMNS)}.${component(i)};`).join(' ')}${beside}
    ${columns.transform(r)}`;
}

/** Every product of the loaded rows with the weights of a channel, weights loaded and broadcast where first used. */
function arithmetic({ kernel, shape, columns, outputRows }: Plan): string {
  const { lanes, outBlock, rows, useWinograd } = kernel;
  const [kz, ky] = shape.kernelSize;
  const [sz, sy] = shape.stride;
  const inRows = (rows - 1) * sy + ky;
  const known = new Set<string>();
  const lines: string[] = [];
  const define = (name: string, value: string) => {
    if (!known.has(name)) lines.push(`let ${name} = ${value};`);
    known.add(name);
  };
  const weightOf = (tapX: number, c: number, tap: number): string => {
    const index = (tapX * outBlock + c) * kz * ky + tap;
    const load = Math.floor(index / (lanes * 4));
    const name = `w${tapX}_${c}_${tap}`;
    define(`u${load}`, `w[weightsAt + ${load * lanes}u + lane]`);
    define(name, `subgroupBroadcast(u${load}.${component(index)}, ${Math.floor(index / 4) % lanes}u)`);
    return name;
  };
  const addProducts = (c: number, m: number) => {
    const sums = outputRows.map(({ slice, row, index }) => {
      const terms = each(kz * ky, (tap) => {
        const input = (slice * sz + Math.floor(tap / ky)) * inRows + row * sy + (tap % ky);
        return columns.products[m].map(([column, tapX]) => `r${input}_${column} * ${weightOf(tapX, c, tap)}`);
      });
      return `${sumName(c, index, m)} += ${pairwiseSum(terms.flat())};`;
    });
    lines.push(...sums);
  };
  const order = columns.products.flatMap((_, m) => each(outBlock, (c) => ({ c, m })));
  if (!useWinograd) order.sort((a, b) => a.c - b.c);
  for (const { c, m } of order) addProducts(c, m);
  return lines.join('\n    ');
}

/** Stores an output row of channel `c`, a variable of the shader: one store for all channels keeps the code short. */
function rowStore({ kernel, columns, isAligned, yStorage }: Plan, { slice, row, index }: Row): string {
  const picked = columns.products.map((_, m) => {
    const chain = each(kernel.outBlock - 1, (i) => i + 1).reduce(
      (expression, c) => `select(${expression}, ${sumName(c, index, m)}, c == ${c})`,
      sumName(0, index, m),
    );
    return `let m${m} = ${chain};`;
  });
  const value = (j: number) => `${columns.outputs[j]} + offset`;
  const write = (target: string, width: 1 | 4, result: string) =>
    `var value = ${result}; if (adds) { value += ${storedType('f32', width)}(${target}); } ${target} = ${storedType(yStorage, width)}(value);`;
  const writes = isAligned
    ? [write('y[at / 4]', 4, `vec4f(${each(COLUMNS, value).join(', ')})`)]
    : each(COLUMNS, (j) => `if (column + ${j} < outWidth) { ${write(`y[at + ${j}]`, 1, value(j))} }`);
  return `
    {
      ${picked.join('\n      ')}
      let at = yAt + ((slice + ${slice}) * outHeight + row + ${row}) * outWidth;
      if (isLive && slice + ${slice} < outDepth && row + ${row} < outHeight) {
        ${writes.join('\n        ')}
      }
    }`;
}

/** Sums of sums: rounding errors grow with the depth of the tree, and its branches do not wait for each other. */
function pairwiseSum(terms: readonly string[]): string {
  if (terms.length <= 2) return terms.join(' + ');
  const half = Math.ceil(terms.length / 2);
  return `(${pairwiseSum(terms.slice(0, half))}) + (${pairwiseSum(terms.slice(half))})`;
}

function component(index: number): string {
  return 'xyzw'[index % 4];
}

/** Whether `x` is bound twice: as vectors, and as single elements for the columns beside a subgroup. */
export function hasScalarBinding({ shape, xAccess }: Conv3dProblem): boolean {
  return paddingOf(shape)[2] > 0 && isVectorAligned(shape) && xAccess === 'read';
}

/** Whether rows of `x` and of `y` start at multiples of four elements. */
function isVectorAligned(shape: Conv3dShape): boolean {
  const outWidth = conv3dOutputSize(shape)[2];
  return outWidth % COLUMNS === 0 && shape.inputSize[2] === outWidth * shape.stride[2];
}

/** Workgroups of {@link lanesSource}, before folding. */
export function lanesWorkgroups(kernel: LanesKernel, { outputSize, part }: Conv3dProblem): number {
  const [depth, height, width] = outputSize;
  const images = part.batch[1] - part.batch[0];
  const slabs = Math.ceil(depth / kernel.slices) * Math.ceil(height / kernel.rows);
  const positions = images * slabs * Math.ceil(width / COLUMNS);
  return Math.ceil(positions / kernel.workgroupSize);
}

function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}

function each<T>(count: number, item: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => item(i));
}
