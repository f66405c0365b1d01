// What the formats of volumes have in common once their headers are read; the rules of nnU-Net's readers work on this.
import type { Spacing, Xyz, Zyx } from '@/shared/geometry';
import type { GridGeometry, NiftiGeometry } from './medicalImage';
import type { VoxelType } from './niftiLayout';
import type { Affine } from './orientation';
import type { ValueSink } from './voxels';

/** An image file, its header read and checked, its voxels not yet. Names in file order (x, y, z, volumes). */
export interface VolumeFile {
  readonly path: string;
  /** Sizes; the fourth is volumes or channels. */
  readonly dim: readonly number[];
  /** Voxel sizes as stored, of x, y and, if there is one, z. */
  readonly pixdim: readonly number[];
  /** 1 for mm or unknown. */
  readonly millimetresPerUnit: number;
  readonly voxelType: VoxelType;
  /** Whether the channels of a voxel lie side by side, so that the fourth axis is the fastest. */
  readonly isInterleaved: boolean;
  /** Where the image lies, as nibabel has it. */
  readonly affine: Affine;
  /** Where the image lies, as ITK has it; world axes as in `affine`. */
  readonly itkAffine: Affine;
  /** Why ITK would not open the file, if it would not; the place is a guess then. */
  readonly itkRefusal: string | undefined;
  /** Whether the header says how it lies. */
  readonly isOriented: boolean;
  /** Whether the header holds its affine in single precision. */
  readonly isSinglePrecision: boolean;
  /** What a person should know. */
  readonly warnings: readonly string[];
  readonly geometry: NiftiGeometry | GridGeometry;
  /** Refuses a file that cannot hold what its header promises, before memory is set aside. */
  assertHoldsVoxels(): Promise<void>;
  /** All values, scaled, in file order. */
  read(sink: ValueSink): Promise<void>;
}

/** What a case says about itself, for people. */
export interface ImageFacts {
  /** `undefined` for pictures. */
  readonly voxelType: VoxelType | undefined;
  readonly channels: number;
  /** Array order; 1 for a missing z. */
  readonly shape: Zyx;
  /** mm, array order, as stored; 1 for a missing z. */
  readonly spacing: Spacing;
  /** Where the file axes run to: `RAS`, `LPS`, …; `undefined` if the file does not say. */
  readonly orientation: string | undefined;
  readonly warnings: readonly string[];
}

/** Voxel to world, mm, R-A-S, from ITK's L-P-S terms. */
export function affineOfGrid({
  spacing,
  directions,
  origin,
}: Pick<GridGeometry, 'spacing' | 'directions' | 'origin'>): Affine {
  const row = (axis: 0 | 1 | 2) => {
    const sign = axis === 2 ? 1 : -1;
    const at = (column: 0 | 1 | 2) => sign * directions[column][axis] * spacing[column] + 0;
    return [at(0), at(1), at(2), sign * origin[axis] + 0] as const;
  };
  return [row(0), row(1), row(2)];
}

/** The axes of L-P-S themselves. */
export const IDENTITY_DIRECTIONS: readonly [Xyz, Xyz, Xyz] = [
  [1, 0, 0],
  [0, 1, 0],
  [0, 0, 1],
];
