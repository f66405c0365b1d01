// Cases in NIfTI files as nnU-Net's readers deliver them: one or several channel files to one `[c, z, y, x]` array.
import { StudioError } from '@/shared/errors';
import { elementCount, formatShape, type Spacing, type Zyx } from '@/shared/geometry';
import { allClose, formatBytes } from '@/shared/numeric';
import { contentStart } from './gzip';
import { isGzip } from './inflate';
import type { MedicalImage } from './medicalImage';
import {
  bestAffine,
  hasOrientation,
  headerOrientation,
  type NiftiHeader,
  parseNiftiHeader,
} from './niftiHeader';
import { MAX_HEADER_BYTES, type VoxelType } from './niftiLayout';
import { assertHoldsVoxels, readVoxels, storedBytes, type ValueSink } from './niftiVoxels';
import {
  type Affine,
  type AxisDirections,
  axisDirections,
  eachRow,
  filePlacement,
  isIdentity,
  type Reorientation,
  reorientationToRas,
  reorientedShape,
} from './orientation';
import { fileName, type SourceFile } from './sourceFile';

/** How a reader of nnU-Net treats a file. */
interface ReaderRule {
  readonly name: string;
  /** SimpleITK knows 2D images, 4D images (as channels) and units; nibabel's readers take 3D images as they are. */
  readonly library: 'SimpleITK' | 'nibabel';
  readonly reorientsToRas: boolean;
}

/** nnU-Net's readers of NIfTI files, by the names that plans give. */
const READERS: readonly ReaderRule[] = [
  { name: 'SimpleITKIO', library: 'SimpleITK', reorientsToRas: false },
  { name: 'SimpleITKIOWithReorient', library: 'SimpleITK', reorientsToRas: true },
  { name: 'NibabelIO', library: 'nibabel', reorientsToRas: false },
  { name: 'NibabelIOWithReorient', library: 'nibabel', reorientsToRas: true },
];

/** Spacing that nnU-Net gives the missing third axis of a 2D file, as a multiple of the largest other. */
const SPACING_FACTOR_2D = 999;

/** A channel file: where its header is, where its voxels are (the same file unless it is a pair), and what it says. */
interface ChannelFile {
  readonly path: string;
  readonly voxels: SourceFile;
  readonly header: NiftiHeader;
}

const IMG_ENDING = /\.img(\.gz)?$/i;
const HDR_ENDING = /\.hdr(\.gz)?$/i;

function withoutPairEnding(path: string): string {
  return path.replace(HDR_ENDING, '').replace(IMG_ENDING, '');
}

async function readHeader(file: SourceFile): Promise<NiftiHeader> {
  return parseNiftiHeader(await contentStart(file, MAX_HEADER_BYTES), file.path);
}

/** Opens the channel files of a case, each `.hdr` with its `.img`. */
async function openChannels(files: readonly SourceFile[]): Promise<readonly ChannelFile[]> {
  const images = new Map(
    files.filter(({ path }) => IMG_ENDING.test(path)).map((file) => [withoutPairEnding(file.path), file]),
  );
  const headerFiles = files.filter(({ path }) => !IMG_ENDING.test(path));
  const orphan = [...images].find(
    ([stem]) => !headerFiles.some(({ path }) => withoutPairEnding(path) === stem),
  );
  if (orphan) throw missingPartner(orphan[1].path, '.hdr');
  const channels: ChannelFile[] = [];
  for (const file of headerFiles) {
    const header = await readHeader(file);
    const voxels = header.isSingleFile ? file : images.get(withoutPairEnding(file.path));
    if (!voxels) throw missingPartner(file.path, '.img');
    channels.push({ path: file.path, voxels, header });
  }
  return channels;
}

function missingPartner(path: string, ending: string): StudioError {
  return new StudioError(
    'MissingFile',
    `${path}: the ${ending} file that belongs to it is missing.`,
    'Add both files of the pair.',
  );
}

