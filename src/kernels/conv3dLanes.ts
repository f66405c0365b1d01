// Convolution for adapters that run a subgroup as one SIMD register (software Vulkan drivers). What is cheap there is
// arithmetic on values already in registers and moving them between lanes; what is dear is every single element loaded
// from or stored to a storage buffer, because lanes do that one by one. So:
// - a lane holds four consecutive columns, and the columns beside them come from the neighbouring lanes, not from memory;
// - a thread computes `rows` rows of `outBlock` channels, reusing each loaded row for every tap and channel;
// - weights come through a uniform buffer, a different one in each lane, and are broadcast from lane to lane;
// - along x, kernels of size 3 use Winograd's F(4, 3): 6 products for 4 outputs instead of 12.
// Sizes travel in a header before the weights, so that one compiled shader serves every layer.
// The loop over the kernel's slices stays a loop: code that fits the instruction cache is faster than longer code.
// Positions (image, slice, slab of rows, group of four columns) are flattened, columns fastest, so that
// consecutive lanes are neighbours along x wherever a row holds more than one group.

import type { Zyx } from '@/shared/geometry';
import type { Conv3dProblem } from './conv3dProblem';
import { type BoundRange, type Conv3dPart, type Conv3dShape, conv3dOutputSize, ranges } from './conv3dShape';

