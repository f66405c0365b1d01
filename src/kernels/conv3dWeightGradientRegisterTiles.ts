// Weight gradient for GPUs, from register tiles. A workgroup sums a block of outer by a block of inner channels, for the
// taps of one slice of the kernel, over a range of positions; it stages a few rows of both sides in workgroup memory, and a
// thread holds 8 outer channels × one or a few inner channels × all taps of the slice in registers. Outer channels lie
// beside each other in workgroup memory and inner columns do, so that both are read as vectors: 0.6 bytes a multiply-add.
//
// A store to one component of a vector may touch the whole vector, so every thread stores whole vectors. Tiles are arrays
// of arrays: what is indexed by constants or by the loop's counter then costs no bounds check of a thread's own.

import {
  splitsThatFill,
  type WeightGradientPart,
  type WeightGradientShape,
} from './conv3dWeightGradientShape';
import { each, type WeightGradientAccess, weightGradientPrelude } from './conv3dWeightGradientSource';

/** Outer channels a thread holds. */
const OUTER_PER_THREAD = 8;
/** Taps times inner channels that a thread holds for each of them. */
const COLUMNS_PER_THREAD = 9;
/** Taps along y and x up to which a thread holds those of all rows. */
const MOST_TAPS = 12;
const MOST_LANES = 32;
const MOST_THREADS = 128;
/** Workgroup memory that every WebGPU device has, bytes. */
const WORKGROUP_MEMORY = 16_384;
const BYTES_PER_VECTOR = 16;
/** Vectors that a thread should load for a stage at most. */
const MOST_STAGED = 10;

interface Tile {
  /** Threads along inner channels, and inner channels each of them holds. */
  readonly lanes: number;
  readonly innerPerThread: number;
  /** Threads along outer channels. */
  readonly groups: number;
  /** Rows of taps that a thread holds: all of a slice, or one. */
  readonly tapRows: number;
  /** Of `outer`, staged at once. */
  readonly rows: number;
  readonly columns: number;
}

function tileOf(shape: WeightGradientShape): Tile {
  const { outerChannels, innerChannels, outerSize, kernelSize, stride } = shape;
  const [, ky, kx] = kernelSize;
  const tapRows = ky * kx <= MOST_TAPS ? ky : 1;
  const innerPerThread = Math.max(
    1,
    Math.min(Math.floor(COLUMNS_PER_THREAD / (tapRows * kx)), Math.ceil(innerChannels / 8)),
  );
  const lanes = Math.ceil(evenShare(Math.ceil(innerChannels / innerPerThread), MOST_LANES) / 4) * 4;
  const groups = evenShare(Math.ceil(outerChannels / OUTER_PER_THREAD), Math.floor(MOST_THREADS / lanes));
  const width = outerSize[2];
  const widest = width > 8 ? 16 : width > 4 ? 8 : 4;
  // Strided rows share nothing with the next.
  const mostRows = stride[1] > 1 ? 1 : widest > 8 ? 2 : 4;
  const fitting = [4, 2, 1]
    .filter((rows) => rows <= Math.min(mostRows, nextPowerOfTwo(outerSize[1])))
    .flatMap((rows) =>
      [16, 8, 4]
        .filter((columns) => columns <= widest)
        .map((columns) => ({ lanes, innerPerThread, groups, tapRows, rows, columns })),
    )
    .filter((tile) => tileBytes(shape, tile) <= WORKGROUP_MEMORY)
    .sort((a, b) => b.rows * b.columns - a.rows * a.columns || b.columns - a.columns);
  const chosen = fitting.find((tile) => stagedPerThread(shape, tile) <= MOST_STAGED) ?? fitting.at(-1);
  if (!chosen) throw new Error(`weight gradient: no tile for a kernel of ${kernelSize.join('×')}`);
  return chosen;
}

/** `count` in equal shares of at most `most`. */
function evenShare(count: number, most: number): number {
  return Math.ceil(count / Math.ceil(count / most));
}

