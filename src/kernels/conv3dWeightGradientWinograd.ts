// Weight gradient for GPUs with Winograd's F(3, 4) along x: 6 products for 4 columns and 3 taps instead of 12. Both sides are
// transformed as they are staged; a thread holds one of the 6 frequencies for 8 outer × 4 inner channels × 3 rows of taps, and
// the frequencies meet at the end. Points 0, ±2/3, ±3/2 and infinity round less than 0, ±1, ±2 (Alam et al., 2022).

import {
  splitsThatFill,
  type WeightGradientPart,
  type WeightGradientShape,
} from './conv3dWeightGradientShape';
import { each, type WeightGradientAccess, weightGradientPrelude } from './conv3dWeightGradientSource';

const FREQUENCIES = 6;
/** Outer and inner channels of a workgroup, and of a thread. */
const BLOCK = 32;
const OUTER_PER_THREAD = 8;
const INNER_PER_THREAD = 4;
const TAP_ROWS = 3;
const TAPS = 3;
/** Threads of one frequency. */
const OWNERS = (BLOCK / OUTER_PER_THREAD) * (BLOCK / INNER_PER_THREAD);
const THREADS = FREQUENCIES * OWNERS;
const QUADS = BLOCK / 4;
/** Tiles of four columns, and rows, of `outer` that are staged at once; rows of `inner` that they meet. */
const TILES = 2;
const ROWS = 4;
const INNER_ROWS = ROWS + TAP_ROWS - 1;
const COLUMNS = 4 * TILES;
/** What is staged at once, one item a thread: four channels of a tile's row. */
const INNER_ITEMS = QUADS * INNER_ROWS * TILES;
const OUTER_ITEMS = QUADS * ROWS * TILES;
const FIRST_OUTER_THREAD = THREADS - OUTER_ITEMS;
/** Vectors of sums of a thread that workgroup memory holds at once at the end. */
const EXCHANGED = 3;

/** The points but 0 and infinity: ±A, ±B. */
const A = 2 / 3;
const B = 3 / 2;

/** Whether the kernel is one of 3 × 3 along y and x of stride 1 on rows of whole tiles, with channels enough. */
export function suitsWinograd(shape: WeightGradientShape): boolean {
  const { outerChannels, innerChannels, outerSize, innerSize, kernelSize, stride, padding } = shape;
  const isKernel = [1, 2].every(
    (axis) => kernelSize[axis] === TAPS && stride[axis] === 1 && padding[axis] === 1,
  );
  const isWidth = outerSize[2] === innerSize[2] && outerSize[2] % 4 === 0 && outerSize[2] >= COLUMNS;
  return isKernel && isWidth && outerChannels >= 16 && innerChannels >= 16;
}

/** Workgroups per split. */
export function winogradTiles({ kernelSize }: WeightGradientShape, part: WeightGradientPart): number {
  return Math.ceil(part.outer.count / BLOCK) * Math.ceil(part.inner.count / BLOCK) * kernelSize[0];
}

/** Ranges of positions that would fill a device. */
export function winogradSplits(
  shape: WeightGradientShape,
  part: WeightGradientPart,
  positions: number,
): number {
  const [, height, width] = shape.outerSize;
  const stages =
    part.images.count * part.slices.count * Math.ceil(height / ROWS) * Math.ceil(width / COLUMNS);
  return splitsThatFill(winogradTiles(shape, part), stages, positions);
}

