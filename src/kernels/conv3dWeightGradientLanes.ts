// Weight gradient for adapters that run a subgroup as one SIMD register (software Vulkan drivers). What is cheap there
// is arithmetic on values already in registers and broadcasting them from lane to lane; what is dear is every element
// loaded from a storage buffer, because lanes do that one by one. So:
// - a lane holds one outer channel, for sums that no other lane has: nothing to reduce, and small volumes fill all lanes;
// - pairs of an inner channel and a tap along z are loaded one per lane too, and broadcast, so that each loaded element
//   meets all channels of the other side that the workgroup (one subgroup) holds, and all taps along y and x;
// - a workgroup walks down strips of four columns, a few rows at once, and keeps the inner rows that the next ones share;
// - along x, kernels of size 3 use Winograd's F(3, 4): 6 products for 4 columns and 3 taps instead of 12. The sums stay
//   in the transformed domain to the end, so that only loading costs a transform.
// Sizes come in a uniform buffer, so that one compiled shader serves every layer.

import type { WeightGradientPart, WeightGradientShape } from './conv3dWeightGradientShape';
import { each, type WeightGradientAccess, weightGradientPrelude } from './conv3dWeightGradientSource';

/** Columns of `outer` per strip. */
const COLUMNS = 4;
/** Invocations per subgroup. */
const LANES = 8;
/** Pairs up to which a workgroup holds more outer channels, loading being all it does. */
const FEW_PAIRS = 4;
/** Workgroups that keep all cores busy to the end. */
const WANTED_WORKGROUPS = 24;

/** What one workgroup holds. */
interface Tile {
  /** Outer channels, in vectors of one per lane. */
  readonly outerVectors: number;
  /** Inner channels times taps along z, at most one per lane. */
  readonly pairs: number;
  /** Rows of `outer` per step. */
  readonly rows: number;
}

function tileOf({ outerChannels, innerChannels, kernelSize }: WeightGradientShape): Tile {
  const pairs = Math.min(LANES, innerChannels * kernelSize[0]);
  const outerVectors = Math.min(pairs <= FEW_PAIRS ? 4 : 2, Math.ceil(outerChannels / LANES));
  return { outerVectors, pairs, rows: 2 };
}

/** Workgroups per split. */
export function lanesTiles(shape: WeightGradientShape, part: WeightGradientPart): number {
  const { outerVectors, pairs } = tileOf(shape);
  const outerBlocks = Math.ceil(part.outer.count / (outerVectors * LANES));
  return outerBlocks * Math.ceil((part.inner.count * shape.kernelSize[0]) / pairs);
}

/** Ranges of strips that would keep all cores busy. */
export function lanesSplits(shape: WeightGradientShape, part: WeightGradientPart): number {
  const strips = part.images.count * part.slices.count * Math.ceil(shape.outerSize[2] / COLUMNS);
  return Math.max(1, Math.min(strips, Math.round(WANTED_WORKGROUPS / lanesTiles(shape, part))));
}

/** How columns become the two factors of each product, and sums of products the taps along x. */
interface ColumnScheme {
  /** Statements that define `${name}_0…` from the loaded `${name}_c0…`, for a row of `outer` and one of `inner`. */
  readonly outerTransform: (name: string) => string;
  readonly innerTransform: (name: string) => string;
  /** For each sum, the `[outer, inner]` pairs of a row that it adds up. */
  readonly products: readonly (readonly (readonly [number, number])[])[];
  /** The taps from the sums `s0…`. */
  readonly taps: readonly string[];
}