function nextPowerOfTwo(value: number): number {
  return 2 ** Math.ceil(Math.log2(value));
}

/** How a tile lies in workgroup memory, in vectors. */
interface Layout {
  /** Rows of `inner`, vectors of four columns per row, and vectors from one row to the next. */
  readonly innerRows: number;
  readonly innerVectors: number;
  readonly innerPitch: number;
  /** Vectors of four outer channels per position, and from one position to the next. */
  readonly outerVectors: number;
  readonly outerPitch: number;
  /** Vectors of `inner` that four positions meet. */
  readonly span: number;
  /** Rows of the array for `inner`: as many as hold a vector of each thread at the end. */
  readonly exchangeRows: number;
}

function layoutOf({ kernelSize, stride }: WeightGradientShape, tile: Tile): Layout {
  const { innerPerThread, groups, tapRows, rows, columns } = tile;
  const [sy, sx] = [stride[1], stride[2]];
  const kx = kernelSize[2];
  const span = Math.ceil((3 * sx + kx) / 4);
  const innerVectors = Math.max(Math.ceil(((columns - 1) * sx + kx) / 4), (columns / 4 - 1) * sx + span);
  const outerVectors = (groups * OUTER_PER_THREAD) / 4;
  const innerRows = tapRows === 1 ? rows : (rows - 1) * sy + tapRows;
  // Odd, so that threads that read together, or store together, meet different banks.
  const innerPitch = innerVectors | 1;
  return {
    innerRows,
    innerVectors,
    innerPitch,
    outerVectors,
    outerPitch: outerVectors | 1,
    span,
    exchangeRows: Math.max(innerRows, Math.ceil(groups / (innerPerThread * innerPitch))),
  };
}

function tileBytes(shape: WeightGradientShape, tile: Tile): number {
  const { exchangeRows, innerPitch, outerPitch } = layoutOf(shape, tile);
  const inner = exchangeRows * tile.lanes * tile.innerPerThread * innerPitch;
  return (inner + tile.rows * tile.columns * outerPitch) * BYTES_PER_VECTOR;
}

/** Vectors that a thread loads for a stage. */
function stagedPerThread(shape: WeightGradientShape, tile: Tile): number {
  const { innerRows, innerVectors, outerVectors } = layoutOf(shape, tile);
  const { lanes, groups, innerPerThread, rows, columns } = tile;
  return (
    (innerRows * lanes * innerPerThread * innerVectors + rows * columns * outerVectors) / (lanes * groups)
  );
}

/** Whether channels are many enough for the registers of a workgroup, and a tile of the kernel fits a device. */
export function suitsRegisterTiles({
  outerChannels,
  innerChannels,
  kernelSize,
}: WeightGradientShape): boolean {
  return outerChannels >= 8 && innerChannels >= 8 && kernelSize[2] <= MOST_TAPS;
}

/** Workgroups per split. */
export function registerTilesTiles(shape: WeightGradientShape, part: WeightGradientPart): number {
  const { lanes, innerPerThread, groups, tapRows } = tileOf(shape);
  const blocks =
    Math.ceil(part.outer.count / (groups * OUTER_PER_THREAD)) *
    Math.ceil(part.inner.count / (lanes * innerPerThread));
  return (blocks * shape.kernelSize[0] * shape.kernelSize[1]) / tapRows;
}

/** Ranges of positions that would fill a device. */
export function registerTilesSplits(
  shape: WeightGradientShape,
  part: WeightGradientPart,
  positions: number,
): number {
  const { rows, columns } = tileOf(shape);
  const [, height, width] = shape.outerSize;
  const stages =
    part.images.count * part.slices.count * Math.ceil(height / rows) * Math.ceil(width / columns);
  return splitsThatFill(registerTilesTiles(shape, part), stages, positions);
}

