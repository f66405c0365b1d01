// DICOM series as volumes: frames told apart by series and place, sorted along their normal, laid out as dcm2niix does
// (rows from the back, slices up the normal), so that what comes out can be saved as NIfTI in the same space.

import { messageOf, StudioError } from '@/shared/errors';
import type { Xyz } from '@/shared/geometry';
import { type DicomFrame, parseDicom, readFrames } from './dicomFrames';
import { readFrame } from './dicomPixels';
import { hasBytes, type SeriesFormat } from './imageFormat';
import { newGeometry } from './niftiWriter';
import type { Affine } from './orientation';
import { fileName, type SourceFile } from './sourceFile';
import { affineOfGrid, IDENTITY_DIRECTIONS, type VolumeFile } from './volumeFile';

/** How much slice distances may differ, as a share of their mean, before slices count as missing; and before we warn. */
const MAX_UNEVENNESS = 0.1;
const NOTED_UNEVENNESS = 0.01;
/** Slices shifted against their normal by more than this share of their distance: a tilted gantry. */
const NOTED_TILT = 0.005;
/** Frames closer than this, mm, lie at the same place. */
const SAME_PLACE = 1e-3;

/** Files that make up one image. */
interface DicomSeries {
  /** Of what the series is called, or its modality; unique among those found together. */
  readonly name: string;
  readonly files: readonly SourceFile[];
}

export interface FoundSeries {
  readonly series: readonly DicomSeries[];
  readonly ignored: readonly { readonly path: string; readonly reason: string }[];
}

const dot = (a: Xyz, b: Xyz) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const minus = (a: Xyz, b: Xyz): Xyz => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
const times = (a: Xyz, factor: number): Xyz => [a[0] * factor, a[1] * factor, a[2] * factor];
const cross = (a: Xyz, b: Xyz): Xyz => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];

function normalOf({ directions }: DicomFrame): Xyz {
  return directions ? cross(...directions) : [0, 0, 1];
}

/** Where a frame lies along its normal; by its number in the series if it does not say. */
function depthOf(frame: DicomFrame): number {
  return frame.position ? dot(frame.position, normalOf(frame)) : frame.instanceNumber + frame.index;
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): readonly (readonly T[])[] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return [...groups.values()];
}

/** What all slices of an image share: series, size, direction and pixel size. */
function seriesKey({ seriesId, pixels, directions, pixelSpacing }: DicomFrame): string {
  const rounded = (values: readonly number[]) => values.map((value) => value.toFixed(3)).join();
  return [
    seriesId,
    pixels.rows,
    pixels.columns,
    rounded(directions?.flat() ?? []),
    rounded(pixelSpacing),
  ].join('|');
}

function hasOwnPlaces(frames: readonly DicomFrame[]): boolean {
  const depths = frames.map(depthOf).sort((a, b) => a - b);
  return depths.every((depth, i) => i === 0 || depth - depths[i - 1] > SAME_PLACE);
}

/** Volumes at the same place (echoes, phases, b-values) by the first mark that parts them, else by their order. */
function splitVolumes(frames: readonly DicomFrame[]): readonly (readonly DicomFrame[])[] {
  if (hasOwnPlaces(frames)) return [frames];
  for (const [i] of frames[0].volumeMarks.entries()) {
    const volumes = groupBy(frames, ({ volumeMarks }) => volumeMarks[i]);
    if (volumes.length > 1 && volumes.every(hasOwnPlaces)) return volumes;
  }
  const places = groupBy(frames.toSorted(byNumber), (frame) =>
    Math.round(depthOf(frame) / SAME_PLACE).toString(),
  );
  const count = Math.max(...places.map(({ length }) => length));
  return Array.from({ length: count }, (_, i) => places.flatMap((place) => place.slice(i, i + 1)));
}

function byNumber(a: DicomFrame, b: DicomFrame): number {
  return a.instanceNumber - b.instanceNumber || a.index - b.index;
}

function sorted(frames: readonly DicomFrame[]): readonly DicomFrame[] {
  return frames.toSorted((a, b) => depthOf(a) - depthOf(b) || byNumber(a, b));
}

/** Images among frames: each one a list of volumes, slices sorted. Volumes of one file stay together. */
function imagesOf(frames: readonly DicomFrame[]): readonly (readonly (readonly DicomFrame[])[])[] {
  return groupBy(frames, seriesKey).flatMap((group) => {
    const volumes = splitVolumes(group).map(sorted);
    const isOneFile = new Set(group.map(({ file }) => file)).size === 1;
    return isOneFile ? [volumes] : volumes.map((volume) => [volume]);
  });
}

