// Cases in volumes as nnU-Net's readers deliver them: one or several channel files to one `[c, z, y, x]` array.
import { StudioError } from '@/shared/errors';
import { elementCount, formatShape, formatXyz, type Spacing, type Zyx } from '@/shared/geometry';
import { allClose } from '@/shared/numeric';
import {
  allocate,
  assertChannelCount,
  FiniteCheck,
  type ImageReader,
  type ReadCaseOptions,
} from './imageReader';
import type { MedicalImage } from './medicalImage';
import { openVolumes } from './openVolumes';
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
import { placeDifferences } from './placeDifferences';
import type { SourceFile } from './sourceFile';
import type { VolumeFile } from './volumeFile';
import { writeVolumeLabels } from './volumeWriter';
import type { ValueSink } from './voxels';

/** How a reader of nnU-Net treats a file. */
export interface ReaderRule {
  readonly name: string;
  /** SimpleITK knows 2D images, 4D images (as channels) and units; nibabel's readers take 3D images as they are. */
  readonly library: 'SimpleITK' | 'nibabel';
  readonly reorientsToRas: boolean;
}

/** Spacing that nnU-Net gives the missing third axis of a 2D file, as a multiple of the largest other. */
const SPACING_FACTOR_2D = 999;

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
  { path, pixdim, millimetresPerUnit }: VolumeFile,
  rule: ReaderRule,
): readonly number[] {
  if (pixdim.some((size) => size === 0 || !Number.isFinite(size))) {
    throw new StudioError(
      'BadSpacing',
      `${path}: the voxel size in the header is ${pixdim.join(' × ')} mm.`,
      'Write the true voxel size into the header, or export the image again.',
    );
  }
  const unit = rule.library === 'SimpleITK' ? millimetresPerUnit : 1;
  return pixdim.map((size) => Math.abs(size) * unit);
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
function columnLengths(affine: Affine, isSinglePrecision: boolean): readonly number[] {
  const lengths = [0, 1, 2].map((j) => Math.hypot(affine[0][j], affine[1][j], affine[2][j]));
  return isSinglePrecision ? lengths.map(Math.fround) : lengths;
}

/** Shape, channels, spacing and change of axes by the rules of nnU-Net's reader. */
function layoutOf(file: VolumeFile, rule: ReaderRule): Layout {
  const { dim, path } = file;
  assertSupportedRank(dim, rule, path);
  const sizes = storedSpacing(file, rule);
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

  const affine = rule.library === 'SimpleITK' ? file.itkAffine : file.affine;
  const reorientation = reorientationToRas(directionsOrThrow(affine, path));
  if (isIdentity(reorientation)) return asInFile;
  const lengths = columnLengths(affine, file.isSinglePrecision);
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
  first: VolumeFile,
  firstLayout: Layout,
  other: VolumeFile,
  otherLayout: Layout,
): void {
  const remedy = 'Resample the channels to one grid, then try again.';
  const sizes = ({ shape, channels }: Layout) =>
    `${formatXyz(shape)}${channels > 1 ? ` with ${channels} channels` : ''}`;
  if (sizes(firstLayout) !== sizes(otherLayout)) {
    throw new StudioError(
      'GeometryMismatch',
      `${other.path} is ${sizes(otherLayout)} voxels (x × y × z) but ${first.path} is ${sizes(firstLayout)}.`,
      remedy,
    );
  }
  if (!allClose(otherLayout.spacing, firstLayout.spacing)) {
    throw new StudioError(
      'GeometryMismatch',
      `${other.path} has voxels of ${formatXyz(otherLayout.spacing)} mm (x × y × z) but ${first.path} of ${formatXyz(firstLayout.spacing)} mm.`,
      remedy,
    );
  }
}

function warningsOf(channels: readonly VolumeFile[], rule: ReaderRule): readonly string[] {
  const [first, ...others] = channels;
  return [
    ...channels.flatMap(({ warnings }) => warnings),
    ...others.flatMap((other) =>
      placeDifferences(first, other, [first.path, other.path], rule.name).map(
        (difference) => `${first.path} and ${other.path} differ in ${difference}.`,
      ),
    ),
    ...refusalsOf(channels, rule).map(
      (reason) => `${reason}. nnU-Net's ${rule.name} would not read it; it is read here all the same.`,
    ),
  ];
}

/** Why the library behind a reader of nnU-Net would not open files that are read here. */
function refusalsOf(files: readonly VolumeFile[], { library }: ReaderRule): readonly string[] {
  if (library !== 'SimpleITK') return [];
  return files.flatMap(({ path, itkRefusal }) => (itkRefusal ? [`${path}: ${itkRefusal}`] : []));
}

/** Where the values of a file go in `target`, `[c, z, y, x]`. */
function placeIn(
  target: Float32Array,
  { isInterleaved }: VolumeFile,
  { fileShape, reorientation, channels }: Layout,
): ValueSink {
  if (isInterleaved && channels > 1) {
    const size = target.length / channels;
    return (values, start) => {
      for (let i = 0, index = start; i < values.length; i++, index++) {
        target[(index % channels) * size + Math.floor(index / channels)] = values[i];
      }
    };
  }
  if (!reorientation) return (values, start) => target.set(values, start);
  const placement = filePlacement(fileShape, reorientation);
  return (values, start) => {
    eachRow(fileShape, placement, start, start + values.length, (index, count, at, step) => {
      for (let i = 0; i < count; i++) target[at + i * step] = values[index - start + i];
    });
  };
}

/** Reads one channel file into `target`, `[c, z, y, x]`. */
async function readChannelFile(file: VolumeFile, layout: Layout, target: Float32Array): Promise<void> {
  const finite = new FiniteCheck();
  const place = placeIn(target, file, layout);
  await file.read((values, start) => {
    finite.visit(values, start);
    place(values, start);
  });
  finite.assert(file.path, layout.fileShape);
}

/**
 * Reads one case as nnU-Net's reader of this rule would: its channel files in order, checked against each other, as
 * one array. Follows `SimpleITKIO`, `NibabelIO` and their reorienting variants, whatever the format of the files.
 */
async function readVolumes(
  files: readonly SourceFile[],
  rule: ReaderRule,
  options: ReadCaseOptions,
): Promise<MedicalImage> {
  const channelFiles = await openVolumes(files);
  if (channelFiles.length === 0)
    throw new StudioError('MissingFile', 'The case has no image files.', 'Add at least one.');
  const layouts = channelFiles.map((file) => layoutOf(file, rule));
  const [first, layout] = [channelFiles[0], layouts[0]];
  channelFiles.forEach((file, i) => {
    assertSameGrid(first, layout, file, layouts[i]);
  });
  const channels = layouts.reduce((sum, { channels: count }) => sum + count, 0);
  assertChannelCount(channels, options.channels, channelFiles);
  for (const file of channelFiles) await file.assertHoldsVoxels();

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
    geometry: { ...first.geometry, ...(layout.reorientation && { reorientation: layout.reorientation }) },
    warnings: warningsOf(channelFiles, rule),
  };
}

/** A reader by its rule. */
export function volumeReader(rule: ReaderRule, endings: readonly string[]): ImageReader {
  return {
    name: rule.name,
    endings,
    read: (files, options = {}) => readVolumes(files, rule, options),
    refusal: async (files) => refusalsOf(await openVolumes(files), rule)[0],
    write: writeVolumeLabels,
  };
}