/** The whole module; entry point `main`. */
export function registerTilesSource(shape: WeightGradientShape, access: WeightGradientAccess): string {
  const [, ky, kx] = shape.kernelSize;
  const [, sy, sx] = shape.stride;
  const [, py, px] = shape.padding;
  const tile = tileOf(shape);
  const { lanes, innerPerThread, groups, tapRows, rows, columns } = tile;
  const layout = layoutOf(shape, tile);
  const { innerRows, innerVectors, innerPitch, outerVectors, outerPitch } = layout;
  const threads = lanes * groups;
  const innerBlock = lanes * innerPerThread;
  const outerBlock = groups * OUTER_PER_THREAD;
  const tapTiles = ky / tapRows;
  // From a staged row to its row of `inner`: rows of taps are held together, or only those of one are loaded.
  const rowStep = tapRows === 1 ? sy : 1;
  const innerItems = innerRows * innerBlock * innerVectors;
  const outerItems = rows * outerVectors * columns;
  const innerSlots = each(Math.ceil(innerItems / threads), (i) => i);
  const outerSlots = each(Math.ceil(outerItems / threads), (i) => i);
  const guarded = (i: number, items: number, statement: string) =>
    (i + 1) * threads > items ? `if (thread + ${i * threads} < ${items}) { ${statement} }` : statement;
  return `${weightGradientPrelude(access, { outer: 'f32', inner: 'f32' })}
var<workgroup> innerTile: array<array<array<vec4f, ${innerPitch}>, ${innerBlock}>, ${layout.exchangeRows}>;
var<workgroup> outerTile: array<array<array<vec4f, ${outerPitch}>, ${columns}>, ${rows}>;

@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) local: u32) {
  let thread = i32(local);
  let number = i32(id.y * grid.x + id.x);
  let tapCount = sizes.kernelDepth * ${tapTiles};
  let innerBlocks = (sizes.innerCount + ${innerBlock - 1}) / ${innerBlock};
  let outerBlocks = (sizes.outerCount + ${outerBlock - 1}) / ${outerBlock};
  let dz = number % tapCount / ${tapTiles};
  let firstDy = number % ${tapTiles};
  let firstInner = number / tapCount % innerBlocks * ${innerBlock};
  let firstOuter = number / tapCount / innerBlocks % outerBlocks * ${outerBlock};
  let split = number / tapCount / innerBlocks / outerBlocks;
  let innerPlane = sizes.innerHeight * sizes.innerWidth;
  let innerVolume = sizes.innerDepth * innerPlane;
  let outerPlane = sizes.outerHeight * sizes.outerWidth;
  let outerVolume = sizes.outerDepth * outerPlane;
  // Stages are counted by segment of columns, image, slice, and rows, the last fastest.
  let rowSteps = (sizes.outerHeight + ${rows - 1}) / ${rows};
  let perSegment = sizes.images * sizes.slices * rowSteps;
  let stages = perSegment * ((sizes.outerWidth + ${columns - 1}) / ${columns});
  let share = (stages + sizes.splits - 1) / sizes.splits;
  let end = select(0, min(stages, (split + 1) * share), split < sizes.splits);
  let lane = local % ${lanes};
  let group = local / ${lanes};
  // What a thread stages: vectors of four columns of an inner channel, and of four outer channels at a position.
  ${innerSlots.map((i) => innerSlot(i, threads, innerVectors, innerBlock)).join('\n  ')}
  ${outerSlots.map((i) => outerSlot(i, threads, columns, outerVectors)).join('\n  ')}
  ${sumsOf(tile, kx)
    .map((name) => `var ${name} = vec4f();`)
    .join(' ')}
  var stage = split * share;
  while (stage < end) {
    let segment = stage / perSegment;
    let column = segment * ${columns};
    let segmentEnd = min(end, (segment + 1) * perSegment);
    ${innerSlots
      .map(
        (
          i,
        ) => `let ix${i} = column * ${sx} - ${px} + iv${i} * 4; let is${i} = ic${i} * innerVolume + ir${i} * ${rowStep} * sizes.innerWidth + ix${i};
    ${each(4, (k) => `let ih${i}_${k} = ik${i} && ix${i} + ${k} >= 0 && ix${i} + ${k} < sizes.innerWidth;`).join(' ')}`,
      )
      .join('\n    ')}
    ${outerSlots
      .map(
        (i) =>
          `let oh${i} = column + op${i} < sizes.outerWidth; let os${i} = oc${i} * outerVolume + oq${i} * sizes.outerWidth + column + op${i};`,
      )
      .join('\n    ')}
    var row = stage % rowSteps * ${rows};
    var slice = stage / rowSteps % sizes.slices;
    var image = stage / rowSteps / sizes.slices % sizes.images;
    for (; stage < segmentEnd; stage++) {
      let z = (sizes.firstSlice + slice) * sizes.strideDepth + dz - sizes.paddingDepth;
      if (z >= 0 && z < sizes.innerDepth) {
        let firstY = row * ${sy} + firstDy - ${py};
        let innerAt = sizes.innerBase + (image * sizes.innerChannels + firstInner) * innerVolume + z * innerPlane + firstY * sizes.innerWidth;
        let outerAt = sizes.outerBase + (image * sizes.outerChannels + firstOuter) * outerVolume + (sizes.firstSlice + slice) * outerPlane + row * sizes.outerWidth;
        ${innerSlots.map((i) => innerLoad(i, rowStep)).join('\n        ')}
        ${outerSlots.map(outerLoad).join('\n        ')}
        workgroupBarrier();
        ${innerSlots.map((i) => guarded(i, innerItems, `innerTile[ir${i}][ib${i}][iv${i}] = i${i};`)).join('\n        ')}
        ${outerSlots.map((i) => guarded(i, outerItems, `outerTile[oq${i}][op${i}][ob${i}] = o${i};`)).join('\n        ')}
        workgroupBarrier();
        for (var chunk = 0u; chunk < ${columns / 4}; chunk++) {
          ${each(rows, (q) => `{\n            ${products(q, shape, tile, layout)}\n          }`).join('\n          ')}
        }
      }
      row += ${rows};
      if (row >= sizes.outerHeight) {
        row = 0;
        slice++;
        if (slice == sizes.slices) { slice = 0; image++; }
      }
    }
  }
  ${results(shape, tile, layout)}
}
`;
}

