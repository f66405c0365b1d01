// WGSL of the transposed convolution. Accumulators are named variables, one per tap and channel, each a vector over four
// input voxels in a row of the flattened volume: an array indexed by a loop variable may be placed in memory. Sizes are
// not in the source, so that layers share what is compiled.

import type { Zyx } from '@/shared/geometry';
import { enableStorage, type FeatureDtype, storedType } from './storage';

/** Input voxels per thread. */
export const INPUT_VOXELS = 4;

export interface ConvTranspose3dTile {
  /** Kernel = stride. */
  readonly stride: Zyx;
  /** Output channels per thread. */
  readonly outBlock: number;
  /** Packed weights per block and input channel, elements, a multiple of 4. */
  readonly row: number;
  /** The input volume is a multiple of 4. */
  readonly isWholeVectors: boolean;
  /** So is its width. */
  readonly isWholeRows: boolean;
  /** Of the uniform binding that holds the weights; in a storage binding if left out. */
  readonly weightElements: number | undefined;
  readonly hasBias: boolean;
  /** Adds to what `y` holds: a further range of input channels. */
  readonly adds: boolean;
  /** Results go through an array, which GPUs keep in memory; compilers for CPUs take many times longer with a store for each. */
  readonly storesInLoops: boolean;
  readonly xStorage: FeatureDtype;
  readonly yStorage: FeatureDtype;
}

const each = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));

/** The whole module; entry point `forward`. */
export function convTranspose3dSource(tile: ConvTranspose3dTile): string {
  const { outBlock, row, hasBias, isWholeVectors, isWholeRows, weightElements, stride } = tile;
  const { xStorage, yStorage } = tile;
  const taps = stride[0] * stride[1] * stride[2];
  const accumulators = each(taps, (tap) => each(outBlock, (o) => `a${tap}_${o}`)).flat();
  const weightOf = (i: number) => `w${Math.floor(i / 4)}.${'xyzw'[i % 4]}`;
  return `${enableStorage(xStorage, yStorage)}
override workgroupSize: u32;
const OUT_BLOCK = ${outBlock}u;

struct Sizes {
  depth: u32, // of x
  height: u32,
  width: u32,
  inChannels: u32,
  outChannels: u32,
  samples: u32, // of this dispatch, as all that follow
  firstIn: u32,
  inCount: u32,
  firstOut: u32,
  outCount: u32,
  skipped: u32, // channels of the block before firstOut
  xBase: u32, // elements before the first one in each binding
  yBase: u32,
  groupsPerPlane: u32,
  blocks: u32,
  weightBlock: u32, // vectors of weights per block, and before the first block
  weightBase: u32,
}

@group(0) @binding(0) var<storage, read> x: array<${storedType(xStorage, isWholeVectors ? 4 : 1)}>;
${
  weightElements === undefined
    ? '@group(0) @binding(1) var<storage, read> weight: array<vec4f>;'
    : `@group(0) @binding(1) var<uniform> weight: array<vec4f, ${weightElements / 4}>;`
}
${hasBias ? '@group(0) @binding(2) var<storage, read> bias: array<f32>;' : ''}
@group(0) @binding(3) var<storage, read_write> y: array<${storedType(yStorage, isWholeRows ? 4 : 1)}>;
@group(0) @binding(4) var<uniform> sizes: Sizes;

@compute @workgroup_size(workgroupSize)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let id = group.y * groups.x + group.x;
  let block = id / sizes.groupsPerPlane % sizes.blocks;
  let sample = id / (sizes.groupsPerPlane * sizes.blocks);
  let volume = sizes.depth * sizes.height * sizes.width;
  let voxel = (id % sizes.groupsPerPlane * workgroupSize + thread) * ${INPUT_VOXELS};
  if (sample >= sizes.samples || voxel >= volume) { return; }
  ${accumulators.map((name) => `var ${name} = vec4f(0.0);`).join(' ')}
  var at = sizes.xBase + sample * sizes.inChannels * volume + voxel;
  var row = sizes.weightBase + block * sizes.weightBlock + sizes.firstIn * ${row / 4};
  for (var channel = 0u; channel < sizes.inCount; channel++) {
    let v = ${isWholeVectors ? 'vec4f(x[at / 4])' : voxelsOneByOne()};
    ${each(row / 4, (i) => `let w${i} = weight[row + ${i}];`).join(' ')}
    ${accumulators.map((name, i) => `${name} = fma(v, vec4f(${weightOf(i)}), ${name});`).join('\n    ')}
    at += volume;
    row += ${row / 4};
  }
  ${tile.storesInLoops ? storeInLoops(tile, accumulators) : storeEach(tile)}
}
`;
}

function storeInLoops(tile: ConvTranspose3dTile, accumulators: readonly string[]): string {
  const { isWholeRows } = tile;
  return `var results = array<vec4f, ${accumulators.length}>(${isWholeRows ? interleaved(tile).join(', ') : accumulators.join(', ')});
  ${isWholeRows ? storeRows(tile) : storeVoxels(tile)}`;
}

