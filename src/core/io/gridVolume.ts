// NRRD, MetaImage and GIPL files as volumes: their headers differ, what follows from them does not.
import { StudioError } from '@/shared/errors';
import { contentPieces, type Packing, unpackedPieces } from './gzip';
import type { GridGeometry } from './medicalImage';
import type { VoxelType } from './niftiLayout';
import type { SourceFile } from './sourceFile';
import { affineOfGrid, type VolumeFile } from './volumeFile';
import { assertHoldsVoxels, readVoxels, type StoredVoxels } from './voxels';
import { isGzip } from './zlib';

/** Where the voxels are and how they are packed. */
export type VoxelSource =
  | { readonly file: SourceFile; readonly packing: Packing | 'gzip by its magic' }
  | { readonly file: SourceFile; readonly packing: 'text' };

export interface GridHeader {
  readonly path: string;
  readonly geometry: GridGeometry;
  /** 1 without channels. */
  readonly channels: number;
  readonly isInterleaved: boolean;
  readonly voxelType: VoxelType;
  readonly isLittleEndian: boolean;
  /** Of the first voxel in the unpacked content. */
  readonly voxOffset: number;
  readonly isOriented: boolean;
}

/** `BadNrrd`, `BadMetaImage`, …: a header that cannot be used. */
export type BadHeader = (what: string, remedy?: string) => StudioError;

/** The error of a format's headers. */
export function badHeaderOf(name: string, path: string): BadHeader {
  return (what, remedy = 'Export or convert the image again.') =>
    new StudioError(name, `${path}: ${what}`, remedy);
}

/** Sizes as whole numbers above zero. */
export function checkedSizes(sizes: readonly number[], bad: BadHeader): readonly number[] {
  if (sizes.length === 0 || sizes.some((size) => !Number.isSafeInteger(size) || size < 1))
    throw bad(`the image has no voxels: its size is ${sizes.join(' × ')}.`);
  return sizes;
}

/** A volume from a header and the place of its voxels. */
export function gridVolume(header: GridHeader, source: VoxelSource): VolumeFile {
  const { path, geometry, channels, isInterleaved, voxelType, isLittleEndian, voxOffset } = header;
  const size = geometry.size;
  if (channels > 1 && size.length === 2) {
    throw new StudioError(
      'UnsupportedShape',
      `${path} is a 2D image with ${channels} values per pixel.`,
      'Save it as PNG, or each channel as a file of its own.',
    );
  }
  const fileDim = isInterleaved ? [channels, ...size] : channels > 1 ? [...size, channels] : size;
  const stored: StoredVoxels = { dim: fileDim, voxelType, isLittleEndian, voxOffset, slope: 1, intercept: 0 };
  const affine = affineOfGrid(geometry);
  return {
    path,
    dim: channels > 1 ? [...size, channels] : size,
    pixdim: geometry.spacing.slice(0, size.length),
    millimetresPerUnit: 1,
    voxelType,
    isInterleaved,
    affine,
    itkAffine: affine,
    itkRefusal: undefined,
    isOriented: header.isOriented,
    isSinglePrecision: false,
    warnings: [],
    geometry,
    assertHoldsVoxels: async () => {
      const { file, packing } = source;
      if (packing === 'text') assertHoldsText(file, stored);
      else {
        const isCompressed =
          packing === 'gzip by its magic' ? isGzip(await file.slice(0, 3)) : packing !== 'none';
        assertHoldsVoxels(file.path, stored, { contentBytes: file.sizeInBytes, isCompressed });
      }
    },
    read: async (sink) => {
      const { file, packing } = source;
      if (packing === 'text') sink(await textValues(file, stored), 0);
      else {
        const pieces = packing === 'gzip by its magic' ? contentPieces(file) : unpackedPieces(file, packing);
        await readVoxels(file.path, pieces, stored, sink);
      }
    },
  };
}

function truncatedText(path: string, stored: StoredVoxels, found: number): StudioError {
  return new StudioError(
    'TruncatedFile',
    `${path}: the header promises ${valueCount(stored)} numbers (${stored.dim.join(' × ')}), the file holds ${found}.`,
    'Copy or download the file again.',
  );
}

function valueCount({ dim }: StoredVoxels): number {
  return dim.reduce((product, size) => product * size, 1);
}

/** A number takes a digit and what parts it from the next. */
function assertHoldsText(file: SourceFile, stored: StoredVoxels): void {
  if (valueCount(stored) > (file.sizeInBytes + 1) / 2)
    throw truncatedText(file.path, stored, Math.floor((file.sizeInBytes + 1) / 2));
}

async function textValues(file: SourceFile, stored: StoredVoxels): Promise<Float32Array> {
  const words = new TextDecoder('latin1').decode(await file.bytes()).match(/[^\s,]+/g) ?? [];
  const count = valueCount(stored);
  if (words.length < count) throw truncatedText(file.path, stored, words.length);
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    values[i] = Number(words[i]);
    if (Number.isNaN(values[i]) && !/^nan$/i.test(words[i])) {
      throw new StudioError(
        'CorruptFile',
        `${file.path}: ${JSON.stringify(words[i].slice(0, 20))} among the voxels is no number.`,
        'Copy or download the file again.',
      );
    }
  }
  return values;
}

/** The file of this name beside the header's: names in headers may carry folders of another machine. */
export function detachedFile(header: SourceFile, name: string, others: readonly SourceFile[]): SourceFile {
  const baseName = (path: string) => path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
  const found = others.find(({ path }) => baseName(path) === baseName(name));
  if (found) return found;
  throw new StudioError(
    'MissingFile',
    `${header.path}: its voxels are in ${baseName(name)}, which is missing.`,
    'Add both files.',
  );
}
