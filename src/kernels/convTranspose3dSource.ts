// WGSL of the transposed convolution. Accumulators are named variables, one per tap and channel, each a vector over four
// input voxels in a row of the flattened volume: an array indexed by a loop variable may be placed in memory.

import type { ConvTranspose3dShape } from './convTranspose3dShape';

/** Input voxels per thread. */
export const INPUT_VOXELS = 4;

export interface ConvTranspose3dTile extends ConvTranspose3dShape {
  /** Output channels per thread. */
  readonly outBlock: number;
  /** Packed weights per block and input channel, elements, a multiple of 4. */
  readonly row: number;
  readonly hasBias: boolean;
  /** Adds to what `y` holds: a further range of input channels. */
  readonly adds: boolean;
}

const each = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));

/** The whole module; entry point `forward`. */
export function convTranspose3dSource(tile: ConvTranspose3dTile): string {
  const { inChannels, outBlock, row, hasBias, stride } = tile;
  const [depth, height, width] = tile.inputSize;
  const volume = depth * height * width;
  const taps = stride[0] * stride[1] * stride[2];
  const isWholeVectors = volume % 4 === 0;
  const isWholeRows = width % 4 === 0;
  const accumulators = each(taps, (tap) => each(outBlock, (o) => `a${tap}_${o}`)).flat();
  const weightOf = (i: number) => `w${Math.floor(i / 4)}.${'xyzw'[i % 4]}`;
  return `
override workgroupSize: u32;
override groupsPerPlane: u32;
override blocks: u32;
override samples: u32;
override firstOut: u32;
override outCount: u32;
override firstIn: u32;
override inCount: u32;
override xBase: u32; // elements before the part in each binding
override yBase: u32;

@group(0) @binding(0) var<storage, read> x: array<${isWholeVectors ? 'vec4f' : 'f32'}>;
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;
${hasBias ? '@group(0) @binding(2) var<storage, read> bias: array<f32>;' : ''}
@group(0) @binding(3) var<storage, read_write> y: array<${isWholeRows ? 'vec4f' : 'f32'}>;

${isWholeRows ? storeRows(tile) : storeVoxels(tile)}

@compute @workgroup_size(workgroupSize)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group.y * groups.x + group.x;
  let block = id / groupsPerPlane % blocks;
  let sample = id / (groupsPerPlane * blocks);
  let voxel = (id % groupsPerPlane * workgroupSize + lane) * ${INPUT_VOXELS};
  if (sample >= samples || voxel >= ${volume}) { return; }
  ${accumulators.map((name) => `var ${name} = vec4f(0.0);`).join(' ')}
  var at = xBase + sample * ${inChannels * volume} + voxel;
  var row = ((firstOut / ${outBlock} + block) * ${inChannels} + firstIn) * ${row / 4};
  for (var channel = 0u; channel < inCount; channel++) {
    let v = ${isWholeVectors ? 'x[at / 4]' : loadVoxels(volume)};
    ${each(row / 4, (i) => `let w${i} = weight[row + ${i}];`).join(' ')}
    ${accumulators.map((name, i) => `${name} = fma(v, vec4f(${weightOf(i)}), ${name});`).join('\n    ')}
    at += ${volume};
    row += ${row / 4};
  }
  ${each(outBlock, (o) => {
    const values = each(taps, (tap) => `a${tap}_${o}`).join(', ');
    return `store(sample, block * ${outBlock} + ${o}, voxel, ${values});`;
  }).join('\n  ')}
}
`;
}

/** Past the end of the volume the last voxel is read again; its result is not stored. */
function loadVoxels(volume: number): string {
  const lanes = each(INPUT_VOXELS, (i) => `x[at + min(${i}u, ${volume - 1}u - voxel)]`);
  return `vec4f(${lanes.join(', ')})`;
}

/** Parameters shared by both ways to store: where, and one vector per tap. */
function storeHead({ stride, hasBias }: ConvTranspose3dTile): string {
  const values = each(stride[0] * stride[1] * stride[2], (tap) => `a${tap}: vec4f`).join(', ');
  return `fn store(sample: u32, channel: u32, voxel: u32, ${values}) {
  if (channel >= outCount) { return; }
  let b = ${hasBias ? 'bias[firstOut + channel]' : '0.0'};`;
}

/** Rows of whole vectors: the four voxels lie in one row, and their taps along x interleave to whole vectors. */
function storeRows(tile: ConvTranspose3dTile): string {
  const { inputSize, stride, outChannels, adds } = tile;
  const [depth, height, width] = inputSize;
  const [kz, ky, kx] = stride;
  const outVolume = depth * height * width * kz * ky * kx;
  const writes = each(kz, (dz) =>
    each(ky, (dy) => {
      const scalars = each(INPUT_VOXELS * kx, (i) => {
        const tap = (dz * ky + dy) * kx + (i % kx);
        return `a${tap}.${'xyzw'[Math.floor(i / kx)]}`;
      });
      return each(kx, (quad) => {
        const value = `vec4f(${scalars.slice(quad * 4, quad * 4 + 4).join(', ')}) + b`;
        const target = `y[(start + ${(dz * height * ky + dy) * width * kx + quad * 4}) / 4]`;
        return `${target} ${adds ? '+=' : '='} ${value};`;
      });
    }),
  ).flat(2);
  return `${storeHead(tile)}
  let slice = voxel / ${width * height};
  let line = voxel / ${width} % ${height};
  let column = voxel % ${width};
  let start = yBase + (sample * ${outChannels} + channel) * ${outVolume}
    + ((slice * ${kz} * ${height} + line) * ${ky} * ${width} + column) * ${kx};
  ${writes.join('\n  ')}
}`;
}

/** Any row length: voxel by voxel. */
function storeVoxels(tile: ConvTranspose3dTile): string {
  const { inputSize, stride, outChannels, adds } = tile;
  const [depth, height, width] = inputSize;
  const [kz, ky, kx] = stride;
  const volume = depth * height * width;
  const writes = each(INPUT_VOXELS, (i) => {
    const lines = each(kz * ky * kx, (tap) => {
      const [dz, dy, dx] = [Math.floor(tap / kx / ky), Math.floor(tap / kx) % ky, tap % kx];
      const offset = (dz * height * ky + dy) * width * kx + dx;
      return `y[start + ${offset}] ${adds ? '+=' : '='} a${tap}.${'xyzw'[i]} + b;`;
    });
    return `if (voxel + ${i} < ${volume}) {
    let at = voxel + ${i};
    let start = plane + ((at / ${width * height} * ${kz} * ${height} + at / ${width} % ${height}) * ${ky} * ${width} + at % ${width}) * ${kx};
    ${lines.join('\n    ')}
  }`;
  });
  return `${storeHead(tile)}
  let plane = yBase + (sample * ${outChannels} + channel) * ${volume * kz * ky * kx};
  ${writes.join('\n  ')}
}`;
}
