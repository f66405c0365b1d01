import type { Spacing, Zyx } from '@/shared/geometry';
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

/** The header to give back: which format it came from, and that format's own fields. */
export interface ImageGeometry {
  readonly format: 'nifti';
  /** The first channel's header bytes (NIfTI-1: 348, NIfTI-2: 540), extensions left out. */
  readonly header: Uint8Array;
  /** Set if the reader changed the axes; the writer changes them back. */
  readonly reorientation?: Reorientation;
}
