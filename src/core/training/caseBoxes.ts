// Patches cut out of arrays of which boxes can be read, as those of `.b2nd` files: nothing is unpacked but the blocks that
// a patch lies in.

import type { NpyData } from '@/core/io/npy';
import type { ClassLocations } from '@/core/preprocessing/classLocations';
import { elementCount, type Zyx } from '@/shared/geometry';
import { addPreviousStage, emptyPatch, insideOf, type PatchSource, rowsInside } from './cropPatch';

/** Arrays of a case in its files. */
export interface BoxedArrays {
  readonly channels: number;
  readonly shape: Zyx;
  /** `[start, start + size)` of every channel, `[c, z, y, x]`; the box lies within the case. */
  readImage(start: Zyx, size: Zyx): Promise<Float32Array>;
  /** The same of the labels, `[z, y, x]`. */
  readSeg(start: Zyx, size: Zyx): Promise<NpyData>;
}

/** A case in its files. `previousStage`: `[z, y, x]`, kept in memory. */
export function boxedCase(
  arrays: BoxedArrays,
  { classLocations }: { readonly classLocations: readonly ClassLocations[] },
  previousStage: Uint8Array | undefined,
): PatchSource {
  const { channels, shape } = arrays;
  const kept = classLocations.reduce((bytes, { voxels }) => bytes + voxels.byteLength, 0);
  return {
    shape,
    classLocations,
    sizeInBytes: kept + (previousStage?.byteLength ?? 0),
    async cut(start, size) {
      const patch = emptyPatch(channels, previousStage ? 2 : 1, size);
      const inside = insideOf(shape, start, size);
      const boxStart = alongAxes((axis) => start[axis] + inside[axis][0]);
      const boxSize = alongAxes((axis) => inside[axis][1] - inside[axis][0]);
      const voxels = elementCount(boxSize);
      if (voxels === 0) return patch;
      const image = await arrays.readImage(boxStart, boxSize);
      const seg = await arrays.readSeg(boxStart, boxSize);
      const plane = elementCount(size);
      // The box is a case of its own, in which the patch begins at its start or before it.
      const startInBox = alongAxes((axis) => -inside[axis][0]);
      for (const { from, to, length } of rowsInside(boxSize, startInBox, size)) {
        for (let c = 0; c < channels; c++) {
          const at = c * voxels + from;
          patch.image.data.set(image.subarray(at, at + length), c * plane + to);
        }
        patch.labels.data.set(seg.subarray(from, from + length), to);
      }
      if (previousStage) addPreviousStage(patch, previousStage, shape, start);
      return patch;
    },
  };
}

function alongAxes(value: (axis: 0 | 1 | 2) => number): Zyx {
  return [value(0), value(1), value(2)];
}
