// Direct convolution, one thread a strip of `columns` voxels along x times `outBlock` output channels. Every
// accumulator is a named variable: an array indexed by a loop variable may be placed in memory.

import type { Conv3dProblem } from './conv3dProblem';
import { paddingOf } from './conv3dShape';
import { enableStorage } from './storage';

/** Size of the tile that one thread computes. */
export interface DirectKernel {
  readonly family: 'direct';
  readonly name: string;
  /** Output channels per thread, a multiple of 4. */
  readonly outBlock: number;
  /** Voxels along x per thread. */
  readonly columns: number;
  readonly workgroupSize: number;
}

/** Packed order `[cout / outBlock, cin, kz, ky, kx, outBlock]`, the last block filled up with zeros. */
export function packDirectWeight(
  weight: Float32Array,
  outChannels: number,
  inChannels: number,
  taps: number,
  outBlock: number,
): Float32Array {
  const packed = new Float32Array(Math.ceil(outChannels / outBlock) * outBlock * inChannels * taps);
  for (let co = 0; co < outChannels; co++) {
    const block = Math.floor(co / outBlock) * outBlock * inChannels * taps + (co % outBlock);
    for (let i = 0; i < inChannels * taps; i++)
      packed[block + i * outBlock] = weight[co * inChannels * taps + i];
  }
  return packed;
}

/** WGSL of one part. */
export function directSource(kernel: DirectKernel, problem: Conv3dProblem): string {
  const { outBlock, columns, workgroupSize } = kernel;
  const { shape, outputSize, part, xBase, yBase, weightBase, biasBase, accumulate, hasBias, xAccess } =
    problem;
  const { xStorage, yStorage } = problem;
  const [kz, ky, kx] = shape.kernelSize;
  const [pz, py, px] = paddingOf(shape);
  const [sz, sy, sx] = shape.stride;
  const [depth, height, width] = shape.inputSize;
  const [, outHeight, outWidth] = outputSize;
  const outDepth = part.z[1] - part.z[0];
  const strips = Math.ceil(outWidth / columns);
  const images = part.batch[1] - part.batch[0];
  const firstBlock = Math.floor(part.outChannels[0] / outBlock);
  const blocks = Math.ceil(part.outChannels[1] / outBlock) - firstBlock;
  const threads = images * outDepth * outHeight * strips;
  const groups = Math.ceil(threads / workgroupSize);
  const quads = outBlock / 4;
  const volume = depth * height * width;
  const outVolume = outputSize[0] * outHeight * outWidth;
  const span = (columns - 1) * sx + kx;

  const each = <T>(count: number, line: (i: number) => T) => Array.from({ length: count }, (_, i) => line(i));
  const names = each(columns, (v) => each(quads, (q) => `a${v}_${q}`)).flat();
  const rowBody = `
    for (var tap = 0; tap < ${kz * ky}; tap++) {
      let z = slice * ${sz} + tap / ${ky} - ${pz};
      let yy = row * ${sy} + tap % ${ky} - ${py};
      let ok = z >= 0 && z < ${depth} && yy >= 0 && yy < ${height};
      let start = xStart + select(0, z * ${height * width} + yy * ${width}, ok);
      ${each(span, (i) => `let v${i} = select(0.0, f32(x[start + x${i}]), ok && x${i}ok);`).join('\n      ')}
      ${each(kx, (dx) =>
        each(quads, (q) => {
          const index = dx * quads + q;
          return `let w${dx}_${q} = weight[wStart + ${index}];
      ${each(columns, (v) => `a${v}_${q} = fma(vec4f(v${v * sx + dx}), w${dx}_${q}, a${v}_${q});`).join('\n      ')}`;
        }).join('\n      '),
      ).join('\n      ')}
      wStart += ${kx * quads};
    }`;

  const store = each(outBlock, (c) => {
    const channel = `(block * ${outBlock} + ${c})`;
    return `
  if (live && ${channel} >= ${part.outChannels[0]} && ${channel} < ${part.outChannels[1]}) {
    let at = yStart + ${channel} * ${outVolume};
    ${hasBias ? `let b = bias[${channel} - ${biasBase}];` : 'let b = 0.0;'}
    ${each(columns, (v) => {
      const value = `a${v}_${Math.floor(c / 4)}[${c % 4}] + b`;
      return `if (column + ${v} < ${outWidth}) { y[at + ${v}] = ${yStorage}(${accumulate ? `f32(y[at + ${v}]) + ` : ''}${value}); }`;
    }).join('\n    ')}
  }`;
  }).join('');

  let binding = 0;
  return `${enableStorage(xStorage, yStorage)}
@group(0) @binding(${binding++}) var<storage, ${xAccess}> x: array<${xStorage}>;
@group(0) @binding(${binding++}) var<storage, read> weight: array<vec4f>;
${hasBias ? `@group(0) @binding(${binding++}) var<storage, read> bias: array<f32>;` : ''}
@group(0) @binding(${binding++}) var<storage, read_write> y: array<${yStorage}>;

@compute @workgroup_size(${workgroupSize})
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let group = i32(id.y * grid.x + id.x);
  let block = ${firstBlock} + group / ${groups};
  let thread = (group % ${groups}) * ${workgroupSize} + i32(lane);
  let live = thread < ${threads} && group < ${groups * blocks};
  let position = min(thread, ${threads - 1});
  let column = (position % ${strips}) * ${columns};
  let row = (position / ${strips}) % ${outHeight};
  let slice = ${part.z[0]} + (position / ${strips * outHeight}) % ${outDepth};
  let image = ${part.batch[0]} + position / ${strips * outHeight * outDepth};
  ${each(span, (d) => `let x${d}at = column * ${sx} + ${d - px}; let x${d}ok = x${d}at >= 0 && x${d}at < ${width}; let x${d} = clamp(x${d}at, 0, ${width - 1});`).join('\n  ')}
  var xStart = image * ${shape.inChannels * volume} + ${part.inChannels[0] * volume - xBase};
  var wStart = (block * ${shape.inChannels} + ${part.inChannels[0]}) * ${kz * ky * kx * quads} - ${weightBase / 4};
  ${names.map((name) => `var ${name} = vec4f(0.0);`).join(' ')}
  for (var channel = ${part.inChannels[0]}; channel < ${part.inChannels[1]}; channel++) {${rowBody}
    xStart += ${volume};
  }
  let yStart = image * ${shape.outChannels * outVolume} + (slice * ${outHeight} + row) * ${outWidth} + column - ${yBase};${store}
}
`;
}

/** Workgroups of {@link directSource}, before folding. */
export function directWorkgroups(kernel: DirectKernel, { outputSize, part }: Conv3dProblem): number {
  const strips = Math.ceil(outputSize[2] / kernel.columns);
  const threads = (part.batch[1] - part.batch[0]) * (part.z[1] - part.z[0]) * outputSize[1] * strips;
  const firstBlock = Math.floor(part.outChannels[0] / kernel.outBlock);
  const blocks = Math.ceil(part.outChannels[1] / kernel.outBlock) - firstBlock;
  return Math.ceil(threads / kernel.workgroupSize) * blocks;
}