/** Points 0, ±1, ±2 and infinity, as the forward pass; the denominators wait for the end (Lavin and Gray, 2015). */
const WINOGRAD_COLUMNS: ColumnScheme = {
  outerTransform: (g) => `
      let ${g}_0 = ${g}_c0; let ${g}_5 = ${g}_c3;
      let ${g}_p = ${g}_c0 + ${g}_c2; let ${g}_q = ${g}_c1 + ${g}_c3; let ${g}_1 = ${g}_p + ${g}_q; let ${g}_2 = ${g}_p - ${g}_q;
      let ${g}_s = ${g}_c0 + 4.0 * ${g}_c2; let ${g}_t = 2.0 * ${g}_c1 + 8.0 * ${g}_c3; let ${g}_3 = ${g}_s + ${g}_t; let ${g}_4 = ${g}_s - ${g}_t;`,
  innerTransform: (r) => `
      let ${r}_0 = 4.0 * ${r}_c0 - 5.0 * ${r}_c2 + ${r}_c4;
      let ${r}_p = ${r}_c4 - 4.0 * ${r}_c2; let ${r}_q = ${r}_c3 - 4.0 * ${r}_c1; let ${r}_1 = ${r}_p + ${r}_q; let ${r}_2 = ${r}_p - ${r}_q;
      let ${r}_s = ${r}_c4 - ${r}_c2; let ${r}_t = 2.0 * (${r}_c3 - ${r}_c1); let ${r}_3 = ${r}_s + ${r}_t; let ${r}_4 = ${r}_s - ${r}_t;
      let ${r}_5 = 4.0 * ${r}_c1 - 5.0 * ${r}_c3 + ${r}_c5;`,
  products: each(6, (m) => [[m, m] as const]),
  taps: [
    's0 / 4.0 - (s1 + s2) / 6.0 + (s3 + s4) / 24.0',
    '(s2 - s1) / 6.0 + (s3 - s4) / 12.0',
    '(s3 + s4 - s1 - s2) / 6.0 + s5',
  ],
};

function directColumns(kx: number, stride: number): ColumnScheme {
  const copies = (count: number) => (name: string) =>
    each(count, (i) => `let ${name}_${i} = ${name}_c${i};`).join(' ');
  return {
    outerTransform: copies(COLUMNS),
    innerTransform: copies(columnSpan(kx, stride)),
    products: each(kx, (dx) => each(COLUMNS, (j) => [j, j * stride + dx] as const)),
    taps: each(kx, (dx) => `s${dx}`),
  };
}

/** Columns of `inner` that a strip meets. */
function columnSpan(kx: number, stride: number): number {
  return (COLUMNS - 1) * stride + kx;
}

/** What the pieces of the shader share. */
interface Plan {
  readonly shape: WeightGradientShape;
  readonly tile: Tile;
  readonly columns: ColumnScheme;
  /** Rows of `inner` that a step meets, and how many of them the step before has loaded. */
  readonly innerRows: number;
  readonly carriedRows: number;
  readonly isOuterAligned: boolean;
  readonly isInnerAligned: boolean;
}

function makePlan(shape: WeightGradientShape): Plan {
  const [, ky, kx] = shape.kernelSize;
  const [, sy, sx] = shape.stride;
  const tile = tileOf(shape);
  return {
    shape,
    tile,
    columns: kx === 3 && sx === 1 ? WINOGRAD_COLUMNS : directColumns(kx, sx),
    innerRows: (tile.rows - 1) * sy + ky,
    carriedRows: Math.max(0, ky - sy),
    isOuterAligned: shape.outerSize[2] % 4 === 0,
    isInnerAligned: shape.innerSize[2] % 4 === 0,
  };
}

