// The patch of a configuration as a box over an image, for the viewer.

import { spacingOf } from '@/app/files/displayVolume';
import type { CaseCheck } from '@/core/dataset/integrity';
import { elementCount, type Xyz } from '@/shared/geometry';
import type { DisplayLabels, DisplayVolume } from '@/workers/files/api';

/** Label value of the box. */
export const PATCH_LABEL = 1;

/** Walls are as thick as this share of the image, and a voxel at least: they must be seen on a small screen. */
const WALL_SHARE = 1 / 200;

/** Edges of a patch along the image axes z, y, x, mm; `undefined` where a 2D patch is one slice. */
export type PatchExtent = readonly (number | undefined)[];

export function patchExtent(
  { patchSize, spacing }: { readonly patchSize: readonly number[]; readonly spacing: readonly number[] },
  transposeForward: readonly number[],
): PatchExtent {
  const first = transposeForward.length - patchSize.length;
  const extent: (number | undefined)[] = transposeForward.map(() => undefined);
  for (const [axis, size] of patchSize.entries()) {
    extent[transposeForward[axis + first]] = size * spacing[axis];
  }
  return extent;
}

/** The walls of the patch around `centre` (a voxel in file order; the image's own if left out). */
export function patchBox(
  { shape, affine }: Pick<DisplayVolume, 'shape' | 'affine'>,
  extent: PatchExtent,
  centre?: Xyz,
): DisplayLabels {
  const spacing = spacingOf(affine);
  const middle = centre ?? shape.map((size) => (size - 1) / 2);
  const ranges = shape.map((size, axis): Range => {
    const mm = extent[2 - axis];
    const edge = mm === undefined ? 1 : Math.max(1, Math.round(mm / spacing[axis]));
    const start = Math.round(middle[axis] - (edge - 1) / 2);
    const wall = mm === undefined ? 0 : Math.max(1, Math.round(size * WALL_SHARE));
    return { start, end: start + edge, wall, size };
  });
  const [voxels, centreVoxel] = [new Uint8Array(elementCount(shape)), middle.map(Math.round)];
  drawWalls(voxels, ranges);
  return {
    voxels,
    shape,
    affine,
    centers: { [PATCH_LABEL]: [centreVoxel[0], centreVoxel[1], centreVoxel[2]] },
  };
}

/** A box along one axis, voxels, half-open; it may go past the image. */
interface Range {
  readonly start: number;
  readonly end: number;
  readonly wall: number;
  readonly size: number;
}

function drawWalls(voxels: Uint8Array, [x, y, z]: readonly Range[]): void {
  for (let k = Math.max(0, z.start); k < Math.min(z.size, z.end); k++) {
    for (let j = Math.max(0, y.start); j < Math.min(y.size, y.end); j++) {
      const isWall = isInWall(z, k) || isInWall(y, j);
      for (let i = Math.max(0, x.start); i < Math.min(x.size, x.end); i++) {
        if (isWall || isInWall(x, i)) voxels[(k * y.size + j) * x.size + i] = PATCH_LABEL;
      }
    }
  }
}

function isInWall({ start, end, wall }: Range, index: number): boolean {
  return index < start + wall || index >= end - wall;
}

/** The case nearest to the median one in size, mm per axis z, y, x. */
export function nearestCase(cases: readonly CaseCheck[], medianMm: readonly number[]): CaseCheck | undefined {
  const distance = ({ shape, spacing }: CaseCheck) =>
    shape && spacing
      ? shape.reduce(
          (sum, size, axis) => sum + Math.abs(Math.log((size * spacing[axis]) / medianMm[axis])),
          0,
        )
      : Number.POSITIVE_INFINITY;
  const readable = cases.filter(({ shape, spacing }) => shape && spacing);
  return readable.reduce<CaseCheck | undefined>(
    (best, one) => (best === undefined || distance(one) < distance(best) ? one : best),
    undefined,
  );
}
