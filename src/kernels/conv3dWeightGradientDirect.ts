// Weight gradient that needs nothing of an adapter: a workgroup holds a few channels of each side and one row of taps,
// its threads share out the positions, and their sums meet in workgroup memory.

import type { WeightGradientPart, WeightGradientShape } from './conv3dWeightGradientShape';
import { each, type WeightGradientAccess, weightGradientPrelude } from './conv3dWeightGradientSource';

const THREADS = 64;
const OUTER_BLOCK = 4;
/** Sums per outer channel whose parts from all threads fit workgroup memory. */
const LARGEST_ROW = 15;
/** Workgroups that fill a device. */
const WANTED_WORKGROUPS = 256;
/** Positions worth a workgroup. */
const SMALLEST_SPLIT = 1024;

function innerBlock({ kernelSize }: WeightGradientShape): number {
  return Math.max(1, Math.min(4, Math.floor(LARGEST_ROW / kernelSize[2])));
}

/** Workgroups per split. */
export function directTiles(shape: WeightGradientShape, part: WeightGradientPart): number {
  const blocks = Math.ceil(part.outer.count / OUTER_BLOCK) * Math.ceil(part.inner.count / innerBlock(shape));
  return blocks * shape.kernelSize[0] * shape.kernelSize[1];
}

/** Ranges of positions that would fill a device. */
export function directSplits(
  shape: WeightGradientShape,
  part: WeightGradientPart,
  positions: number,
): number {
  const wanted = Math.ceil(WANTED_WORKGROUPS / directTiles(shape, part));
  return Math.max(1, Math.min(wanted, Math.floor(positions / SMALLEST_SPLIT)));
}

/** The whole module; entry point `main`. */
export function directSource(shape: WeightGradientShape, access: WeightGradientAccess): string {
  const [kz, ky, kx] = shape.kernelSize;
  const [sz, sy, sx] = shape.stride;
  const [pz, py, px] = shape.padding;
  const block = innerBlock(shape);
  const row = block * kx;
  const sums = each(OUTER_BLOCK, (o) => each(row, (r) => `a${o}_${r}`)).flat();
  return `${weightGradientPrelude(access, { outer: 'f32', inner: 'f32' })}
var<workgroup> sums: array<f32, ${sums.length * THREADS}>;

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) local: u32) {
  let thread = i32(local);
  let group = i32(id.y * grid.x + id.x);
  let innerBlocks = (sizes.innerCount + ${block - 1}) / ${block};
  let outerBlocks = (sizes.outerCount + ${OUTER_BLOCK - 1}) / ${OUTER_BLOCK};
  let tapRow = group % ${kz * ky};
  let firstInner = group / ${kz * ky} % innerBlocks * ${block};
  let firstOuter = group / ${kz * ky} / innerBlocks % outerBlocks * ${OUTER_BLOCK};
  let split = group / ${kz * ky} / innerBlocks / outerBlocks;
  let plane = sizes.outerHeight * sizes.outerWidth;
  let positions = sizes.images * sizes.slices * plane;
  let outerVolume = sizes.outerDepth * plane;
  let innerVolume = sizes.innerDepth * sizes.innerHeight * sizes.innerWidth;
  let share = (positions + sizes.splits - 1) / sizes.splits;
  let end = select(0, min(positions, (split + 1) * share), split < sizes.splits);
  ${sums.map((name) => `var ${name} = 0.0;`).join(' ')}
  for (var position = split * share + thread; position < end; position += ${THREADS}) {
    let column = position % sizes.outerWidth;
    let line = position / sizes.outerWidth % sizes.outerHeight;
    let slice = sizes.firstSlice + position / plane % sizes.slices;
    let image = position / plane / sizes.slices;
    let z = slice * ${sz} + tapRow / ${ky} - ${pz};
    let y = line * ${sy} + tapRow % ${ky} - ${py};
    let x = column * ${sx} - ${px};
    if (z < 0 || z >= sizes.innerDepth || y < 0 || y >= sizes.innerHeight) { continue; }
    let outerAt = sizes.outerBase + (image * sizes.outerChannels + firstOuter) * outerVolume
      + (slice * sizes.outerHeight + line) * sizes.outerWidth + column;
    let innerAt = sizes.innerBase + (image * sizes.innerChannels + firstInner) * innerVolume
      + (z * sizes.innerHeight + y) * sizes.innerWidth + x;
    ${each(OUTER_BLOCK, outerLoad).join('\n    ')}
    ${each(row, (r) => innerLoad(r, kx)).join('\n    ')}
    ${each(OUTER_BLOCK, (o) => each(row, (r) => `a${o}_${r} += g${o} * v${r};`).join(' ')).join('\n    ')}
  }
  ${sums.map((name, i) => `sums[${i * THREADS} + thread] = ${name};`).join(' ')}
  workgroupBarrier();
  for (var i = thread; i < ${sums.length}; i += ${THREADS}) {
    let outerChannel = firstOuter + i / ${row};
    let innerChannel = firstInner + i / ${kx} % ${block};
    if (split >= sizes.splits || outerChannel >= sizes.outerCount || innerChannel >= sizes.innerCount) { continue; }
    var sum = 0.0;
    for (var other = 0; other < ${THREADS}; other++) { sum += sums[i * ${THREADS} + other]; }
    put(split, outerChannel, innerChannel, tapRow * ${kx} + i % ${kx}, sum);
  }
}
`;
}

// Loads without branches: with one for each, drivers that keep masks of their own compile for a minute and more.

function outerLoad(o: number): string {
  return `let hasOuter${o} = firstOuter + ${o} < sizes.outerCount; let g${o} = ${loaded('outer', `outerAt + ${o} * outerVolume`, `hasOuter${o}`)};`;
}

/** Element `r` of a block: a channel and a tap along x. */
function innerLoad(r: number, kx: number): string {
  const [c, dx] = [Math.floor(r / kx), r % kx];
  const has = `(firstInner + ${c} < sizes.innerCount) & (x + ${dx} >= 0) & (x + ${dx} < sizes.innerWidth)`;
  return `let has${r} = ${has}; let v${r} = ${loaded('inner', `innerAt + ${c} * innerVolume + ${dx}`, `has${r}`)};`;
}

/** The element at `index`, or 0 where there is none. */
function loaded(array: string, index: string, has: string): string {
  return `select(0.0, f32(${array}[select(0, ${index}, ${has})]), ${has})`;
}