/** The whole module; entry point `main`. */
export function lanesSource(shape: WeightGradientShape, access: WeightGradientAccess): string {
  const plan = makePlan(shape);
  const { tile, columns, carriedRows } = plan;
  const [, ky, kx] = shape.kernelSize;
  const [, sy, sx] = shape.stride;
  const py = shape.padding[1];
  const element = (isAligned: boolean) => (isAligned ? 'vec4f' : 'f32');
  const outerBlock = tile.outerVectors * LANES;
  const carried = each(carriedRows, (row) => rowValues(plan, row)).flat();
  return `enable subgroups;
${weightGradientPrelude(access, { outer: element(plan.isOuterAligned), inner: element(plan.isInnerAligned) })}
@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(subgroup_invocation_id) invocation: u32) {
  let lane = i32(invocation);
  let group = i32(id.y * grid.x + id.x);
  let pairs = sizes.innerCount * sizes.kernelDepth;
  let pairBlocks = (pairs + ${tile.pairs - 1}) / ${tile.pairs};
  let outerBlocks = (sizes.outerCount + ${outerBlock - 1}) / ${outerBlock};
  let firstPair = group % pairBlocks * ${tile.pairs};
  let firstOuter = group / pairBlocks % outerBlocks * ${outerBlock};
  let split = group / pairBlocks / outerBlocks;
  if (split >= sizes.splits) { return; }
  let across = (sizes.outerWidth + ${COLUMNS - 1}) / ${COLUMNS};
  let strips = sizes.images * sizes.slices * across;
  let share = (strips + sizes.splits - 1) / sizes.splits;
  let outerVolume = sizes.outerDepth * sizes.outerHeight * sizes.outerWidth;
  let innerVolume = sizes.innerDepth * sizes.innerHeight * sizes.innerWidth;
  ${each(tile.outerVectors, (v) => `let outer${v} = min(firstOuter + ${v * LANES} + lane, sizes.outerCount - 1) * outerVolume;`).join('\n  ')}
  // Pairs are ordered by tap, so that most workgroups hold only one.
  let lastPair = min(firstPair + ${tile.pairs - 1}, pairs - 1);
  let pair = min(firstPair + lane, lastPair);
  let dz = pair / sizes.innerCount;
  let innerOffset = pair % sizes.innerCount * innerVolume + dz * sizes.innerHeight * sizes.innerWidth;
  // Read by a variable index at the end, so that it stays in memory: hundreds of variables take long to compile.
  var sums: array<f32, ${sumCount(plan)}>;
  for (var strip = split * share; strip < min(strips, (split + 1) * share); strip++) {
    let column = strip % across * ${COLUMNS};
    let slice = sizes.firstSlice + strip / across % sizes.slices;
    let image = strip / across / sizes.slices;
    let z = slice * sizes.strideDepth - sizes.paddingDepth;
    if (z + lastPair / sizes.innerCount < 0 || z + firstPair / sizes.innerCount >= sizes.innerDepth) { continue; }
    let isSlice = z + dz >= 0 && z + dz < sizes.innerDepth;
    let outerAt = sizes.outerBase + image * sizes.outerChannels * outerVolume + slice * sizes.outerHeight * sizes.outerWidth + column;
    let innerColumn = column * ${sx};
    let innerAt = sizes.innerBase + image * sizes.innerChannels * innerVolume + z * sizes.innerHeight * sizes.innerWidth + innerColumn + innerOffset;
    ${carried.map((name) => `var kept_${name} = 0.0;`).join(' ')}
    {
      let y = ${-py};${each(carriedRows, (row) => innerRow(plan, row)).join('')}
      ${carried.map((name) => `kept_${name} = ${name};`).join(' ')}
    }
    for (var row = 0; row < sizes.outerHeight; row += ${tile.rows}) {
      let y = row * ${sy} - ${py};
      ${carried.map((name) => `let ${name} = kept_${name};`).join(' ')}
      ${each(plan.innerRows - carriedRows, (i) => innerRow(plan, carriedRows + i)).join('')}
      ${each(tile.rows, (r) => outerRow(plan, r)).join('')}
      ${arithmetic(plan)}
      ${each(carriedRows, (row) => {
        const from = rowValues(plan, row + tile.rows * sy);
        return rowValues(plan, row)
          .map((name, i) => `kept_${name} = ${from[i]};`)
          .join(' ');
      }).join('\n      ')}
    }
  }
  // A bound that the compiler does not know and a single store: unrolled stores take seconds to compile.
  let resultCount = select(${(sumCount(plan) / columns.products.length) * kx}, 0, sizes.taps == 0);
  for (var result = 0; result < resultCount; result++) {
    let dx = result % ${kx};
    let i = result / ${kx};
    let outerChannel = firstOuter + i / ${tile.pairs * ky} * ${LANES} + lane;
    let resultPair = firstPair + i / ${ky} % ${tile.pairs};
    if (outerChannel < sizes.outerCount && resultPair < pairs) {
      let tap = (resultPair / sizes.innerCount * ${ky} + i % ${ky}) * ${kx} + dx;
      ${columns.products.map((_, m) => `let s${m} = sums[i * ${columns.products.length} + ${m}];`).join(' ')}
      let value = ${columns.taps.slice(1).reduce((chain, tap, k) => `select(${chain}, ${tap}, dx == ${k + 1})`, columns.taps[0])};
      put(split, outerChannel, resultPair % sizes.innerCount, tap, value);
    }
  }
}
`;
}

/** The transformed values of an inner row. */
function rowValues({ columns }: Plan, row: number): string[] {
  const count = 1 + Math.max(...columns.products.flat().map(([, inner]) => inner));
  return each(count, (i) => `r${row}_${i}`);
}

