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
import { type BoundRange, type Conv3dPart, type Conv3dShape, conv3dOutputSize, ranges } from './conv3dShape';

/** Size of the tile that one thread computes. */
export interface LanesKernel {
  readonly family: 'lanes';
  readonly name: string;
  /** Subgroup size that the adapter always uses, 4 or 8. */
  readonly lanes: number;
  /** Output channels per thread. */
  readonly outBlock: number;
  /** Output slices and rows per thread. */
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

function weightsPerChannel(
  { outBlock, useWinograd }: LanesKernel,
  { kernelSize: [kz, ky, kx] }: Conv3dShape,
) {
  return Math.ceil((outBlock * kz * ky * (useWinograd ? F43_WEIGHT.length : kx)) / 4) * 4;
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
  const { batch, inChannels, outChannels, inputSize, kernelSize } = shape;
  const [kz, ky, kx] = kernelSize;
  const rowTaps = kz * ky;
  const runs = channelRuns(kernel, shape);
  const perChannel = weightsPerChannel(kernel, shape);
  const packed = new Float32Array(packedLanesWeightSize(kernel, shape));
  const columnTaps = kernel.useWinograd ? F43_WEIGHT : identity(kx);
  for (let block = 0; block * kernel.outBlock < outChannels; block++) {
    for (let run = 0; run < runs.count; run++) {
      const chunk = (block * runs.count + run) * CHUNK_SIZE;
      const firstOut = block * kernel.outBlock;
      const firstIn = run * runs.step;
      const inCount = Math.min(runs.step, inChannels - firstIn);
      packed.set([batch, inChannels, outChannels, firstOut], chunk);
      packed.set([...inputSize, firstIn], chunk + 4);
      packed.set([...conv3dOutputSize(shape), inCount], chunk + 8);
      for (let i = 0; i < inCount; i++) {
        for (let c = 0; c < Math.min(kernel.outBlock, outChannels - firstOut); c++) {
          const from = ((firstOut + c) * inChannels + firstIn + i) * rowTaps * kx;
          const to = chunk + HEADER_SIZE + i * perChannel + c * rowTaps;
          for (const [m, factors] of columnTaps.entries()) {
            for (let t = 0; t < rowTaps; t++) {
              let sum = 0;
              for (let dx = 0; dx < kx; dx++) sum += factors[dx] * weight[from + t * kx + dx];
              packed[to + m * kernel.outBlock * rowTaps + t] = sum;
            }
          }
        }
      }
    }
  }
  return packed;
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

/** Names of the columns that a thread reads of one row, as `Lanes` and halo give them, and how outputs use them. */
interface ColumnScheme {
  /** vec4 groups loaded per lane and row. */
  readonly groups: number;
  /** Columns to the left and right that come from other lanes. */
  readonly halo: number;
  /** Statements that define `${row}_0…` from `${row}_c0…`, columns in order, the left halo first. */
  readonly transform: (row: string) => string;
  /** For each accumulator: which `[input, weight]` products it sums per row and row tap. */
  readonly products: readonly (readonly (readonly [number, number])[])[];
  /** Expressions of the four outputs from the accumulators `m0…`. */
  readonly outputs: readonly string[];
}

function columnScheme({ useWinograd }: LanesKernel, { kernelSize, stride }: Conv3dShape): ColumnScheme {
  const kx = kernelSize[2];
  const halo = (kx - 1) / 2;
  if (useWinograd) {
    return {
      groups: 1,
      halo,
      transform: (r) => `
      let ${r}_0 = 4.0 * ${r}_c0 - 5.0 * ${r}_c2 + ${r}_c4;
      let ${r}_p = ${r}_c4 - 4.0 * ${r}_c2; let ${r}_q = ${r}_c3 - 4.0 * ${r}_c1;
      let ${r}_1 = ${r}_p + ${r}_q; let ${r}_2 = ${r}_p - ${r}_q;
      let ${r}_s = ${r}_c4 - ${r}_c2; let ${r}_t = 2.0 * (${r}_c3 - ${r}_c1);
      let ${r}_3 = ${r}_s + ${r}_t; let ${r}_4 = ${r}_s - ${r}_t;
      let ${r}_5 = 4.0 * ${r}_c1 - 5.0 * ${r}_c3 + ${r}_c5;`,
      products: each(6, (m) => [[m, m] as const]),
      outputs: [
        'm0 + (m1 + m2) + (m3 + m4)',
        '(m1 - m2) + 2.0 * (m3 - m4)',
        '(m1 + m2) + 4.0 * (m3 + m4)',
        '(m1 - m2) + 8.0 * (m3 - m4) + m5',
      ],
    };
  }
  const groups = stride[2];
  return {
    groups,
    halo,
    transform: (r) => each(groups * COLUMNS + 2 * halo, (i) => `let ${r}_${i} = ${r}_c${i};`).join(' '),
    products: each(COLUMNS, (j) => each(kx, (dx) => [j * stride[2] + dx, dx] as const)),
    outputs: each(COLUMNS, (j) => `m${j}`),
  };
}

/** WGSL of one part; `problem.part` is one block of output channels and one run of input channels. */
export function lanesSource(kernel: LanesKernel, problem: Conv3dProblem): string {
  const { lanes, outBlock, slices, rows, workgroupSize } = kernel;
  const { shape, part, xBase, yBase, accumulate, hasBias, xAccess } = problem;
  const [kz, ky] = shape.kernelSize;
  const [sz, sy, sx] = shape.stride;
  const scheme = columnScheme(kernel, shape);
  const { groups, halo, products } = scheme;
  const inSlices = (slices - 1) * sz + kz;
  const inRows = (rows - 1) * sy + ky;
  const isAligned = isVectorAligned(shape) && xBase % 4 === 0;
  const perChannel = weightsPerChannel(kernel, shape) / 4;
  const inputRows = each(inSlices, (a) =>
    each(inRows, (b) => ({ a, b, r: `r${a}${b}`, index: a * inRows + b })),
  ).flat();
  const rowsPerHalo = Math.max(1, lanes / 2 / Math.max(halo, 1));
  const haloGroups = halo > 0 ? Math.ceil(inputRows.length / rowsPerHalo) : 0;
  const literalOr = (range: readonly [number, number], whole: number, name: string) =>
    range[0] === 0 && range[1] === whole
      ? { start: '0', count: name }
      : { start: `${range[0]}`, count: `${range[1] - range[0]}` };
  const images = literalOr(part.batch, shape.batch, 'i32(w[0].x)');

  const rowOffsets = inputRows
    .map(
      ({ a, b, r }) => `
  let ${r}z = slice * ${sz} + ${a - (kz - 1) / 2}; let ${r}y = row * ${sy} + ${b - (ky - 1) / 2};
  let ${r}ok = ${r}z >= 0 && ${r}z < depth && ${r}y >= 0 && ${r}y < height;
  let ${r}at = imageAt + (${r}z * height + ${r}y) * width + column * ${sx};`,
    )
    .join('');

  // Lanes 2i and 2i + 1 of a halo group fetch what lies left of the first and right of the last lane in its i-th row.
  const haloOffsets = each(haloGroups, (g) => {
    const members = inputRows.slice(g * rowsPerHalo, (g + 1) * rowsPerHalo);
    return `
  var halo${g}at = 0; var halo${g}ok = false;
  ${members
    .map(({ r }, i) => {
      const ends = [
        { lane: 0, edge: 'isFirst', shift: '-1', key: 2 * i },
        { lane: lanes - 1, edge: 'isLast', shift: `${groups * COLUMNS}`, key: 2 * i + 1 },
      ];
      return ends
        .map(
          ({ lane: from, edge, shift, key }) => `{
    let at = subgroupBroadcast(${r}at, ${from}u); let ok = subgroupBroadcast(u32(${r}ok && !${edge}), ${from}u) != 0u;
    halo${g}at = select(halo${g}at, at + ${shift}, lane == ${key}u); halo${g}ok = select(halo${g}ok, ok, lane == ${key}u);
  }`,
        )
        .join('\n  ');
    })
    .join('\n  ')}`;
  }).join('');

  const loadRow = ({ r, index }: (typeof inputRows)[number]) => {
    const loads = each(groups, (g) =>
      isAligned
        ? `let ${r}v${g} = select(vec4f(), x[(plane + ${r}at) / 4 + ${g}], ${r}ok);`
        : `let ${r}v${g} = vec4f(${each(COLUMNS, (j) => `select(0.0, x[plane + ${r}at + ${g * COLUMNS + j}], ${r}ok && column * ${sx} + ${g * COLUMNS + j} < width)`).join(', ')});`,
    );
    const own = each(
      groups * COLUMNS,
      (i) => `let ${r}_c${i + halo} = ${r}v${Math.floor(i / COLUMNS)}.${'xyzw'[i % COLUMNS]};`,
    );
    const haloLines = each(halo, () => {
      const g = Math.floor(index / rowsPerHalo);
      const i = index % rowsPerHalo;
      return `
      let ${r}_c0 = select(select(subgroupShuffle(${r}v${groups - 1}.w, before), subgroupBroadcast(halo${g}, ${2 * i}u), lane == 0u), 0.0, isFirst);
      let ${r}_c${groups * COLUMNS + halo} = select(select(subgroupShuffle(${r}v0.x, after), subgroupBroadcast(halo${g}, ${2 * i + 1}u), lane == ${lanes - 1}u), 0.0, isLast);`;
    });
    return `
      ${[...loads, ...own].join(' ')}${haloLines.join('')}${scheme.transform(r)}`;
  };

  const acc = (c: number, a: number, b: number, m: number) => `s${c}_${a}${b}_${m}`;
  const outputRows = each(slices, (a) => each(rows, (b) => ({ a, b }))).flat();
  const weightName = (tapX: number, c: number, tap: number) => `w${tapX}_${c}_${tap}`;
  const defined = new Set<string>();
  /** Loads and broadcasts a weight where it is used first. */
  const weightOf = (tapX: number, c: number, tap: number): string => {
    const index = (tapX * outBlock + c) * kz * ky + tap;
    const site = Math.floor(index / (lanes * 4));
    const name = weightName(tapX, c, tap);
    const lines: string[] = [];
    if (!defined.has(`u${site}`)) lines.push(`let u${site} = w[weightsAt + ${site * lanes}u + lane];`);
    if (!defined.has(name)) {
      const within = index % (lanes * 4);
      lines.push(
        `let ${name} = subgroupBroadcast(u${site}.${'xyzw'[within % 4]}, ${Math.floor(within / 4)}u);`,
      );
    }
    defined.add(`u${site}`).add(name);
    return lines.join(' ');
  };
  const accumulateChannel = (c: number, m: number) => {
    const weights: string[] = [];
    const sums = outputRows.map(({ a, b }) => {
      const terms: string[] = [];
      for (let dz = 0; dz < kz; dz++) {
        for (let dy = 0; dy < ky; dy++) {
          for (const [input, tapX] of products[m]) {
            weights.push(weightOf(tapX, c, dz * ky + dy));
            terms.push(`r${a * sz + dz}${b * sy + dy}_${input} * ${weightName(tapX, c, dz * ky + dy)}`);
          }
        }
      }
      return `${acc(c, a, b, m)} += ${terms.join(' + ')};`;
    });
    return `\n      ${[...weights.filter(Boolean), ...sums].join('\n      ')}`;
  };
  const arithmetic = kernel.useWinograd
    ? products.map((_, m) => each(outBlock, (c) => accumulateChannel(c, m)).join('')).join('')
    : each(outBlock, (c) => products.map((_, m) => accumulateChannel(c, m)).join('')).join('');

  const store = outputRows
    .map(({ a, b }) => {
      const picked = products.map((_, m) => {
        const chain = each(outBlock, (c) => c).reduce(
          (expression, c) =>
            c === 0 ? acc(0, a, b, m) : `select(${expression}, ${acc(c, a, b, m)}, c == ${c})`,
          '',
        );
        return `let m${m} = ${chain};`;
      });
      const value = (j: number) => `${scheme.outputs[j]} + offset`;
      const at = `yAt + (slice + ${a}) * outHeight * outWidth + (row + ${b}) * outWidth + column`;
      const write = isAligned
        ? `y[at / 4] = ${accumulate ? 'y[at / 4] + ' : ''}vec4f(${each(COLUMNS, value).join(', ')});`
        : each(
            COLUMNS,
            (j) =>
              `if (column + ${j} < outWidth) { y[at + ${j}] = ${accumulate ? `y[at + ${j}] + ` : ''}${value(j)}; }`,
          ).join('\n        ');
      return `
    {
      ${picked.join('\n      ')}
      if (isLive && slice + ${a} < outDepth && row + ${b} < outHeight) {
        let at = ${at};
        ${write}
      }
    }`;
    })
    .join('');

  let binding = 0;
  const element = isAligned ? 'vec4f' : 'f32';
  return `enable subgroups;
@group(0) @binding(${binding++}) var<storage, ${xAccess}> x: array<${element}>;
${halo > 0 ? `@group(0) @binding(${binding++}) var<storage, ${xAccess}> xScalar: array<f32>;` : ''}
@group(0) @binding(${binding++}) var<uniform> w: array<vec4f, ${CHUNK_SIZE / 4}>;
${hasBias ? `@group(0) @binding(${binding++}) var<storage, read> bias: array<f32>;` : ''}
@group(0) @binding(${binding++}) var<storage, read_write> y: array<${element}>;

@compute @workgroup_size(${workgroupSize})
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) thread: u32, @builtin(subgroup_invocation_id) lane: u32) {
  let inChannels = i32(w[0].y); let outChannels = i32(w[0].z); let firstOut = i32(w[0].w);
  let depth = i32(w[1].x); let height = i32(w[1].y); let width = i32(w[1].z); let firstIn = i32(w[1].w);
  let outDepth = i32(w[2].x); let outHeight = i32(w[2].y); let outWidth = i32(w[2].z); let inCount = i32(w[2].w);
  let across = (outWidth + ${COLUMNS - 1}) / ${COLUMNS};
  let rowSlabs = (outHeight + ${rows - 1}) / ${rows};
  let sliceSlabs = (outDepth + ${slices - 1}) / ${slices};
  let count = ${images.count} * sliceSlabs * rowSlabs * across;
  let position = i32((id.y * grid.x + id.x) * ${workgroupSize}u + thread);
  let isLive = position < count;
  let chunk = position % across; let line = position / across;
  let slab = line / rowSlabs; let image = ${images.start} + slab / sliceSlabs;
  let column = chunk * ${COLUMNS};
  let row = (line % rowSlabs) * ${rows};
  let slice = (slab % sliceSlabs) * ${slices};
  let isFirst = chunk == 0; let isLast = chunk == across - 1;
  let before = (lane + ${lanes - 1}u) % ${lanes}u; let after = (lane + 1u) % ${lanes}u;
  let volume = depth * height * width;
  let imageAt = image * inChannels * volume;
  ${rowOffsets}${haloOffsets}
  ${outputRows.map(({ a, b }) => each(outBlock, (c) => products.map((_, m) => `var ${acc(c, a, b, m)} = 0.0;`).join(' ')).join(' ')).join('\n  ')}
  var plane = firstIn * volume - ${xBase};
  var weightsAt = ${HEADER_SIZE / 4}u;
  for (var channel = 0; channel < inCount; channel++) {
    ${each(haloGroups, (g) => `var halo${g} = 0.0; if (halo${g}ok) { halo${g} = xScalar[plane + halo${g}at]; }`).join('\n    ')}
    ${inputRows.map(loadRow).join('')}${arithmetic}
    plane += volume;
    weightsAt += ${perChannel}u;
  }
  for (var c = 0; c < min(${outBlock}, outChannels - firstOut); c++) {
    let yAt = (image * outChannels + firstOut + c) * outDepth * outHeight * outWidth - ${yBase};
    let offset = ${hasBias ? 'bias[firstOut + c]' : '0.0'};${store}
  }
}
`;
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
    (part.batch[1] - part.batch[0]) *
    Math.ceil(depth / kernel.slices) *
    Math.ceil(height / kernel.rows) *
    Math.ceil(width / COLUMNS);
  return Math.ceil(positions / kernel.workgroupSize);
}

function each<T>(count: number, item: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => item(i));
}
