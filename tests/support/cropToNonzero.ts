// nnU-Net's `crop_to_nonzero` in one step, out of the parts that preprocessing uses one after the other.
import { markOutside, nonzeroBox, nonzeroMask } from '@/core/preprocessing/cropToNonzero';
import { cropVolume } from '@/core/preprocessing/volumes';
import { type BoundingBox, boxShape, elementCount, type Zyx } from '@/shared/geometry';

interface CroppedCase {
  /** `[c, z, y, x]` */
  readonly data: Float32Array;
  /** `[z, y, x]`, −1 outside the mask. */
  readonly seg: Int16Array;
  readonly shape: Zyx;
  readonly box: BoundingBox;
}

/** Crops channels and label map to the non-zero box. `data`: `[c, z, y, x]`; `seg`: `[z, y, x]`. */
export function cropToNonzero(
  data: Float32Array,
  channels: number,
  shape: Zyx,
  seg?: Int16Array,
): CroppedCase {
  const box = nonzeroBox(data, channels, shape);
  const mask = cropVolume(nonzeroMask(data, channels, shape), shape, box);
  const size = elementCount(shape);
  const croppedSize = mask.length;
  const cropped = new Float32Array(channels * croppedSize);
  for (let c = 0; c < channels; c++) {
    cropped.set(cropVolume(data.subarray(c * size, (c + 1) * size), shape, box), c * croppedSize);
  }
  return {
    data: cropped,
    seg: markOutside(seg && cropVolume(seg, shape, box), mask),
    shape: boxShape(box),
    box,
  };
}