function readableName({ seriesDescription, modality, seriesNumber }: DicomFrame): string {
  const plain = (text: string) => text.replaceAll(/[^\p{L}\p{N}]+/gu, '-').replaceAll(/^-|-$/g, '');
  return (
    plain(seriesDescription) || [plain(modality), plain(seriesNumber)].filter(Boolean).join('-') || 'series'
  );
}

/** Names, made different by the number of the series where needed, and by counting where that does not help. */
function uniqueNames(firsts: readonly DicomFrame[]): readonly string[] {
  const names = firsts.map(readableName);
  const isShared = (name: string, among: readonly string[]) =>
    among.filter((other) => other === name).length > 1;
  const numbered = firsts.map(({ seriesNumber }, i) =>
    isShared(names[i], names) && seriesNumber ? `${names[i]}-${seriesNumber}` : names[i],
  );
  const seen = new Map<string, number>();
  return numbered.map((name) => {
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return isShared(name, numbered)
      ? `${name}-${String.fromCharCode(96 + Math.min(count, 26))}${count > 26 ? count : ''}`
      : name;
  });
}

/** Tells the series in a heap of DICOM files apart. Files without pictures are listed with the reason. */
export async function findDicomSeries(files: readonly SourceFile[]): Promise<FoundSeries> {
  const frames: DicomFrame[] = [];
  const ignored: { path: string; reason: string }[] = [];
  for (const file of files) {
    try {
      frames.push(...(await readFrames(file)));
    } catch (error) {
      ignored.push({ path: file.path, reason: messageOf(error) });
    }
  }
  const images = imagesOf(frames);
  const names = uniqueNames(images.map(([[first]]) => first));
  const series = images.map((volumes, i) => ({
    name: names[i],
    files: [...new Set(volumes.flat().map(({ file }) => file))],
  }));
  return { series: series.toSorted((a, b) => (a.name < b.name ? -1 : 1)), ignored };
}

interface SlicePlacement {
  /** From one slice to the next, mm. */
  readonly step: Xyz;
  readonly warnings: readonly string[];
}

/** Step between slices; refuses series with gaps, whose voxels could not be placed. */
function placeSlices(slices: readonly DicomFrame[], name: string): SlicePlacement {
  const [first] = slices;
  const last = slices[slices.length - 1];
  const normal = normalOf(first);
  if (slices.length === 1 || !first.position || !last.position) {
    const warnings = first.position
      ? []
      : [`${name} does not say where its slices lie; they are stacked by number.`];
    return { step: times(normal, first.sliceSpacing), warnings };
  }
  const step = times(minus(last.position, first.position), 1 / (slices.length - 1));
  const along = dot(step, normal);
  const distances = slices.slice(1).map((slice, i) => depthOf(slice) - depthOf(slices[i]));
  const unevenness = Math.max(...distances.map((distance) => Math.abs(distance - along))) / along;
  if (unevenness > MAX_UNEVENNESS) {
    const smallest = Math.min(...distances);
    const largest = Math.max(...distances);
    const gap = slices[distances.indexOf(largest)];
    throw new StudioError(
      'IrregularSlices',
      `${name}: the slices are ${smallest.toFixed(2)} to ${largest.toFixed(2)} mm apart, the widest gap lies behind ${fileName(gap.file)}.`,
      'Slices seem to be missing; export the whole series, or resample it to even distances.',
    );
  }
  const tilt = Math.hypot(...minus(step, times(normal, along))) / along;
  return {
    step,
    warnings: [
      ...(unevenness > NOTED_UNEVENNESS
        ? [`${name}: the slices are not quite evenly spaced (by ${(100 * unevenness).toFixed(1)} %).`]
        : []),
      ...(tilt > NOTED_TILT
        ? [`${name}: the slices are tilted against their axis; voxels are not right-angled.`]
        : []),
    ],
  };
}

/** Affine, R-A-S, of an array whose rows run from the last to the first. */
function affineOf(first: DicomFrame, step: Xyz): Affine {
  const [along, down] = first.directions ?? [IDENTITY_DIRECTIONS[0], IDENTITY_DIRECTIONS[1]];
  const [columnSpacing, rowSpacing] = first.pixelSpacing;
  const position = first.position ?? [0, 0, 0];
  const toLastRow = times(down, rowSpacing * (first.pixels.rows - 1));
  const origin: Xyz = [position[0] + toLastRow[0], position[1] + toLastRow[1], position[2] + toLastRow[2]];
  return affineOfGrid({
    spacing: [1, 1, 1],
    directions: [times(along, columnSpacing), times(down, -rowSpacing), step],
    origin,
  });
}