/** A store for each vector of a row, or for each voxel. */
function storeEach(tile: ConvTranspose3dTile): string {
  const { stride, outBlock, isWholeRows, adds, hasBias, yStorage } = tile;
  const [kz, ky, kx] = stride;
  const taps = kz * ky * kx;
  const vectors = interleaved(tile);
  const ofChannel = (
    o: number,
    body: string,
  ) => `if (${o}u >= sizes.skipped && ${o}u - sizes.skipped < channels) {
      let b = ${hasBias ? `bias[sizes.firstOut + block * OUT_BLOCK + ${o}u - sizes.skipped]` : '0.0'};
      let first = start + (${o}u - sizes.skipped) * outVolume;
      ${body}
    }`;
  const rowsOf = (o: number) =>
    each(taps, (i) => {
      const at = `first / 4 + (${Math.floor(i / (ky * kx))} * outPlane + ${Math.floor(i / kx) % ky} * outWidth) / 4 + ${i % kx}`;
      return `{ let at = ${at}; y[at] = ${storedType(yStorage, 4)}(${adds ? 'vec4f(y[at]) + ' : ''}${vectors[o * taps + i]} + b); }`;
    }).join('\n      ');
  const voxelsOf = (o: number, lane: number) =>
    each(taps, (tap) => {
      const at = `first + ${Math.floor(tap / (ky * kx))} * outPlane + ${Math.floor(tap / kx) % ky} * outWidth + ${tap % kx}`;
      return `{ let at = ${at}; y[at] = ${yStorage}(${adds ? 'f32(y[at]) + ' : ''}a${tap}_${o}.${'xyzw'[lane]} + b); }`;
    }).join('\n      ');
  const head = `${storeHead(tile)}
  let channels = min(OUT_BLOCK - sizes.skipped, sizes.outCount - block * OUT_BLOCK);`;
  if (isWholeRows) {
    return `${head}
  let start = firstPlane + ${outputStart('voxel', stride)};
  ${each(outBlock, (o) => ofChannel(o, rowsOf(o))).join('\n  ')}`;
  }
  return `${head}
  ${each(
    INPUT_VOXELS,
    (lane) => `if (voxel + ${lane} < volume) {
    let start = firstPlane + ${outputStart(`(voxel + ${lane})`, stride)};
    ${each(outBlock, (o) => ofChannel(o, voxelsOf(o, lane))).join('\n    ')}
  }`,
  ).join('\n  ')}`;
}

/** Past the end of the volume the last voxel is read again; its result is not stored. */
function voxelsOneByOne(): string {
  return `vec4f(${each(INPUT_VOXELS, (i) => `f32(x[at + min(${i}u, volume - 1 - voxel)])`).join(', ')})`;
}

/** Tap by tap along z and y, the four voxels' taps along x interleaved to vectors of output voxels. */
function interleaved({ stride: [kz, ky, kx], outBlock }: ConvTranspose3dTile): string[] {
  const rows = each(outBlock, (o) =>
    each(kz * ky, (line) => {
      const scalars = each(INPUT_VOXELS * kx, (i) => {
        return `a${line * kx + (i % kx)}_${o}.${'xyzw'[Math.floor(i / kx)]}`;
      });
      return each(kx, (quad) => `vec4f(${scalars.slice(quad * 4, quad * 4 + 4).join(', ')})`);
    }),
  );
  return rows.flat(2);
}

/** Before the loops over output channels and taps: strides of the output. */
function storeHead({ stride: [kz, ky, kx] }: ConvTranspose3dTile): string {
  return `let outWidth = sizes.width * ${kx};
  let outPlane = sizes.height * ${ky} * outWidth;
  let outVolume = sizes.depth * ${kz} * outPlane;
  let firstPlane = sizes.yBase + (sample * sizes.outChannels + block * OUT_BLOCK) * outVolume;`;
}

/** The loop over output channels, those past the last left out. */
function eachChannel({ hasBias }: ConvTranspose3dTile, body: string): string {
  return `let channels = min(OUT_BLOCK - sizes.skipped, sizes.outCount - block * OUT_BLOCK);
  for (var channel = 0u; channel < channels; channel++) {
    let b = ${hasBias ? 'bias[sizes.firstOut + block * OUT_BLOCK + channel]' : '0.0'};
    ${body}
  }`;
}

/** First output voxel of the input voxel `at`, within a channel. */
function outputStart(at: string, [kz, ky, kx]: Zyx): string {
  return `${at} / (sizes.width * sizes.height) * ${kz} * outPlane
    + ${at} / sizes.width % sizes.height * ${ky} * outWidth + ${at} % sizes.width * ${kx}`;
}

/** Rows of whole vectors: the four voxels lie in one row. */
function storeRows(tile: ConvTranspose3dTile): string {
  const [kz, ky, kx] = tile.stride;
  const before = tile.adds ? 'vec4f(y[at / 4]) + ' : '';
  return `${storeHead(tile)}
  let start = firstPlane + ${outputStart('voxel', tile.stride)};
  ${eachChannel(
    tile,
    `for (var i = 0u; i < ${kz * ky * kx}; i++) {
      let at = start + channel * outVolume + i / ${ky * kx} * outPlane + i / ${kx} % ${ky} * outWidth + i % ${kx} * 4;
      y[at / 4] = ${storedType(tile.yStorage, 4)}(${before}results[(sizes.skipped + channel) * ${kz * ky * kx} + i] + b);
    }`,
  )}`;
}

/** Any row length: voxel by voxel, those past the end left out. */
function storeVoxels(tile: ConvTranspose3dTile): string {
  const [kz, ky, kx] = tile.stride;
  const before = tile.adds ? 'f32(y[at]) + ' : '';
  return `${storeHead(tile)}
  let voxels = min(${INPUT_VOXELS}u, volume - voxel);
  for (var lane = 0u; lane < voxels; lane++) {
    let start = firstPlane + ${outputStart('(voxel + lane)', tile.stride)};
    ${eachChannel(
      tile,
      `for (var tap = 0u; tap < ${kz * ky * kx}; tap++) {
        let at = start + channel * outVolume + tap / ${ky * kx} * outPlane + tap / ${kx} % ${ky} * outWidth + tap % ${kx};
        y[at] = ${tile.yStorage}(${before}results[tap * OUT_BLOCK + sizes.skipped + channel][lane] + b);
      }`,
    )}
  }`;
}
