// Convolution for GPUs with fast workgroup memory: a workgroup loads a tile of `x` and of the weights once, a few input
// channels and one slice of the kernel at a time, and each of its threads computes 4 columns of 8 channels from there.
// Accumulators are named variables: an array indexed by a loop variable may be placed in memory.

import type { Conv3dProblem } from './conv3dProblem';
import { type Conv3dShape, paddingOf } from './conv3dShape';
import { enableStorage } from './storage';

/** Size of the tile that one workgroup computes. */
export interface TiledKernel {
  readonly family: 'tiled';
  readonly name: string;
  /** Output channels per workgroup, a multiple of 8. */
  readonly outBlock: number;
  /** Output rows and columns per workgroup; columns a multiple of 4. */
  readonly rows: number;
  readonly columns: number;
}

const THREAD_CHANNELS = 8;
const THREAD_COLUMNS = 4;
/** Workgroup memory that every WebGPU device has, in elements. */
const SHARED_SIZE = 16384 / 4;
const LARGEST_CHANNEL_STEP = 4;

/** Tiles for a shape: 32 threads for every 8 channels, wide where rows are long. */
export function tiledCandidates({ outChannels, inputSize, stride }: Conv3dShape): TiledKernel[] {
  const width = Math.ceil(inputSize[2] / stride[2]);
  const columns = width > 16 ? 32 : width > 8 ? 16 : 8;
  const rows = 128 / columns;
  const blocks = outChannels > 16 ? [32, 64, 16] : outChannels > 8 ? [16] : [8];
  return blocks.map((outBlock) => ({
    family: 'tiled',
    name: `tiled ${outBlock}x${rows}x${columns}`,
    outBlock,
    rows,
    columns,
  }));
}

/** Whether the tile of one input channel fits workgroup memory. */
export function supportsTiled(kernel: TiledKernel, shape: Conv3dShape): boolean {
  return sharedSizePerChannel(kernel, shape) <= SHARED_SIZE;
}

function inputTile({ rows, columns }: TiledKernel, { kernelSize, stride }: Conv3dShape) {
  return {
    inRows: (rows - 1) * stride[1] + kernelSize[1],
    inColumns: (columns - 1) * stride[2] + kernelSize[2],
  };
}

function sharedSizePerChannel(kernel: TiledKernel, shape: Conv3dShape): number {
  const { inRows, inColumns } = inputTile(kernel, shape);
  return inRows * inColumns + shape.kernelSize[1] * shape.kernelSize[2] * kernel.outBlock;
}

function threadCount({ outBlock, rows, columns }: TiledKernel): number {
  return (outBlock / THREAD_CHANNELS) * rows * (columns / THREAD_COLUMNS);
}