/** The vectors of sums that a thread holds. */
function sumsOf({ innerPerThread, tapRows }: Tile, kx: number): string[] {
  return each(innerPerThread, (i) =>
    each(tapRows, (dy) => each(kx, (dx) => each(2, (h) => sumName(i, dy, dx, h)))),
  ).flat(3);
}

function sumName(inner: number, dy: number, dx: number, half: number): string {
  return `a${inner}_${dy}_${dx}_${half}`;
}

/** Slot `i` of a thread: a staged row, a channel of the block, and four columns. */
function innerSlot(i: number, threads: number, vectors: number, block: number): string {
  return `let iv${i} = (thread + ${i * threads}) % ${vectors}; let ib${i} = (thread + ${i * threads}) / ${vectors} % ${block}; let ir${i} = (thread + ${i * threads}) / ${vectors * block}; let ik${i} = firstInner + ib${i} < sizes.innerCount; let ic${i} = select(0, ib${i}, ik${i});`;
}

/** Slot `i` of a thread: a row, a column, and four channels of the block. */
function outerSlot(i: number, threads: number, columns: number, vectors: number): string {
  return `let op${i} = (thread + ${i * threads}) % ${columns}; let ob${i} = (thread + ${i * threads}) / ${columns} % ${vectors}; let oq${i} = (thread + ${i * threads}) / ${columns * vectors}; let oc${i} = ob${i} * 4; let on${i} = sizes.outerCount - firstOuter - oc${i};`;
}

// Loads without branches: what lies outside is read somewhere and taken as zero.

function innerLoad(i: number, rowStep: number): string {
  const value = (k: number) => `select(0.0, f32(inner[it${i} + ${k}]), hasRow${i} && ih${i}_${k})`;
  return `let iy${i} = firstY + ir${i} * ${rowStep}; let hasRow${i} = iy${i} >= 0 && iy${i} < sizes.innerHeight; let it${i} = innerAt + is${i}; let i${i} = vec4f(${each(4, value).join(', ')});`;
}

