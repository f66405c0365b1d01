// Weight gradient for GPUs with fast workgroup memory: a matrix product of outer channels by (inner channel, tap) over
// positions. A workgroup loads a tile of both sides for a few positions, and each thread sums 4 × 4 results from there.

import type { WeightGradientPart, WeightGradientShape } from './conv3dWeightGradientShape';
import { each, type WeightGradientAccess, weightGradientPrelude } from './conv3dWeightGradientSource';

/** Columns of the result, (inner channel, tap), per workgroup. */
const COLUMNS = 64;
/** Positions loaded at once. */
const DEPTH = 16;
/** Workgroups that fill a device. */
const WANTED_WORKGROUPS = 512;
/** Positions worth a workgroup. */
const SMALLEST_SPLIT = 512;

/** Outer channels per workgroup. */
function tileRows(outerChannels: number): number {
  return outerChannels > 32 ? 64 : outerChannels > 16 ? 32 : 16;
}

/** Workgroups per split. */
export function tiledTiles(
  { outerChannels, kernelSize }: WeightGradientShape,
  part: WeightGradientPart,
): number {
  const columns = part.inner.count * kernelSize[0] * kernelSize[1] * kernelSize[2];
  return Math.ceil(part.outer.count / tileRows(outerChannels)) * Math.ceil(columns / COLUMNS);
}

/** Ranges of positions that would fill a device. */
export function tiledSplits(shape: WeightGradientShape, part: WeightGradientPart, positions: number): number {
  const wanted = Math.ceil(WANTED_WORKGROUPS / tiledTiles(shape, part));
  return Math.max(1, Math.min(wanted, Math.floor(positions / SMALLEST_SPLIT)));
}

/** The whole module; entry point `main`. */
export function tiledSource(shape: WeightGradientShape, access: WeightGradientAccess): string {
  const [kz, ky, kx] = shape.kernelSize;
  const [sz, sy, sx] = shape.stride;
  const [pz, py, px] = shape.padding;
  const taps = kz * ky * kx;
  const rows = tileRows(shape.outerChannels);
  const threads = (rows / 4) * (COLUMNS / 4);
  const lines = threads / DEPTH;
  const loads = each(COLUMNS / lines, (i) => i);
  return `${weightGradientPrelude(access, { outer: 'f32', inner: 'f32' })}
// One element more per line keeps the threads that fill a column out of each other's memory banks.
var<workgroup> outerTile: array<f32, ${DEPTH * (rows + 1)}>;
var<workgroup> innerTile: array<f32, ${DEPTH * (COLUMNS + 1)}>;

@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) local: u32) {
  let thread = i32(local);
  let group = i32(id.y * grid.x + id.x);
  let columnTiles = (sizes.innerCount * ${taps} + ${COLUMNS - 1}) / ${COLUMNS};
  let rowTiles = (sizes.outerCount + ${rows - 1}) / ${rows};
  let firstColumn = group % columnTiles * ${COLUMNS};
  let firstRow = group / columnTiles % rowTiles * ${rows};
  let split = group / columnTiles / rowTiles;
  let plane = sizes.outerHeight * sizes.outerWidth;
  let positions = sizes.images * sizes.slices * plane;
  let outerVolume = sizes.outerDepth * plane;
  let innerVolume = sizes.innerDepth * sizes.innerHeight * sizes.innerWidth;
  let steps = (positions + ${DEPTH - 1}) / ${DEPTH};
  let share = (steps + sizes.splits - 1) / sizes.splits * ${DEPTH};
  let end = select(0, min(positions, (split + 1) * share), split < sizes.splits);
  // What a thread loads: one of the positions, and every ${lines}th line of each tile.
  let depth = thread % ${DEPTH};
  let line = thread / ${DEPTH};
  ${loads.map((i) => lineOfInner(i, lines, shape)).join('\n  ')}
  let rowAt = thread / ${COLUMNS / 4} * 4;
  let columnAt = thread % ${COLUMNS / 4} * 4;
  ${each(4, (r) => `var sum${r} = vec4f();`).join(' ')}
  for (var first = split * share; first < end; first += ${DEPTH}) {
    let position = first + depth;
    let isInside = position < end;
    let x = position % sizes.outerWidth;
    let y = position / sizes.outerWidth % sizes.outerHeight;
    let z = sizes.firstSlice + position / plane % sizes.slices;
    let image = position / plane / sizes.slices;
    let outerAt = sizes.outerBase + (image * sizes.outerChannels + firstRow) * outerVolume + (z * sizes.outerHeight + y) * sizes.outerWidth + x;
    let innerZ = z * ${sz} - ${pz};
    let innerY = y * ${sy} - ${py};
    let innerX = x * ${sx} - ${px};
    let innerAt = sizes.innerBase + image * sizes.innerChannels * innerVolume + (innerZ * sizes.innerHeight + innerY) * sizes.innerWidth + innerX;
    workgroupBarrier();
    ${each(rows / lines, (i) => {
      const row = `line + ${i * lines}`;
      return `{
      var value = 0.0;
      if (isInside && firstRow + ${row} < sizes.outerCount) { value = f32(outer[outerAt + (${row}) * outerVolume]); }
      outerTile[depth * ${rows + 1} + ${row}] = value;
    }`;
    }).join('\n    ')}
    ${loads
      .map(
        (i) => `{
      let z = innerZ + dz${i}; let y = innerY + dy${i}; let x = innerX + dx${i};
      var value = 0.0;
      if (isInside && isColumn${i} && z >= 0 && z < sizes.innerDepth && y >= 0 && y < sizes.innerHeight && x >= 0 && x < sizes.innerWidth) {
        value = f32(inner[innerAt + offset${i}]);
      }
      innerTile[depth * ${COLUMNS + 1} + line + ${i * lines}] = value;
    }`,
      )
      .join('\n    ')}
    workgroupBarrier();
    for (var k = 0; k < ${DEPTH}; k++) {
      let a = k * ${rows + 1} + rowAt;
      let b = k * ${COLUMNS + 1} + columnAt;
      let values = vec4f(${each(4, (c) => `innerTile[b + ${c}]`).join(', ')});
      ${each(4, (r) => `sum${r} = fma(vec4f(outerTile[a + ${r}]), values, sum${r});`).join('\n      ')}
    }
  }
  if (split >= sizes.splits) { return; }
  for (var c = 0; c < 4; c++) {
    let column = firstColumn + columnAt + c;
    if (column >= sizes.innerCount * ${taps}) { break; }
    ${each(4, (r) => `if (firstRow + rowAt + ${r} < sizes.outerCount) { put(split, firstRow + rowAt + ${r}, column / ${taps}, column % ${taps}, sum${r}[c]); }`).join('\n    ')}
  }
}
`;
}

/** The inner channel and tap of a line that a thread loads, for all positions. */
function lineOfInner(i: number, lines: number, { kernelSize: [kz, ky, kx] }: WeightGradientShape): string {
  return `let column${i} = firstColumn + line + ${i * lines}; let isColumn${i} = column${i} < sizes.innerCount * ${kz * ky * kx};
  let dz${i} = column${i} / ${ky * kx} % ${kz}; let dy${i} = column${i} / ${kx} % ${ky}; let dx${i} = column${i} % ${kx};
  let offset${i} = column${i} / ${kz * ky * kx} * innerVolume + (dz${i} * sizes.innerHeight + dy${i}) * sizes.innerWidth + dx${i};`;
}
