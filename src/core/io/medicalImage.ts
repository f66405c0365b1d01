import type { Spacing, Xyz, Zyx } from '@/shared/geometry';
import type { Reorientation } from './orientation';

/** Channels of one case as nnU-Net's readers deliver them. */
export interface MedicalImage {
  /** `[c, z, y, x]`, f32, the file's axes reversed, scaled by slope and intercept. */
  readonly data: Float32Array;
  readonly channels: number;
  readonly shape: Zyx;
  /** mm, array order, reader order (not transposed). 2D files carry nnU-Net's substitute for z. */
  readonly spacing: Spacing;
  /** What the writer needs to give the result the input's own geometry. Opaque past the reader. */
  readonly geometry: ImageGeometry;
  /** What a person should know although the image can be used. */
  readonly warnings: readonly string[];
}

/** What a writer needs, by the format that the image came from. */
export type ImageGeometry = NiftiGeometry | GridGeometry | PictureGeometry | TiffStackGeometry;

/** Whether an image comes from a picture format: its first row is at the top, and it has no place in space. */
export function isPictureGeometry(geometry: ImageGeometry): geometry is PictureGeometry {
  return geometry.format === 'picture';
}

export interface NiftiGeometry {
  readonly format: 'nifti';
  /** The first channel's header bytes (NIfTI-1: 348, NIfTI-2: 540), extensions left out. */
  readonly header: Uint8Array;
  /** Set if the reader changed the axes; the writer changes them back. */
  readonly reorientation?: Reorientation;
}

/** Where an image of ITK's formats lies. World axes are ITK's: x to the Left, y to Posterior, z to Superior. */
export interface GridGeometry {
  readonly format: 'grid';
  /** Of the format in FORMATS in which results are written. */
  readonly kind: string;
  /** Two or three sizes, file order. */
  readonly size: readonly number[];
  /** mm, file order; 1 for a missing third axis. */
  readonly spacing: Xyz;
  /** Unit vector of each file axis. */
  readonly directions: readonly [Xyz, Xyz, Xyz];
  /** mm, centre of the first voxel. */
  readonly origin: Xyz;
  readonly reorientation?: Reorientation;
}

/** A picture has no geometry. */
export interface PictureGeometry {
  readonly format: 'picture';
  /** Of the format in FORMATS in which results are written. */
  readonly kind: string;
}

interface TiffStackGeometry {
  readonly format: 'tiff-stack';
  /** mm, array order, as the side-car file says. */
  readonly spacing: Spacing;
}