/** What a reader makes of a header. */
interface Layout {
  readonly channels: number;
  /** Shape of the file's array. */
  readonly fileShape: Zyx;
  /** After reorientation. */
  readonly shape: Zyx;
  /** mm, after reorientation. */
  readonly spacing: Spacing;
  readonly reorientation: Reorientation | undefined;
}

/** Sizes without the trailing axes of size 1 that some scanners add: x, y, z and what follows. */
function meaningfulDim({ dim }: NiftiHeader): readonly number[] {
  let rank = dim.length;
  while (rank > 3 && dim[rank - 1] === 1) rank--;
  return dim.slice(0, rank);
}

function assertSupportedRank(dim: readonly number[], rule: ReaderRule, path: string): void {
  const size = formatShape(dim);
  if (dim.length === 1 || dim.length > 4) {
    throw new StudioError(
      'UnsupportedShape',
      `${path} has ${dim.length} dimensions (${size}).`,
      'Give each channel its own 3D file, named case_0000, case_0001, ….',
    );
  }
  const is3dOnly = rule.library === 'nibabel' || rule.reorientsToRas;
  if (is3dOnly && dim.length !== 3) {
    throw new StudioError(
      'UnsupportedShape',
      `${path} is a ${dim.length}D image (${size}); nnU-Net's ${rule.name} reads 3D images only.`,
      dim.length === 4
        ? 'Give each channel its own 3D file, named case_0000, case_0001, ….'
        : 'Store it as a 3D image.',
    );
  }
}

/** Voxel size in mm, file order, as stored; refuses what is no size. */
function storedSpacing(
  { pixdim, millimetresPerUnit }: NiftiHeader,
  rule: ReaderRule,
  path: string,
): readonly number[] {
  const spatial = pixdim.slice(0, 3);
  if (spatial.some((size) => size === 0 || !Number.isFinite(size))) {
    throw new StudioError(
      'BadSpacing',
      `${path}: the voxel size in the header is ${spatial.join(' × ')} mm.`,
      'Write the true voxel size into the header, or export the image again.',
    );
  }
  const unit = rule.library === 'SimpleITK' ? millimetresPerUnit : 1;
  return spatial.map((size) => Math.abs(size) * unit);
}

/** Affine by which SimpleITK orients an image: qform first, and x to the left, y to the back if there is neither. */
function simpleItkAffine(header: NiftiHeader): Affine {
  if (header.qformCode > 0) return header.qform;
  if (header.sformCode > 0) return header.sform;
  return [
    [-1, 0, 0, 0],
    [0, -1, 0, 0],
    [0, 0, 1, 0],
  ];
}

function directionsOrThrow(affine: Affine, path: string): AxisDirections {
  const directions = axisDirections(affine);
  if (directions) return directions;
  throw new StudioError(
    'BadOrientation',
    `${path}: the orientation in the header is degenerate, so the image cannot be turned to R-A-S.`,
    'Write a valid sform or qform into the header, or export the image again.',
  );
}

/** Spacing after nibabel has turned an image: lengths of the affine's columns, in the header's precision. */
function columnLengths(affine: Affine, version: 1 | 2): readonly number[] {
  const lengths = [0, 1, 2].map((j) => Math.hypot(affine[0][j], affine[1][j], affine[2][j]));
  return version === 1 ? lengths.map(Math.fround) : lengths;
}

