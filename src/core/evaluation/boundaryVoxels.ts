// The boundary voxels of all structures of a label map, in one pass over it.
import { elementCount, type Zyx } from '@/shared/geometry';
import type { Stepwise } from '@/shared/stepwise';
import type { LabelOrRegion } from './metrics';

export interface BoundaryOptions {
  /** `[z, y, x]` */
  readonly map: ArrayLike<number>;
  /** Where this has the `ignoreLabel`, the map has no structure. */
  readonly reference: ArrayLike<number>;
  readonly ignoreLabel: number | undefined;
  readonly shape: Zyx;
  readonly labels: readonly LabelOrRegion[];
}

/**
 * Indices of the boundary voxels of each label or region, ascending: those with a neighbour along an axis that does not
 * belong to it or lies outside the image, along axes of more than one voxel. Yields its share that is done.
 */
export function* boundaryVoxels(question: BoundaryOptions): Stepwise<number, readonly Int32Array[]> {
  const { labels, shape } = question;
  const [nz, ny, nx] = shape;
  const plane = ny * nx;
  const { codes, count } = yield* codedMap(question);
  const { structures, members } = structuresByCode(labels, count);
  const found = labels.map(() => new IndexList());
  for (let z = 0, i = 0; z < nz; z++) {
    for (let y = 0; y < ny; y++) {
      for (let x = 0; x < nx; x++, i++) {
        const code = codes[i];
        if (code === 0) continue;
        // Beyond the image nothing belongs; an axis of one voxel has no neighbours.
        const left = x > 0 ? codes[i - 1] : nx === 1 ? code : 0;
        const right = x < nx - 1 ? codes[i + 1] : nx === 1 ? code : 0;
        const front = y > 0 ? codes[i - nx] : ny === 1 ? code : 0;
        const back = y < ny - 1 ? codes[i + nx] : ny === 1 ? code : 0;
        const below = z > 0 ? codes[i - plane] : nz === 1 ? code : 0;
        const above = z < nz - 1 ? codes[i + plane] : nz === 1 ? code : 0;
        if (
          left === code &&
          right === code &&
          front === code &&
          back === code &&
          below === code &&
          above === code
        )
          continue;
        for (const structure of structures[code]) {
          const first = structure * count;
          const isInside =
            members[first + left] &
            members[first + right] &
            members[first + front] &
            members[first + back] &
            members[first + below] &
            members[first + above];
          if (!isInside) found[structure].push(i);
        }
      }
    }
    yield 0.5 + (z + 1) / nz / 2;
  }
  return found.map((list) => list.values());
}

/** The map with a small number for each value that belongs to a structure, 0 for all others. */
function* codedMap({
  map,
  reference,
  ignoreLabel,
  shape,
  labels,
}: BoundaryOptions): Stepwise<number, { readonly codes: Uint8Array | Uint16Array; readonly count: number }> {
  const values = valuesOf(labels);
  const codeOf = new Uint16Array(Math.max(...values, 0) + 1);
  for (const [at, value] of values.entries()) codeOf[value] = at + 1;
  const count = values.length + 1;
  const voxels = elementCount(shape);
  const codes = count <= 256 ? new Uint8Array(voxels) : new Uint16Array(voxels);
  const plane = shape[1] * shape[2];
  for (let start = 0; start < voxels; start += plane) {
    // A value beyond the table has no code, which the array keeps as 0.
    for (let i = start; i < start + plane; i++) codes[i] = codeOf[map[i]];
    if (ignoreLabel !== undefined) {
      for (let i = start; i < start + plane; i++) if (reference[i] === ignoreLabel) codes[i] = 0;
    }
    yield (start + plane) / voxels / 2;
  }
  return { codes, count };
}

function valuesOf(labels: readonly LabelOrRegion[]): readonly number[] {
  return [...new Set(labels.flat())].sort((a, b) => a - b);
}

/** Structures that each code belongs to, and the same as a table: 1 at `structure · count + code`. */
function structuresByCode(labels: readonly LabelOrRegion[], count: number) {
  const values = valuesOf(labels);
  const members = new Uint8Array(labels.length * count);
  const structures: number[][] = Array.from({ length: count }, () => []);
  for (const [structure, label] of labels.entries()) {
    for (const value of new Set(label)) {
      const code = values.indexOf(value) + 1;
      members[structure * count + code] = 1;
      structures[code].push(structure);
    }
  }
  return { structures, members };
}

/** Numbers that become more. */
class IndexList {
  private content = new Int32Array(64);
  private length = 0;

  push(index: number): void {
    if (this.length === this.content.length) {
      const larger = new Int32Array(2 * this.length);
      larger.set(this.content);
      this.content = larger;
    }
    this.content[this.length++] = index;
  }

  values(): Int32Array {
    return this.content.subarray(0, this.length);
  }
}
