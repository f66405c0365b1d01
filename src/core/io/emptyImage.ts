// Images of zeros alone: nnU-Net takes them as any other, and so do we; they are hardly ever meant.
import type { MedicalImage } from './medicalImage';

/** What to say of one, and what to do. */
export const EMPTY_IMAGE = {
  what: 'Every voxel of the image is zero.',
  remedy: 'Check that the export from the scanner or the conversion kept the voxels.',
} as const;

/** True if no voxel of any channel differs from zero. */
export function isEmptyImage({ data }: Pick<MedicalImage, 'data'>): boolean {
  for (let i = 0; i < data.length; i++) if (data[i] !== 0) return false;
  return true;
}

/** The image's warnings, with a word on it where it is empty. */
export function imageWarnings(image: Pick<MedicalImage, 'data' | 'warnings'>): readonly string[] {
  return isEmptyImage(image)
    ? [...image.warnings, `${EMPTY_IMAGE.what} ${EMPTY_IMAGE.remedy}`]
    : image.warnings;
}