/** Shape, channels, spacing and change of axes by the rules of nnU-Net's reader. */
function layoutOf({ header, path }: Pick<ChannelFile, 'header' | 'path'>, rule: ReaderRule): Layout {
  const dim = meaningfulDim(header);
  assertSupportedRank(dim, rule, path);
  const sizes = storedSpacing(header, rule, path);
  const fileShape: Zyx = [dim[2] ?? 1, dim[1], dim[0]];
  const thirdSpacing = dim.length === 2 ? SPACING_FACTOR_2D * Math.max(...sizes) : sizes[2];
  const fileSpacing: Spacing = [thirdSpacing, sizes[1], sizes[0]];
  const asInFile = {
    channels: dim[3] ?? 1,
    fileShape,
    shape: fileShape,
    spacing: fileSpacing,
    reorientation: undefined,
  };
  if (!rule.reorientsToRas) return asInFile;

  const affine = rule.library === 'SimpleITK' ? simpleItkAffine(header) : bestAffine(header);
  const reorientation = reorientationToRas(directionsOrThrow(affine, path));
  if (isIdentity(reorientation)) return asInFile;
  const lengths = columnLengths(affine, header.version);
  const turned = rule.library === 'nibabel' ? [lengths[2], lengths[1], lengths[0]] : fileSpacing;
  const [z, y, x] = reorientation.fileAxes;
  return {
    channels: 1,
    fileShape,
    shape: reorientedShape(fileShape, reorientation),
    spacing: [turned[z], turned[y], turned[x]],
    reorientation,
  };
}

/** Channels must share shape and spacing; a different position or direction is only worth a warning, as in nnU-Net. */
function assertSameGrid(
  first: ChannelFile,
  firstLayout: Layout,
  other: ChannelFile,
  otherLayout: Layout,
): void {
  const remedy = 'Resample the channels to one grid, then try again.';
  const sizes = ({ shape, channels }: Layout) =>
    `${formatShape(shape)}${channels > 1 ? ` with ${channels} channels` : ''}`;
  if (sizes(firstLayout) !== sizes(otherLayout)) {
    throw new StudioError(
      'GeometryMismatch',
      `${other.path} is ${sizes(otherLayout)} voxels (z × y × x) but ${first.path} is ${sizes(firstLayout)}.`,
      remedy,
    );
  }
  if (!allClose(otherLayout.spacing, firstLayout.spacing)) {
    throw new StudioError(
      'GeometryMismatch',
      `${other.path} has voxels of ${formatShape(otherLayout.spacing)} mm (z × y × x) but ${first.path} of ${formatShape(firstLayout.spacing)} mm.`,
      remedy,
    );
  }
}

function warningsOf(channels: readonly ChannelFile[], rule: ReaderRule): readonly string[] {
  const [first, ...others] = channels;
  const affine = bestAffine(first.header).flat();
  const moved = others.filter(({ header }) => !allClose(bestAffine(header).flat(), affine));
  const unscaled = channels.filter(
    ({ header }) =>
      rule.library === 'SimpleITK' &&
      !hasOrientation(header) &&
      (header.slope !== 1 || header.intercept !== 0),
  );
  return [
    ...moved.map(
      ({ path }) => `${path} and ${first.path} do not lie in the same place: position or direction differ.`,
    ),
    ...unscaled.map(
      ({ path }) =>
        `${path} has no orientation; its slope and intercept are applied, nnU-Net's SimpleITK would not.`,
    ),
  ];
}

/** Throws if `values` hold anything that is no number; keeps count over blocks. */
class FiniteCheck {
  private count = 0;
  private first = 0;

  visit(values: Float32Array, start: number): void {
    for (let i = 0; i < values.length; i++) {
      if (values[i] - values[i] === 0) continue;
      if (this.count === 0) this.first = start + i;
      this.count++;
    }
  }

  assert(path: string, [, height, width]: Zyx): void {
    if (this.count === 0) return;
    const x = this.first % width;
    const y = Math.floor(this.first / width) % height;
    const z = Math.floor(this.first / (width * height));
    throw new StudioError(
      'NotFinite',
      `${path}: ${this.count} voxel${this.count === 1 ? ' is' : 's are'} NaN or infinite, the first at x ${x}, y ${y}, z ${z}.`,
      'Replace them by numbers (0 for background), then try again.',
    );
  }
}