/** WGSL of one part. */
export function tiledSource(kernel: TiledKernel, problem: Conv3dProblem): string {
  const { outBlock, rows, columns } = kernel;
  const { shape, outputSize, part, xBase, yBase, weightBase, biasBase, accumulate, hasBias, xAccess } =
    problem;
  const { xStorage, yStorage } = problem;
  const [kz, ky, kx] = shape.kernelSize;
  const [pz, py, px] = paddingOf(shape);
  const [sz, sy, sx] = shape.stride;
  const [depth, height, width] = shape.inputSize;
  const [, outHeight, outWidth] = outputSize;
  const { inRows, inColumns } = inputTile(kernel, shape);
  const step = Math.min(LARGEST_CHANNEL_STEP, Math.floor(SHARED_SIZE / sharedSizePerChannel(kernel, shape)));
  const threads = threadCount(kernel);
  const quads = outBlock / 4;
  const sliceWeights = ky * kx * quads;
  const strips = columns / THREAD_COLUMNS;
  const grid = tileGrid(kernel, problem);
  const volume = depth * height * width;
  const outVolume = outputSize[0] * outHeight * outWidth;
  const span = (THREAD_COLUMNS - 1) * sx + kx;
  const [firstIn, endIn] = part.inChannels;

  const accumulators = each(THREAD_COLUMNS, (v) => each(2, (q) => `a${v}_${q}`)).flat();
  const products = each(kx, (dx) =>
    each(
      2,
      (q) => `let w${dx}_${q} = weights[weightAt + ${dx * quads + q}];
          ${each(THREAD_COLUMNS, (v) => `a${v}_${q} = fma(vec4f(v${v * sx + dx}), w${dx}_${q}, a${v}_${q});`).join(' ')}`,
    ).join('\n          '),
  ).join('\n          ');
  const store = each(THREAD_CHANNELS, (c) => {
    const value = (v: number) => `a${v}_${Math.floor(c / 4)}.${'xyzw'[c % 4]} + b`;
    return `
  if (isLive && channel + ${c} >= ${part.outChannels[0]} && channel + ${c} < ${part.outChannels[1]}) {
    let at = yAt + ${c * outVolume};
    let b = ${hasBias ? `bias[channel + ${c - biasBase}]` : '0.0'};
    ${each(THREAD_COLUMNS, (v) => `if (column + ${v} < ${outWidth}) { y[at + ${v}] = ${yStorage}(${accumulate ? `f32(y[at + ${v}]) + ` : ''}${value(v)}); }`).join('\n    ')}
  }`;
  }).join('');

  let binding = 0;
  return `${enableStorage(xStorage, yStorage)}
@group(0) @binding(${binding++}) var<storage, ${xAccess}> x: array<${xStorage}>;
@group(0) @binding(${binding++}) var<storage, read> weight: array<vec4f>;
${hasBias ? `@group(0) @binding(${binding++}) var<storage, read> bias: array<f32>;` : ''}
@group(0) @binding(${binding++}) var<storage, read_write> y: array<${yStorage}>;

var<workgroup> inputs: array<f32, ${step * inRows * inColumns}>;
var<workgroup> weights: array<vec4f, ${step * sliceWeights}>;

@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let thread = i32(local);
  let tile = i32(id.y * groups.x + id.x);
  let block = ${grid.firstBlock} + tile % ${grid.blocks};
  let place = tile / ${grid.blocks};
  let tileColumn = (place % ${grid.across}) * ${columns};
  let tileRow = (place / ${grid.across} % ${grid.down}) * ${rows};
  let slice = ${part.z[0]} + place / ${grid.across * grid.down} % ${grid.slices};
  let image = ${part.batch[0]} + place / ${grid.across * grid.down * grid.slices};
  let strip = thread % ${strips};
  let threadRow = thread / ${strips} % ${rows};
  let quad = thread / ${strips * rows} * 2;
  ${accumulators.map((name) => `var ${name} = vec4f();`).join(' ')}
  for (var first = ${firstIn}; first < ${endIn}; first += ${step}) {
    for (var dz = 0; dz < ${kz}; dz++) {
      let z = slice * ${sz} + dz - ${pz};
      workgroupBarrier();
      for (var i = thread; i < ${step * inRows * inColumns}; i += ${threads}) {
        let c = first + i / ${inRows * inColumns};
        let inRow = tileRow * ${sy} + i / ${inColumns} % ${inRows} - ${py};
        let inColumn = tileColumn * ${sx} + i % ${inColumns} - ${px};
        var value = 0.0;
        if (c < ${endIn} && z >= 0 && z < ${depth} && inRow >= 0 && inRow < ${height} && inColumn >= 0 && inColumn < ${width}) {
          value = f32(x[(image * ${shape.inChannels} + c) * ${volume} + (z * ${height} + inRow) * ${width} + inColumn - ${xBase}]);
        }
        inputs[i] = value;
      }
      for (var i = thread; i < ${step * sliceWeights}; i += ${threads}) {
        let c = min(first + i / ${sliceWeights}, ${endIn - 1});
        weights[i] = weight[((block * ${shape.inChannels} + c) * ${kz} + dz) * ${sliceWeights} + i % ${sliceWeights} - ${weightBase / 4}];
      }
      workgroupBarrier();
      for (var c = 0; c < ${step}; c++) {
        for (var dy = 0; dy < ${ky}; dy++) {
          let inputAt = (c * ${inRows} + threadRow * ${sy} + dy) * ${inColumns} + strip * ${THREAD_COLUMNS * sx};
          let weightAt = (c * ${ky} + dy) * ${kx * quads} + quad;
          ${each(span, (i) => `let v${i} = inputs[inputAt + ${i}];`).join(' ')}
          ${products}
        }
      }
    }
  }
  let channel = block * ${outBlock} + quad * 4;
  let row = tileRow + threadRow;
  let column = tileColumn + strip * ${THREAD_COLUMNS};
  let isLive = tile < ${grid.count} && row < ${outHeight};
  let yAt = (image * ${shape.outChannels} + channel) * ${outVolume} + (slice * ${outHeight} + row) * ${outWidth} + column - ${yBase};${store}
}
`;
}

/** Workgroups of {@link tiledSource}, before folding. */
export function tiledWorkgroups(kernel: TiledKernel, problem: Conv3dProblem): number {
  return tileGrid(kernel, problem).count;
}

/** How the tiles of a part lie: channel blocks next to each other, so that they share their input in the cache. */
function tileGrid({ outBlock, rows, columns }: TiledKernel, { outputSize, part }: Conv3dProblem) {
  const firstBlock = Math.floor(part.outChannels[0] / outBlock);
  const blocks = Math.ceil(part.outChannels[1] / outBlock) - firstBlock;
  const across = Math.ceil(outputSize[2] / columns);
  const down = Math.ceil(outputSize[1] / rows);
  const slices = part.z[1] - part.z[0];
  const images = part.batch[1] - part.batch[0];
  return { firstBlock, blocks, across, down, slices, count: blocks * across * down * slices * images };
}

function each<T>(count: number, item: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => item(i));
}
