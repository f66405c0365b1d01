// NIfTI files, single or in pairs, opened as volumes. Ours, as nifti-reader-js (0.8.0) takes a whole file unpacked in memory,
// where a volume here reads its header alone and its voxels in pieces; and it writes none.

import { StudioError } from '@/shared/errors';
import { elementCount, type Spacing, type Zyx } from '@/shared/geometry';
import { contentPieces, contentStart } from './gzip';
import type { VolumeFormat } from './imageFormat';
import { itkPlaceOf } from './itkGeometry';
import {
  bestAffine,
  hasOrientation,
  headerKind,
  headerOrientation,
  type NiftiHeader,
  parseNiftiHeader,
} from './niftiHeader';
import { MAX_HEADER_BYTES, type VoxelType } from './niftiLayout';
import { writeSegmentation } from './niftiWriter';
import type { Affine } from './orientation';
import type { SourceFile } from './sourceFile';
import { affineOfGrid, type VolumeFile } from './volumeFile';
import { assertHoldsVoxels, readVoxels, storedBytes } from './voxels';
import { isGzip } from './zlib';

const IMG_ENDING = /\.img(\.gz)?$/i;
const HDR_ENDING = /\.hdr(\.gz)?$/i;

function withoutPairEnding(path: string): string {
  return path.replace(HDR_ENDING, '').replace(IMG_ENDING, '');
}

async function readHeader(file: SourceFile): Promise<NiftiHeader> {
  return parseNiftiHeader(await contentStart(file, MAX_HEADER_BYTES), file.path);
}

/** Opens a single file, or a `.hdr`, whose `.img` is looked for among `others`. */
async function openNifti(file: SourceFile, others: readonly SourceFile[] = []): Promise<VolumeFile> {
  const header = await readHeader(file);
  const voxels = header.isSingleFile
    ? file
    : others.find(
        ({ path }) => IMG_ENDING.test(path) && withoutPairEnding(path) === withoutPairEnding(file.path),
      );
  if (!voxels) throw missingPartner(file.path, '.img');
  const { pixdim, millimetresPerUnit, voxelType } = header;
  const itk = itkPlaceOf(header);
  return {
    path: file.path,
    dim: meaningfulDim(header),
    pixdim: pixdim.slice(0, 3),
    millimetresPerUnit,
    voxelType,
    isInterleaved: false,
    affine: bestAffine(header),
    itkAffine: affineOfGrid(itk.grid),
    itkRefusal: itk.refusal,
    isOriented: hasOrientation(header),
    isSinglePrecision: header.version === 1,
    warnings: [],
    geometry: { format: 'nifti', header: header.bytes },
    assertHoldsVoxels: async () =>
      assertHoldsVoxels(voxels.path, header, {
        contentBytes: voxels.sizeInBytes,
        isCompressed: isGzip(await voxels.slice(0, 3)),
      }),
    read: (sink) => readVoxels(voxels.path, contentPieces(voxels), header, sink),
  };
}

/** True for the second file of a pair. */
export function isImgFile({ path }: Pick<SourceFile, 'path'>): boolean {
  return IMG_ENDING.test(path);
}

/** Refuses an `.img` without its `.hdr`. */
export function assertNoOrphanImg(files: readonly SourceFile[]): void {
  const stems = new Set(files.filter((file) => !isImgFile(file)).map(({ path }) => withoutPairEnding(path)));
  const orphan = files.find((file) => isImgFile(file) && !stems.has(withoutPairEnding(file.path)));
  if (orphan) throw missingPartner(orphan.path, '.hdr');
}

function missingPartner(path: string, ending: string): StudioError {
  return new StudioError(
    'MissingFile',
    `${path}: the ${ending} file that belongs to it is missing.`,
    'Add both files of the pair.',
  );
}

/** Sizes without the trailing axes of size 1 that some scanners add: x, y, z and what follows. */
function meaningfulDim({ dim }: NiftiHeader): readonly number[] {
  let rank = dim.length;
  while (rank > 3 && dim[rank - 1] === 1) rank--;
  return dim.slice(0, rank);
}

/** What a NIfTI file says about itself. */
export interface NiftiFacts {
  readonly path: string;
  readonly version: 1 | 2;
  readonly isSingleFile: boolean;
  readonly isGzipped: boolean;
  readonly isLittleEndian: boolean;
  readonly voxelType: VoxelType;
  /** Sizes in file order, trailing 1s beyond the third left out. */
  readonly dim: readonly number[];
  /** Array order; 1 for a missing z. */
  readonly shape: Zyx;
  /** What lies beyond x, y and z: volumes, channels. */
  readonly volumes: number;
  /** mm, array order, as stored (NaN and 0 too); 1 for a missing z. */
  readonly spacing: Spacing;
  /** Where the file axes run to: `RAS`, `LPS`, …; `undefined` if the file does not say. */
  readonly orientation: string | undefined;
  readonly affine: Affine;
  readonly qformCode: number;
  readonly sformCode: number;
  readonly slope: number;
  readonly intercept: number;
  readonly description: string;
  readonly fileBytes: number;
  /** Voxels as stored, without compression. */
  readonly storedBytes: number;
}

/** Reads the header of a `.nii`, `.nii.gz` or `.hdr` file, and no voxels. */
export async function readNiftiHeader(file: SourceFile): Promise<NiftiFacts> {
  const header = await readHeader(file);
  const dim = meaningfulDim(header);
  const size = (axis: number) => Math.abs(header.pixdim[axis] ?? 1) * header.millimetresPerUnit;
  const {
    version,
    isSingleFile,
    isLittleEndian,
    voxelType,
    qformCode,
    sformCode,
    slope,
    intercept,
    description,
  } = header;
  return {
    path: file.path,
    version,
    isSingleFile,
    isGzipped: isGzip(await file.slice(0, 3)),
    isLittleEndian,
    voxelType,
    dim,
    shape: [dim[2] ?? 1, dim[1] ?? 1, dim[0]],
    volumes: elementCount(dim.slice(3)),
    spacing: [size(2), size(1), size(0)],
    orientation: headerOrientation(header),
    affine: bestAffine(header),
    qformCode,
    sformCode,
    slope,
    intercept,
    description,
    fileBytes: file.sizeInBytes,
    storedBytes: storedBytes(header),
  };
}

/** What both kinds of NIfTI files share. */
const NIFTI = {
  family: 'volume',
  label: 'NIfTI',
  isGzippable: true,
  saysOrientation: true,
  open: openNifti,
} as const;

/** NIfTI in one file. */
export const niftiFormat = {
  ...NIFTI,
  kind: 'nifti',
  endings: ['.nii.gz', '.nii'],
  nnunet: { SimpleITKIO: ['.nii.gz'], NibabelIO: ['.nii', '.nii.gz'] },
  isStart: (start) => headerKind(start) === 'nifti',
  resultEndings: ['.nii.gz', '.nii'],
  write: (labels, { shape, geometry, ending }) =>
    writeSegmentation(labels, shape, geometry, { gzipped: ending !== '.nii' }),
} as const satisfies VolumeFormat;

/** NIfTI in two files: results are written as one. */
export const niftiPairFormat = {
  ...NIFTI,
  kind: 'nifti-header',
  endings: ['.hdr.gz', '.hdr'],
  voxelEndings: { '.hdr': ['.img'], '.hdr.gz': ['.img'] },
  isStart: (start) => headerKind(start) === 'nifti-pair',
  resultEndings: [],
} as const satisfies VolumeFormat;