/** The whole module; entry point `main`. */
export function winogradSource(shape: WeightGradientShape, access: WeightGradientAccess): string {
  if (!suitsWinograd(shape)) throw new Error('weight gradient: not a shape for F(3, 4)');
  const frequencies = each(FREQUENCIES, (f) => f);
  return `${weightGradientPrelude(access, { outer: 'vec4f', inner: 'vec4f' })}
// [frequency][tile][row][four channels]
var<workgroup> innerTile: array<array<array<array<vec4f, ${QUADS}>, ${INNER_ROWS}>, ${TILES}>, ${FREQUENCIES}>;
var<workgroup> outerTile: array<array<array<array<vec4f, ${QUADS}>, ${ROWS}>, ${TILES}>, ${FREQUENCIES}>;

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) local: u32) {
  let thread = i32(local);
  let number = i32(id.y * grid.x + id.x);
  let innerBlocks = (sizes.innerCount + ${BLOCK - 1}) / ${BLOCK};
  let outerBlocks = (sizes.outerCount + ${BLOCK - 1}) / ${BLOCK};
  let dz = number % sizes.kernelDepth;
  let firstInner = number / sizes.kernelDepth % innerBlocks * ${BLOCK};
  let firstOuter = number / sizes.kernelDepth / innerBlocks % outerBlocks * ${BLOCK};
  let split = number / sizes.kernelDepth / innerBlocks / outerBlocks;
  let width = sizes.outerWidth;
  let innerPlane = sizes.innerHeight * width;
  let innerVolume = sizes.innerDepth * innerPlane;
  let outerPlane = sizes.outerHeight * width;
  let outerVolume = sizes.outerDepth * outerPlane;
  // Stages are counted by image, slice, rows and columns, the last fastest.
  let segments = (width + ${COLUMNS - 1}) / ${COLUMNS};
  let rowSteps = (sizes.outerHeight + ${ROWS - 1}) / ${ROWS};
  let stages = sizes.images * sizes.slices * rowSteps * segments;
  let share = (stages + sizes.splits - 1) / sizes.splits;
  let begin = split * share;
  let end = select(0, min(stages, begin + share), split < sizes.splits);
  var column = begin % segments * ${COLUMNS};
  var row = begin / segments % rowSteps * ${ROWS};
  var slice = begin / segments / rowSteps % sizes.slices;
  var image = begin / segments / rowSteps / sizes.slices;
  // What a thread stages: the first threads inner channels, the last ones outer channels.
  let isInner = thread < ${INNER_ITEMS};
  let isOuter = thread >= ${FIRST_OUTER_THREAD};
  let item = select(thread - ${FIRST_OUTER_THREAD}, thread, isInner);
  let itemTile = item % ${TILES};
  let itemRow = item / ${TILES} % select(${ROWS}, ${INNER_ROWS}, isInner);
  let itemQuad = item / ${TILES} / select(${ROWS}, ${INNER_ROWS}, isInner);
  let channels = select(sizes.outerCount - firstOuter, sizes.innerCount - firstInner, isInner) - itemQuad * 4;
  // What it sums.
  let frequency = local / ${OWNERS};
  let group = local / ${BLOCK / INNER_PER_THREAD} % ${BLOCK / OUTER_PER_THREAD};
  let quad = local % ${BLOCK / INNER_PER_THREAD};
  ${sumNames()
    .map((name) => `var ${name} = vec4f();`)
    .join(' ')}
  for (var stage = begin; stage < end; stage++) {
    let z = (sizes.firstSlice + slice) * sizes.strideDepth + dz - sizes.paddingDepth;
    if (z >= 0 && z < sizes.innerDepth) {
      ${frequencies.map((f) => `var s${f} = vec4f();`).join(' ')}
      let x = column + itemTile * 4;
      if (isInner) {
        let y = row + itemRow - 1;
        let isIn = y >= 0 && y < sizes.innerHeight && x < width;
        let at = (sizes.innerBase + (image * sizes.innerChannels + firstInner + itemQuad * 4) * innerVolume + z * innerPlane + y * width + x) / 4;
        ${each(4, innerLoads).join('\n        ')}
        ${each(FREQUENCIES, (j) => `let c${j} = vec4f(${each(4, (k) => `c${j}_${k}`).join(', ')});`).join(' ')}
        ${INNER_TRANSFORM}
      }
      if (isOuter) {
        let y = row + itemRow;
        let isIn = y < sizes.outerHeight && x < width;
        let at = (sizes.outerBase + (image * sizes.outerChannels + firstOuter + itemQuad * 4) * outerVolume + (sizes.firstSlice + slice) * outerPlane + y * width + x) / 4;
        ${each(4, (k) => `let g${k} = select(vec4f(), vec4f(outer[at + ${k} * (outerVolume / 4)]), isIn && channels > ${k});`).join('\n        ')}
        ${each(4, (j) => `let c${j} = vec4f(${each(4, (k) => `g${k}.${'xyzw'[j]}`).join(', ')});`).join(' ')}
        ${OUTER_TRANSFORM}
      }
      workgroupBarrier();
      if (isInner) { ${frequencies.map((f) => `innerTile[${f}][itemTile][itemRow][itemQuad] = s${f};`).join(' ')} }
      if (isOuter) { ${frequencies.map((f) => `outerTile[${f}][itemTile][itemRow][itemQuad] = s${f};`).join(' ')} }
      workgroupBarrier();
      ${each(TILES, (tile) => `{\n        ${products(tile)}\n      }`).join('\n      ')}
    }
    column += ${COLUMNS};
    if (column >= width) {
      column = 0;
      row += ${ROWS};
      if (row >= sizes.outerHeight) {
        row = 0;
        slice++;
        if (slice == sizes.slices) { slice = 0; image++; }
      }
    }
  }
  ${results()}
}
`;
}

/** Columns -1 to 4 of a tile, of one of the four channels: those beside it with the vectors they lie in. */
function innerLoads(k: number): string {
  const vector = `at + ${k} * (innerVolume / 4)`;
  return `let has${k} = isIn && channels > ${k}; let v${k} = select(vec4f(), vec4f(inner[${vector}]), has${k}); let c0_${k} = select(0.0, f32(inner[${vector} - 1].w), has${k} && x > 0); let c5_${k} = select(0.0, f32(inner[${vector} + 1].x), has${k} && x + 4 < width); ${each(4, (j) => `let c${j + 1}_${k} = v${k}.${'xyzw'[j]};`).join(' ')}`;
}