function flipRows(values: Float32Array, columns: number): Float32Array {
  const flipped = new Float32Array(values.length);
  for (let start = 0; start < values.length; start += columns)
    flipped.set(values.subarray(start, start + columns), values.length - start - columns);
  return flipped;
}

function assertOneImage(images: ReturnType<typeof imagesOf>): void {
  if (images.length === 1) return;
  const names = uniqueNames(images.map(([[first]]) => first));
  throw new StudioError(
    'SeveralSeries',
    `The DICOM files are of ${images.length} images: ${names.slice(0, 6).join(', ')}${names.length > 6 ? ', …' : ''}.`,
    'Give one series at a time.',
  );
}

/** Opens the files of one series. */
async function openDicomSeries(files: readonly SourceFile[]): Promise<VolumeFile> {
  const frames: DicomFrame[] = [];
  for (const file of files) frames.push(...(await readFrames(file)));
  const images = imagesOf(frames);
  assertOneImage(images);
  const [volumes] = images;
  const [slices] = volumes;
  const [first] = slices;
  const path = files.length === 1 ? files[0].path : `${readableName(first)} (${files.length} files)`;
  const different = volumes.find((volume) => volume.length !== slices.length);
  if (different) {
    throw new StudioError(
      'IrregularSlices',
      `${path}: its volumes have different numbers of slices (${slices.length} and ${different.length}).`,
      'Export the series again, each volume by itself.',
    );
  }
  const { step, warnings } = placeSlices(slices, path);
  const { rows, columns } = first.pixels;
  const [columnSpacing, rowSpacing] = first.pixelSpacing;
  const spacing: Xyz = [columnSpacing, rowSpacing, Math.hypot(...step)];
  const affine = affineOf(first, step);
  return {
    path,
    dim: [columns, rows, slices.length, ...(volumes.length > 1 ? [volumes.length] : [])],
    pixdim: spacing,
    millimetresPerUnit: 1,
    voxelType: first.pixels.isSigned || first.intercept < 0 ? 'int16' : 'uint16',
    isInterleaved: false,
    affine,
    itkAffine: affine,
    itkRefusal: undefined,
    isOriented: first.directions !== undefined,
    isSinglePrecision: true,
    warnings: [
      ...warnings,
      ...(frames.some(({ isLossy }) => isLossy) ? [`${path} was compressed with loss.`] : []),
    ],
    geometry: newGeometry([slices.length, rows, columns], [spacing[2], rowSpacing, columnSpacing], affine),
    assertHoldsVoxels: async () => undefined,
    read: async (sink) => {
      let start = 0;
      for (const { parsed, frame } of withParsedFiles(volumes.flat())) {
        sink(flipRows(await readFrame(await parsed(), frame), columns), start);
        start += rows * columns;
      }
    },
  };
}

/** Each frame with its parsed file; a file of many frames is parsed once. */
function withParsedFiles(frames: readonly DicomFrame[]) {
  let last: { file: SourceFile; parsed: ReturnType<typeof parseDicom> } | undefined;
  return frames.map((frame) => ({
    frame,
    parsed: () => {
      if (last?.file !== frame.file) last = { file: frame.file, parsed: parseDicom(frame.file) };
      return last.parsed;
    },
  }));
}

const latin1 = new TextDecoder('latin1');

/** The bare data set of older files, without preamble: group 0008 first, with a plausible length or VR. */
function isBareDicom(bytes: Uint8Array): boolean {
  if (bytes.length < 132 || !hasBytes(bytes, [8, 0]) || bytes[3] !== 0) return false;
  const isExplicit = /^[A-Z]{2}$/.test(latin1.decode(bytes.subarray(4, 6)));
  return isExplicit || (bytes[6] === 0 && bytes[7] === 0 && bytes[4] > 0 && bytes[4] < 128);
}

/** DICOM, whatever the names of its files: results are written as NIfTI. */
export const dicomFormat = {
  kind: 'dicom',
  family: 'series',
  label: 'DICOM',
  endings: [],
  isStart: (start) => hasBytes(start, 'DICM', 128),
  mayStart: isBareDicom,
  open: openDicomSeries,
  resultEndings: [],
} as const satisfies SeriesFormat;