/** Reads one channel file into `target`, `[c, z, y, x]`. */
async function readChannelFile(
  { path, voxels, header }: ChannelFile,
  layout: Layout,
  target: Float32Array,
): Promise<void> {
  const { fileShape, reorientation } = layout;
  const finite = new FiniteCheck();
  const placement = reorientation && filePlacement(fileShape, reorientation);
  const place: ValueSink = placement
    ? (values, start) => {
        eachRow(fileShape, placement, start, start + values.length, (index, count, at, step) => {
          for (let i = 0; i < count; i++) target[at + i * step] = values[index - start + i];
        });
      }
    : (values, start) => target.set(values, start);
  await readVoxels(voxels, header, (values, start) => {
    finite.visit(values, start);
    place(values, start);
  });
  finite.assert(path, fileShape);
}

function allocate(count: number, path: string): Float32Array<ArrayBuffer> {
  try {
    return new Float32Array(count);
  } catch (error) {
    throw new StudioError(
      'OutOfMemory',
      `${path} needs ${formatBytes(4 * count)} of memory as an image.`,
      'Crop or resample it.',
      {
        cause: error,
      },
    );
  }
}

function ruleOf(reader: string): ReaderRule {
  const rule = READERS.find(({ name }) => name === reader);
  if (rule) return rule;
  throw new StudioError(
    'UnsupportedReader',
    `nnU-Net's reader ${reader} does not read NIfTI images; ${READERS.map(({ name }) => name).join(', ')} do.`,
    'Use images in the format that the model was trained on.',
  );
}

export interface ReadCaseOptions {
  /** How many channels the model takes; another number is an error. */
  readonly channels?: number;
}

function assertChannelCount(
  found: number,
  expected: number | undefined,
  files: readonly ChannelFile[],
): void {
  if (expected === undefined || found === expected) return;
  const names = files.map(({ path }) => path).join(', ');
  throw new StudioError(
    'ChannelCount',
    `${names}: the case has ${found} channel${found === 1 ? '' : 's'}, the model takes ${expected}.`,
    expected > 1
      ? `Name the files of a case case_0000, …, ${`case_${String(expected - 1).padStart(4, '0')}`}.`
      : 'Give it one file per case.',
  );
}

/**
 * Reads one case as nnU-Net's `reader` would: its channel files in order (`.hdr` and `.img` both listed), checked
 * against each other, as one array. Follows `SimpleITKIO`, `NibabelIO` and their reorienting variants.
 */
export async function readCase(
  files: readonly SourceFile[],
  reader: string,
  options: ReadCaseOptions = {},
): Promise<MedicalImage> {
  const rule = ruleOf(reader);
  const channelFiles = await openChannels(files);
  if (channelFiles.length === 0)
    throw new StudioError('MissingFile', 'The case has no image files.', 'Add at least one.');
  const layouts = channelFiles.map((file) => layoutOf(file, rule));
  const [first, layout] = [channelFiles[0], layouts[0]];
  channelFiles.forEach((file, i) => {
    assertSameGrid(first, layout, file, layouts[i]);
  });
  const channels = layouts.reduce((sum, { channels: count }) => sum + count, 0);
  assertChannelCount(channels, options.channels, channelFiles);
  for (const { voxels, header } of channelFiles) await assertHoldsVoxels(voxels, header);

  const fileSize = layout.channels * elementCount(layout.shape);
  const data = allocate(channels * elementCount(layout.shape), first.path);
  for (const [i, file] of channelFiles.entries()) {
    await readChannelFile(file, layouts[i], data.subarray(i * fileSize, (i + 1) * fileSize));
  }
  return {
    data,
    channels,
    shape: layout.shape,
    spacing: layout.spacing,
    geometry: {
      format: 'nifti',
      header: first.header.bytes,
      ...(layout.reorientation && { reorientation: layout.reorientation }),
    },
    warnings: warningsOf(channelFiles, rule),
  };
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

/** True for the names that NIfTI files have. */
export function hasNiftiName(file: Pick<SourceFile, 'path'>): boolean {
  return /\.(nii|hdr|img)(\.gz)?$/i.test(fileName(file));
}