function outerLoad(i: number): string {
  const value = (k: number) =>
    `select(0.0, f32(outer[ot${i} + ${k} * outerVolume]), hasOuter${i} && on${i} > ${k})`;
  return `let hasOuter${i} = oh${i} && row + oq${i} < sizes.outerHeight; let ot${i} = outerAt + os${i}; let o${i} = vec4f(${each(4, value).join(', ')});`;
}

/** What four positions of row `q` add to the sums. */
function products(
  q: number,
  { kernelSize, stride }: WeightGradientShape,
  { lanes, innerPerThread, tapRows }: Tile,
  { span }: Layout,
): string {
  const kx = kernelSize[2];
  const [, sy, sx] = stride;
  const lines = [
    each(4, (p) =>
      each(2, (h) => `let g${p}_${h} = outerTile[${q}][chunk * 4 + ${p}][group * 2 + ${h}];`).join(' '),
    ).join(' '),
  ];
  for (let i = 0; i < innerPerThread; i++) {
    for (let dy = 0; dy < tapRows; dy++) {
      const row = tapRows === 1 ? q : q * sy + dy;
      const name = `v${i}_${dy}`;
      lines.push(
        each(
          span,
          (v) => `let ${name}_${v} = innerTile[${row}][lane + ${i * lanes}][chunk * ${sx} + ${v}];`,
        ).join(' '),
      );
      for (let p = 0; p < 4; p++) {
        for (let dx = 0; dx < kx; dx++) {
          const at = p * sx + dx;
          const value = `vec4f(${name}_${at >> 2}.${'xyzw'[at & 3]})`;
          lines.push(
            each(2, (h) => {
              const sum = sumName(i, dy, dx, h);
              return `${sum} = fma(${value}, g${p}_${h}, ${sum});`;
            }).join(' '),
          );
        }
      }
    }
  }
  return lines.join('\n            ');
}

/**
 * Sums go to the target by way of workgroup memory, as many at once as it holds: one store in the code for all of them,
 * where dozens keep compilers busy for long.
 */
function results({ kernelSize }: WeightGradientShape, tile: Tile, layout: Layout): string {
  const { lanes, groups, innerPerThread, tapRows } = tile;
  const { exchangeRows, innerPitch } = layout;
  const kx = kernelSize[2];
  const threads = lanes * groups;
  const block = lanes * innerPerThread;
  const sums = sumsOf(tile, kx);
  const atOnce = Math.min(sums.length, Math.floor((exchangeRows * block * innerPitch) / threads));
  const place = (vector: string) =>
    `innerTile[(${vector}) / ${block * innerPitch}][(${vector}) / ${innerPitch} % ${block}][(${vector}) % ${innerPitch}]`;
  return each(Math.ceil(sums.length / atOnce), (round) => {
    const some = sums.slice(round * atOnce, (round + 1) * atOnce);
    return `workgroupBarrier();
  ${some.map((sum, i) => `${place(`thread + ${i * threads}`)} = ${sum};`).join(' ')}
  workgroupBarrier();
  for (var e = thread; e < ${some.length * threads * 4}; e += ${threads}) {
    let vector = e / 4;
    let owner = vector % ${threads};
    let sum = vector / ${threads} + ${round * atOnce};
    let outerChannel = firstOuter + owner / ${lanes} * ${OUTER_PER_THREAD} + sum % 2 * 4 + e % 4;
    let innerChannel = firstInner + owner % ${lanes} + sum / ${2 * kx * tapRows} * ${lanes};
    let tap = (dz * ${kernelSize[1]} + firstDy + sum / ${2 * kx} % ${tapRows}) * ${kx} + sum / 2 % ${kx};
    if (split < sizes.splits && outerChannel < sizes.outerCount && innerChannel < sizes.innerCount) {
      put(split, outerChannel, innerChannel, tap, ${place('vector')}[e % 4]);
    }
  }`;
  }).join('\n  ');
}