/** Loads a row of `inner` and transforms it; zero outside the volume. */
function innerRow({ shape, columns, isInnerAligned }: Plan, row: number): string {
  const px = shape.padding[2];
  const span = columnSpan(shape.kernelSize[2], shape.stride[2]);
  const r = `r${row}`;
  const quads = new Map<number, number[]>();
  for (let i = 0; i < span; i++) {
    const quad = Math.floor((i - px) / 4);
    quads.set(quad, [...(quads.get(quad) ?? []), i]);
  }
  const place = (i: number) => {
    const isInside = `${r}ok && innerColumn + ${i - px} >= 0 && innerColumn + ${i - px} < sizes.innerWidth`;
    return `let ${r}ok${i} = ${isInside};`;
  };
  const loadOne = (i: number) => {
    const at = `select(0, ${r}at + ${i - px}, ${r}ok${i})`;
    const value = isInnerAligned ? `inner[${at} / 4].${'xyzw'[(((i - px) % 4) + 4) % 4]}` : `inner[${at}]`;
    return `${place(i)} let ${r}_c${i} = select(0.0, f32(${value}), ${r}ok${i});`;
  };
  const loads = [...quads].map(([quad, members]) => {
    if (!isInnerAligned || members.length < 3) return members.map(loadOne).join(' ');
    const first = members[0];
    const whole = `${r}_v${first}`;
    const value = `inner[select(0, ${r}at + ${4 * quad}, ${r}ok${first}) / 4]`;
    const components = members.map((i) => `let ${r}_c${i} = ${whole}.${'xyzw'[i - px - 4 * quad]};`);
    return `${place(first)} let ${whole} = select(vec4f(), vec4f(${value}), ${r}ok${first}); ${components.join(' ')}`;
  });
  return `
      let ${r}ok = isSlice && y + ${row} >= 0 && y + ${row} < sizes.innerHeight; let ${r}at = innerAt + (y + ${row}) * sizes.innerWidth;
      ${loads.join('\n      ')}${columns.innerTransform(r)}`;
}

/** Loads a row of `outer` and transforms it; zero outside the volume. */
function outerRow({ tile, columns, isOuterAligned }: Plan, r: number): string {
  const loads = each(tile.outerVectors, (v) => {
    const name = `g${v}_${r}`;
    const at = `gradientAt${r} + outer${v}`;
    const load = isOuterAligned
      ? `let ${name} = select(vec4f(), vec4f(outer[select(0, ${at}, isGradient${r}) / 4]), isGradient${r}); ${each(COLUMNS, (i) => `let ${name}_c${i} = ${name}.${'xyzw'[i]};`).join(' ')}`
      : each(COLUMNS, (i) => {
          const isInside = `isGradient${r} && column + ${i} < sizes.outerWidth`;
          return `let ${name}_c${i} = select(0.0, f32(outer[select(0, ${at} + ${i}, ${isInside})]), ${isInside});`;
        }).join(' ');
    return `${load}${columns.outerTransform(name)}`;
  });
  return `
      let isGradient${r} = row + ${r} < sizes.outerHeight; let gradientAt${r} = outerAt + (row + ${r}) * sizes.outerWidth;
      ${loads.join('\n      ')}`;
}

/** Every product of the loaded rows; several rows per sum, because the sums lie in memory. */
function arithmetic(plan: Plan): string {
  const { shape, tile, columns, innerRows } = plan;
  const [, ky] = shape.kernelSize;
  const sy = shape.stride[1];
  const lines: string[] = [];
  for (let pair = 0; pair < tile.pairs; pair++) {
    const known = new Set<string>();
    const broadcast = (row: number, i: number) => {
      const name = `b${pair}_${row}_${i}`;
      if (!known.has(name)) {
        lines.push(`let ${name} = subgroupBroadcast(r${row}_${i}, ${pair}u);`);
      }
      known.add(name);
      return name;
    };
    for (const [m, products] of columns.products.entries()) {
      for (let row = 0; row < innerRows; row++) for (const [, inner] of products) broadcast(row, inner);
      for (let v = 0; v < tile.outerVectors; v++) {
        for (let dy = 0; dy < ky; dy++) {
          const terms = each(tile.rows, (r) =>
            products.map(([outer, inner]) => `g${v}_${r}_${outer} * ${broadcast(r * sy + dy, inner)}`),
          );
          lines.push(`sums[${sumIndex(plan, v, pair, dy, m)}] += ${terms.flat().join(' + ')};`);
        }
      }
    }
  }
  return lines.join('\n      ');
}

function sumIndex(
  { shape, tile, columns }: Plan,
  vector: number,
  pair: number,
  dy: number,
  m: number,
): number {
  return ((vector * tile.pairs + pair) * shape.kernelSize[1] + dy) * columns.products.length + m;
}

function sumCount(plan: Plan): number {
  return sumIndex(plan, plan.tile.outerVectors, 0, 0, 0);
}