/** Size of the tile that one thread computes. */
export interface LanesKernel {
  readonly family: 'lanes';
  readonly name: string;
  /** Subgroup size that the adapter always uses, 4 or 8. */
  readonly lanes: number;
  /** Output channels per thread. */
  readonly outBlock: number;
  /** Output rows per thread. */
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

/** Winograd's F(4, 3): weights become `G w`, inputs `Bᵀ d`, products `Aᵀ m` (Lavin and Gray, 2015). */
const F43_WEIGHT = [
  [1 / 4, 0, 0],
  [-1 / 6, -1 / 6, -1 / 6],
  [-1 / 6, 1 / 6, -1 / 6],
  [1 / 24, 1 / 12, 1 / 6],
  [1 / 24, -1 / 12, 1 / 6],
  [0, 0, 1],
] as const;

/** A run of input channels whose weights one uniform buffer holds. */
function channelRuns(kernel: LanesKernel, shape: Conv3dShape) {
  const capacity = Math.floor((CHUNK_SIZE - HEADER_SIZE) / weightsPerChannel(kernel, shape));
  const count = Math.ceil(shape.inChannels / capacity);
  const step = Math.ceil(shape.inChannels / count);
  return { count: Math.ceil(shape.inChannels / step), step };
}

function weightsPerChannel(kernel: LanesKernel, shape: Conv3dShape) {
  return shape.kernelSize[0] * weightsPerSlice(kernel, shape);
}

/** Packed weights of one input channel and one slice of the kernel. */
export function weightsPerSlice({ outBlock, useWinograd }: LanesKernel, { kernelSize }: Conv3dShape): number {
  const [, ky, kx] = kernelSize;
  return Math.ceil((outBlock * ky * (useWinograd ? F43_WEIGHT.length : kx)) / 4) * 4;
}

/** Elements of the packed weight: a chunk per block of output channels and run of input channels. */
export function packedLanesWeightSize(kernel: LanesKernel, shape: Conv3dShape): number {
  return Math.ceil(shape.outChannels / kernel.outBlock) * channelRuns(kernel, shape).count * CHUNK_SIZE;
}

/**
 * A chunk is a header of 16 numbers (see the shader), then `[cin, kz, tap x, outBlock, ky]`, each slice of the kernel
 * filled up to a multiple of four.
 */
export function packLanesWeight(weight: Float32Array, kernel: LanesKernel, shape: Conv3dShape): Float32Array {
  const { batch, inChannels, outChannels, inputSize, kernelSize } = shape;
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
      chunk.set([kernelSize[0]], 12);
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
  const perSlice = weightsPerSlice(kernel, shape);
  const columnTaps = useWinograd ? F43_WEIGHT : identity(kx);
  const outCount = Math.min(outBlock, outChannels - firstOut);
  for (let i = 0; i < inCount; i++) {
    for (let dz = 0; dz < kz; dz++) {
      for (let c = 0; c < outCount; c++) {
        const from = (((firstOut + c) * inChannels + firstIn + i) * kz + dz) * ky * kx;
        for (const [m, factors] of columnTaps.entries()) {
          const to = (i * kz + dz) * perSlice + (m * outBlock + c) * ky;
          for (let dy = 0; dy < ky; dy++) {
            let sum = 0;
            for (let dx = 0; dx < kx; dx++) sum += factors[dx] * weight[from + dy * kx + dx];
            chunk[to + dy] = sum;
          }
        }
      }
    }
  }
}

/** The chunk that a part reads. */
export function lanesWeightRange(kernel: LanesKernel, shape: Conv3dShape, part: Conv3dPart): BoundRange {
  const runs = channelRuns(kernel, shape);
  const index = (part.outChannels[0] / kernel.outBlock) * runs.count + part.inChannels[0] / runs.step;
  return { start: index * CHUNK_SIZE, size: CHUNK_SIZE };
}

/** Whether the tile suits the kernel size, and every part of the problem can be bound. */
export function supportsLanes(kernel: LanesKernel, shape: Conv3dShape, bindingBytes: number): boolean {
  const budget = bindingBytes / 4 - 64;
  const volume = (size: Zyx) => size[0] * size[1] * size[2];
  const { inChannels, outChannels, kernelSize, stride } = shape;
  return (
    kernelSize[2] <= 3 &&
    (!kernel.useWinograd || (kernelSize[2] === 3 && stride[2] === 1)) &&
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
  return ranges(batch, largest <= bindingBytes / 4 ? batch : 1).flatMap((images) =>
    ranges(outChannels, kernel.outBlock).flatMap((out) =>
      ranges(inChannels, channelRuns(kernel, shape).step).map((run) => ({
        batch: images,
        outChannels: out,
        inChannels: run,
        z: [0, outSize[0]] as const,
        first: run[0] === 0,
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

const WINOGRAD_COLUMNS: ColumnScheme = {
  groups: 1,
  halo: 1,
  transform: (r) => `
        let ${r}_0 = 4.0 * ${r}_c0 - 5.0 * ${r}_c2 + ${r}_c4;
        let ${r}_p = ${r}_c4 - 4.0 * ${r}_c2; let ${r}_q = ${r}_c3 - 4.0 * ${r}_c1;
        let ${r}_1 = ${r}_p + ${r}_q; let ${r}_2 = ${r}_p - ${r}_q;
        let ${r}_s = ${r}_c4 - ${r}_c2; let ${r}_t = 2.0 * (${r}_c3 - ${r}_c1);
        let ${r}_3 = ${r}_s + ${r}_t; let ${r}_4 = ${r}_s - ${r}_t;
        let ${r}_5 = 4.0 * ${r}_c1 - 5.0 * ${r}_c3 + ${r}_c5;`,
  products: each(F43_WEIGHT.length, (m) => [[m, m] as const]),
  outputs: [
    'm0 + (m1 + m2) + (m3 + m4)',
    '(m1 - m2) + 2.0 * (m3 - m4)',
    '(m1 + m2) + 4.0 * (m3 + m4)',
    '(m1 - m2) + 8.0 * (m3 - m4) + m5',
  ],
};

function directColumns(kx: number, stride: number): ColumnScheme {
  const halo = (kx - 1) / 2;
  return {
    groups: stride,
    halo,
    transform: (r) => each(stride * COLUMNS + 2 * halo, (i) => `let ${r}_${i} = ${r}_c${i};`).join(' '),
    products: each(COLUMNS, (j) => each(kx, (dx) => [j * stride + dx, dx] as const)),
    outputs: each(COLUMNS, (j) => `m${j}`),
  };
}

/** What the pieces of the shader share. */
interface Plan {
  readonly kernel: LanesKernel;
  readonly problem: Conv3dProblem;
  readonly columns: ColumnScheme;
  readonly inRows: number;
  readonly isAligned: boolean;
  /** Rows whose halo one load per lane covers, and such loads. */
  readonly rowsPerHalo: number;
  readonly haloLoads: number;
}

/** WGSL of one part; `problem.part` is one block of output channels and one run of input channels. */
export function lanesSource(kernel: LanesKernel, problem: Conv3dProblem): string {
  const { lanes, rows, workgroupSize } = kernel;
  const { shape, part, xBase, yBase, hasBias, xAccess } = problem;
  const [, ky, kx] = shape.kernelSize;
  const [sz, sy, sx] = shape.stride;
  const columns = kernel.useWinograd ? WINOGRAD_COLUMNS : directColumns(kx, sx);
  const inRows = (rows - 1) * sy + ky;
  const rowsPerHalo = lanes / 2;
  const haloLoads = columns.halo > 0 ? Math.ceil(inRows / rowsPerHalo) : 0;
  const isAligned = isVectorAligned(shape);
  const plan: Plan = { kernel, problem, columns, inRows, isAligned, rowsPerHalo, haloLoads };
  const isWholeBatch = part.batch[0] === 0 && part.batch[1] === shape.batch;
  const element = isAligned ? 'vec4f' : 'f32';
  let binding = 0;
  return `enable subgroups;
@group(0) @binding(${binding++}) var<storage, ${xAccess}> x: array<${element}>;
${columns.halo > 0 ? `@group(0) @binding(${binding++}) var<storage, ${xAccess}> xScalar: array<f32>;` : ''}
@group(0) @binding(${binding++}) var<uniform> w: array<vec4f, ${CHUNK_SIZE / 4}>;
${hasBias ? `@group(0) @binding(${binding++}) var<storage, read> bias: array<f32>;` : ''}
@group(0) @binding(${binding++}) var<storage, read_write> y: array<${element}>;

@compute @workgroup_size(${workgroupSize})
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) thread: u32, @builtin(subgroup_invocation_id) lane: u32) {
  let inChannels = i32(w[0].y); let outChannels = i32(w[0].z); let firstOut = i32(w[0].w);
  let depth = i32(w[1].x); let height = i32(w[1].y); let width = i32(w[1].z); let firstIn = i32(w[1].w);
  let outDepth = i32(w[2].x); let outHeight = i32(w[2].y); let outWidth = i32(w[2].z); let inCount = i32(w[2].w);
  let kernelSlices = i32(w[3].x);
  let across = (outWidth + ${COLUMNS - 1}) / ${COLUMNS};
  let slabs = (outHeight + ${rows - 1}) / ${rows};
  let position = i32((id.y * grid.x + id.x) * ${workgroupSize}u + thread);
  let isLive = position < ${isWholeBatch ? 'i32(w[0].x)' : part.batch[1] - part.batch[0]} * outDepth * slabs * across;
  let chunk = position % across; let line = position / across;
  let plane = line / slabs; let image = ${part.batch[0]} + plane / outDepth;
  let column = chunk * ${COLUMNS};
  let row = (line % slabs) * ${rows};
  let slice = plane % outDepth;
  let isFirst = chunk == 0; let isLast = chunk == across - 1;
  let before = (lane + ${lanes - 1}u) % ${lanes}u; let after = (lane + 1u) % ${lanes}u;
  let volume = depth * height * width;
  let imageAt = image * inChannels * volume;
  ${each(inRows, (b) => `let y${b} = row * ${sy} + ${b - (ky - 1) / 2}; let y${b}ok = y${b} >= 0 && y${b} < height;`).join('\n  ')}
  ${each(rows, (b) => channelsAndProducts(plan, (c, m) => `var ${sum(c, b, m)} = 0.0;`)).join('\n  ')}
  var channelAt = firstIn * volume - ${xBase};
  var weightsAt = ${HEADER_SIZE / 4}u;
  for (var channel = 0; channel < inCount; channel++) {
    for (var tap = 0; tap < kernelSlices; tap++) {
      let z = slice * ${sz} + tap - (kernelSlices - 1) / 2;
      let zok = z >= 0 && z < depth;
      let planeAt = imageAt + z * height * width + column * ${sx};${haloCode(plan)}${each(inRows, (b) => rowCode(plan, b)).join('')}${arithmeticCode(plan)}
      weightsAt += ${weightsPerSlice(kernel, shape) / 4}u;
    }
    channelAt += volume;
  }
  for (var c = 0; c < min(${kernel.outBlock}, outChannels - firstOut); c++) {
    let yAt = ((image * outChannels + firstOut + c) * outDepth + slice) * outHeight * outWidth + column - ${yBase};
    let offset = ${hasBias ? 'bias[firstOut + c]' : '0.0'};${each(rows, (b) => storeCode(plan, b)).join('')}
  }
}
`;
}

/** Sum of channel `c`, output row `b`, accumulator `m`. */
const sum = (c: number, b: number, m: number) => `s${c}_${b}_${m}`;

function channelsAndProducts({ kernel, columns }: Plan, item: (c: number, m: number) => string): string {
  return each(kernel.outBlock, (c) => columns.products.map((_, m) => item(c, m)).join(' ')).join(' ');
}

/** Lanes 2i and 2i + 1 of a halo load fetch what lies left of the first and right of the last lane in its i-th row. */
function haloCode({ kernel, columns, inRows, rowsPerHalo, haloLoads }: Plan): string {
  const { lanes } = kernel;
  return each(haloLoads, (g) => {
    const members = each(Math.min(rowsPerHalo, inRows - g * rowsPerHalo), (i) => g * rowsPerHalo + i);
    const ends = members.flatMap((b, i) => [
      { b, key: 2 * i, from: 0, edge: 'isFirst', shift: -1 },
      { b, key: 2 * i + 1, from: lanes - 1, edge: 'isLast', shift: columns.groups * COLUMNS },
    ]);
    return `
      var halo${g}at = 0; var halo${g}ok = 0u;
      ${ends
        .map(
          ({ b, key, from, edge, shift }) => `{
        let at = subgroupBroadcast(planeAt + y${b} * width, ${from}u);
        let ok = subgroupBroadcast(select(0u, 1u, zok && y${b}ok && !${edge}), ${from}u);
        halo${g}at = select(halo${g}at, at + ${shift}, lane == ${key}u); halo${g}ok = select(halo${g}ok, ok, lane == ${key}u);
      }`,
        )
        .join('\n      ')}
      var halo${g} = 0.0;
      if (halo${g}ok != 0u) { halo${g} = xScalar[channelAt + halo${g}at]; }`;
  }).join('');
}

/** Loads input row `b`, takes the columns beside it from the other lanes, and transforms. */
function rowCode({ kernel, problem, columns, isAligned, rowsPerHalo }: Plan, b: number): string {
  const { groups, halo } = columns;
  const r = `r${b}`;
  const sx = problem.shape.stride[2];
  const isInside = (i: number) => `zok && y${b}ok && column * ${sx} + ${i} < width`;
  const vector = (g: number) =>
    isAligned
      ? `select(vec4f(), x[${r}at / 4 + ${g}], zok && y${b}ok)`
      : `vec4f(${each(COLUMNS, (j) => `select(0.0, x[${r}at + ${g * COLUMNS + j}], ${isInside(g * COLUMNS + j)})`).join(', ')})`;
  const end = (key: number) =>
    `subgroupBroadcast(halo${Math.floor(b / rowsPerHalo)}, ${2 * (b % rowsPerHalo) + key}u)`;
  const beside =
    halo === 0
      ? ''
      : `
      let ${r}_c0 = select(select(subgroupShuffle(${r}v${groups - 1}.w, before), ${end(0)}, lane == 0u), 0.0, isFirst);
      let ${r}_c${groups * COLUMNS + 1} = select(select(subgroupShuffle(${r}v0.x, after), ${end(1)}, lane == ${kernel.lanes - 1}u), 0.0, isLast);`;
  return `
      let ${r}at = channelAt + planeAt + y${b} * width;
      ${each(groups, (g) => `let ${r}v${g} = ${vector(g)};`).join(' ')}
      ${each(groups * COLUMNS, (i) => `let ${r}_c${i + halo} = ${r}v${Math.floor(i / COLUMNS)}.${component(i)};`).join(' ')}${beside}
      ${columns.transform(r)}`;
}

/** Every product of the loaded rows with the weights of one slice, weights loaded and broadcast where first used. */
function arithmeticCode({ kernel, problem, columns }: Plan): string {
  const { lanes, outBlock, rows, useWinograd } = kernel;
  const ky = problem.shape.kernelSize[1];
  const sy = problem.shape.stride[1];
  const known = new Set<string>();
  const lines: string[] = [];
  const weightOf = (tapX: number, c: number, dy: number): string => {
    const index = (tapX * outBlock + c) * ky + dy;
    const load = `u${Math.floor(index / (lanes * 4))}`;
    const name = `w${tapX}_${c}_${dy}`;
    if (!known.has(load))
      lines.push(`let ${load} = w[weightsAt + ${Math.floor(index / (lanes * 4)) * lanes}u + lane];`);
    if (!known.has(name)) {
      lines.push(
        `let ${name} = subgroupBroadcast(${load}.${component(index)}, ${Math.floor(index / 4) % lanes}u);`,
      );
    }
    known.add(load).add(name);
    return name;
  };
  const addProducts = (c: number, m: number) => {
    const sums = each(rows, (b) => {
      const terms = each(ky, (dy) =>
        columns.products[m].map(([input, tapX]) => `r${b * sy + dy}_${input} * ${weightOf(tapX, c, dy)}`),
      );
      return `${sum(c, b, m)} += ${terms.flat().join(' + ')};`;
    });
    lines.push(...sums);
  };
  const order = columns.products.flatMap((_, m) => each(outBlock, (c) => ({ c, m })));
  if (!useWinograd) order.sort((a, b) => a.c - b.c);
  for (const { c, m } of order) addProducts(c, m);
  return `\n      ${lines.join('\n      ')}`;
}

/** Stores output row `b` of channel `c`, a variable of the shader: one store for all channels keeps the code short. */
function storeCode({ kernel, problem, columns, isAligned }: Plan, b: number): string {
  const picked = columns.products.map((_, m) => {
    const chain = each(kernel.outBlock - 1, (i) => i + 1).reduce(
      (expression, c) => `select(${expression}, ${sum(c, b, m)}, c == ${c})`,
      sum(0, b, m),
    );
    return `let m${m} = ${chain};`;
  });
  const value = (j: number) => `${columns.outputs[j]} + offset`;
  const add = (target: string) => (problem.accumulate ? `${target} + ` : '');
  const writes = isAligned
    ? [`y[at / 4] = ${add('y[at / 4]')}vec4f(${each(COLUMNS, value).join(', ')});`]
    : each(
        COLUMNS,
        (j) => `if (column + ${j} < outWidth) { y[at + ${j}] = ${add(`y[at + ${j}]`)}${value(j)}; }`,
      );
  return `
    {
      ${picked.join('\n      ')}
      let at = yAt + (row + ${b}) * outWidth;
      if (isLive && row + ${b} < outHeight) {
        ${writes.join('\n        ')}
      }
    }`;
}

function component(index: number): string {
  return 'xyzw'[index % 4];
}

/** Whether rows of `x` and of `y` start at multiples of four elements. */
function isVectorAligned(shape: Conv3dShape): boolean {
  const outWidth = conv3dOutputSize(shape)[2];
  return outWidth % COLUMNS === 0 && shape.inputSize[2] === outWidth * shape.stride[2];
}

/** Workgroups of {@link lanesSource}, before folding. */
export function lanesWorkgroups(kernel: LanesKernel, { outputSize, part }: Conv3dProblem): number {
  const [depth, height, width] = outputSize;
  const positions =
    (part.batch[1] - part.batch[0]) * depth * Math.ceil(height / kernel.rows) * Math.ceil(width / COLUMNS);
  return Math.ceil(positions / kernel.workgroupSize);
}

function each<T>(count: number, item: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => item(i));
}