/** From columns `c0…c5` to frequencies `s0…s5`. */
const INNER_TRANSFORM = `let p = c4 - ${B * B} * c2; let q = ${A} * (c3 - ${B * B} * c1); let u = c4 - ${A * A} * c2; let v = ${B} * (c3 - ${A * A} * c1);
        s0 = c0 - ${A * A + B * B} * c2 + c4; s1 = p + q; s2 = p - q; s3 = u + v; s4 = u - v; s5 = c1 - ${A * A + B * B} * c3 + c5;`;

/** One over ∏ (point − other) at the points ±A and ±B. A · B = 1, so that 0 and infinity need no factor. */
const AT_A = 1 / (2 * A * A * (A * A - B * B));
const AT_B = 1 / (2 * B * B * (B * B - A * A));

/** From columns `c0…c3` to frequencies. */
const OUTER_TRANSFORM = `let p = ${AT_A} * (c0 + ${A * A} * c2); let q = ${AT_A * A} * (c1 + ${A * A} * c3); let u = ${AT_B} * (c0 + ${B * B} * c2); let v = ${AT_B * B} * (c1 + ${B * B} * c3);
        s0 = c0; s1 = p + q; s2 = p - q; s3 = u + v; s4 = u - v; s5 = c3;`;

/** The taps along x from the frequencies `m0…m5`. */
const TAPS_OF_FREQUENCIES: readonly string[] = [
  'm0 + (m1 + m2) + (m3 + m4)',
  `${A} * (m1 - m2) + ${B} * (m3 - m4)`,
  `${A * A} * (m1 + m2) + ${B * B} * (m3 + m4) + m5`,
];

/** Vectors of sums of a thread: row of taps, inner channel, half of the outer channels. */
function sumNames(): string[] {
  return each(TAP_ROWS, (dy) => each(INNER_PER_THREAD, (i) => each(2, (h) => `a${dy}_${i}_${h}`))).flat(2);
}

function products(tile: number): string {
  const lines = [
    each(INNER_ROWS, (row) => `let x${row} = innerTile[frequency][${tile}][${row}][quad];`).join(' '),
  ];
  for (let row = 0; row < ROWS; row++) {
    lines.push(
      each(2, (h) => `let g${row}_${h} = outerTile[frequency][${tile}][${row}][group * 2 + ${h}];`).join(' '),
    );
    for (let dy = 0; dy < TAP_ROWS; dy++) {
      for (let i = 0; i < INNER_PER_THREAD; i++) {
        const value = `vec4f(x${row + dy}.${'xyzw'[i]})`;
        lines.push(
          each(2, (h) => `a${dy}_${i}_${h} = fma(${value}, g${row}_${h}, a${dy}_${i}_${h});`).join(' '),
        );
      }
    }
  }
  return lines.join('\n        ');
}

/** The frequencies meet in workgroup memory, a few vectors of each thread at once. */
function results(): string {
  const names = sumNames();
  const place = (vector: string) =>
    `innerTile[(${vector}) / ${QUADS * INNER_ROWS * TILES}][(${vector}) / ${QUADS * INNER_ROWS} % ${TILES}][(${vector}) / ${QUADS} % ${INNER_ROWS}][(${vector}) % ${QUADS}]`;
  return each(names.length / EXCHANGED, (round) => {
    const some = names.slice(round * EXCHANGED, (round + 1) * EXCHANGED);
    return `workgroupBarrier();
  ${some.map((name, i) => `${place(`thread + ${i * THREADS}`)} = ${name};`).join(' ')}
  workgroupBarrier();
  for (var e = thread; e < ${EXCHANGED * OWNERS * 4}; e += ${THREADS}) {
    let owner = e / 4 % ${OWNERS};
    let slot = e / ${4 * OWNERS};
    let sum = slot + ${round * EXCHANGED};
    let outerChannel = firstOuter + owner / ${BLOCK / INNER_PER_THREAD} * ${OUTER_PER_THREAD} + sum % 2 * 4 + e % 4;
    let innerChannel = firstInner + owner % ${BLOCK / INNER_PER_THREAD} * ${INNER_PER_THREAD} + sum / 2 % ${INNER_PER_THREAD};
    let tap = (dz * ${TAP_ROWS} + sum / ${2 * INNER_PER_THREAD}) * ${TAPS};
    ${each(FREQUENCIES, (f) => `let m${f} = ${place(`slot * ${THREADS} + ${f * OWNERS} + owner`)}[e % 4];`).join(' ')}
    if (split < sizes.splits && outerChannel < sizes.outerCount && innerChannel < sizes.innerCount) {
      ${TAPS_OF_FREQUENCIES.map((value, dx) => `put(split, outerChannel, innerChannel, tap + ${dx}, ${value});`).join('\n      ')}
    }
  }`;
  }).join('\n  ');
}
