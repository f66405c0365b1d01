// What DICOM files say about their frames: size, place, scaling, and what tells one series or volume from another.
import type { ByteArray, DataSet } from 'dicom-parser';
import { StudioError } from '@/shared/errors';
import type { Xyz } from '@/shared/geometry';
import type { SourceFile } from './sourceFile';

/** Transfer syntaxes by what they ask of the reader. */
export const SYNTAX = {
  implicitLittle: '1.2.840.10008.1.2',
  explicitLittle: '1.2.840.10008.1.2.1',
  deflated: '1.2.840.10008.1.2.1.99',
  explicitBig: '1.2.840.10008.1.2.2',
} as const;

/** How the pixels of a file are stored. */
export interface PixelFormat {
  readonly transferSyntax: string;
  readonly rows: number;
  readonly columns: number;
  readonly samples: number;
  readonly bitsAllocated: number;
  readonly bitsStored: number;
  readonly highBit: number;
  readonly isSigned: boolean;
}

/** One picture of a file. World axes are DICOM's: x to the Left, y to Posterior, z to Superior. */
export interface DicomFrame {
  readonly file: SourceFile;
  /** Index in the file. */
  readonly index: number;
  readonly frames: number;
  readonly pixels: PixelFormat;
  readonly seriesId: string;
  readonly seriesNumber: string;
  readonly seriesDescription: string;
  readonly modality: string;
  readonly instanceNumber: number;
  /** What may tell volumes at the same place apart, in the order in which it is tried. */
  readonly volumeMarks: readonly string[];
  /** mm, centre of the first pixel; `undefined` if the file does not say. */
  readonly position: Xyz | undefined;
  /** Unit vectors along a row and down a column. */
  readonly directions: readonly [Xyz, Xyz] | undefined;
  /** mm, between columns and between rows. */
  readonly pixelSpacing: readonly [number, number];
  /** mm, between slices as far as a single one knows. */
  readonly sliceSpacing: number;
  readonly slope: number;
  readonly intercept: number;
  readonly isLossy: boolean;
  /** Level and width to look at it with, in values after `slope` and `intercept`; `undefined` if the file names none. */
  readonly window: { readonly level: number; readonly width: number } | undefined;
}

type Parser = typeof import('dicom-parser');

/** The package is CommonJS: its exports are in `default` in Node, in the module itself where bundled. */
export async function loadParser(): Promise<Parser> {
  const loaded: Parser & { readonly default?: Parser } = await import('dicom-parser');
  return loaded.default ?? loaded;
}

function badDicom(path: string, what: string, options?: ErrorOptions): StudioError {
  return new StudioError('BadDicom', `${path}: ${what}`, 'Export the series again.', options);
}

/** Files of the time before Part 10 start with the data set itself. */
function bareSyntax(bytes: Uint8Array): string {
  const hasVr = /^[A-Z]{2}$/.test(String.fromCharCode(bytes[4] ?? 0, bytes[5] ?? 0));
  return hasVr ? SYNTAX.explicitLittle : SYNTAX.implicitLittle;
}

/** A deflated data set, put in the place of the packed one, as an explicit little-endian file. */
async function inflated(bytes: Uint8Array, parser: Parser): Promise<Uint8Array> {
  const meta = parser.parseDicom(bytes, { untilTag: 'x00020010' });
  if (meta.string('x00020010') !== SYNTAX.deflated) return bytes;
  const group = meta.uint32('x00020000');
  const lengthElement = meta.elements.x00020000;
  if (group === undefined || !lengthElement) return bytes;
  const start = lengthElement.dataOffset + lengthElement.length + group;
  const stream = new Blob([bytes.slice(start)]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  const content = new Uint8Array(await new Response(stream).arrayBuffer());
  return content;
}

/** A parsed file and the syntax of its pixels. */
export interface ParsedDicom {
  readonly dataSet: DataSet;
  readonly transferSyntax: string;
}

/** Parses a file. With `untilPixels` the pixels need not be whole. */
export async function parseDicom(file: SourceFile): Promise<ParsedDicom> {
  const parser = await loadParser();
  const bytes = await file.bytes();
  const isPart10 = String.fromCharCode(...bytes.subarray(128, 132)) === 'DICM';
  try {
    const content = isPart10 ? await inflated(bytes, parser) : bytes;
    const isBare = !isPart10 || content !== bytes;
    const syntax = content !== bytes ? SYNTAX.explicitLittle : bareSyntax(bytes);
    const dataSet = parser.parseDicom(content as ByteArray, isBare ? { TransferSyntaxUID: syntax } : {});
    return {
      dataSet,
      transferSyntax: isBare ? syntax : (dataSet.string('x00020010') ?? SYNTAX.implicitLittle),
    };
  } catch (error) {
    const parsed = typeof error === 'object' && error !== null && 'dataSet' in error;
    throw badDicom(
      file.path,
      parsed ? 'the file breaks off; it is incomplete.' : 'this is no readable DICOM file.',
      { cause: error },
    );
  }
}

function numbers(dataSet: DataSet, tag: string): readonly number[] {
  const text = dataSet.string(tag);
  return text ? text.split('\\').map(Number) : [];
}

function xyz(values: readonly number[], from = 0): Xyz | undefined {
  const found = values.slice(from, from + 3);
  return found.length === 3 && found.every(Number.isFinite) ? [found[0], found[1], found[2]] : undefined;
}

/** The first data set that has an element: what holds for a frame, then for all frames, then for the file. */
function holderOf(tag: string, places: readonly DataSet[]): DataSet | undefined {
  return places.find((place) => place.elements[tag] !== undefined);
}

function numbersAt(tag: string, places: readonly DataSet[]): readonly number[] {
  const holder = holderOf(tag, places);
  return holder ? numbers(holder, tag) : [];
}

function textAt(tag: string, places: readonly DataSet[]): string {
  return holderOf(tag, places)?.string(tag)?.trim() ?? '';
}

/** The items of all macros in a functional group item, one list. */
function groupItems(item: DataSet | undefined): readonly DataSet[] {
  if (!item) return [];
  return Object.values(item.elements).flatMap((element) =>
    (element.items ?? []).flatMap(({ dataSet }) => (dataSet ? [dataSet] : [])),
  );
}

function pixelFormat({ dataSet, transferSyntax }: ParsedDicom, path: string): PixelFormat {
  const rows = dataSet.uint16('x00280010') ?? 0;
  const columns = dataSet.uint16('x00280011') ?? 0;
  const bitsAllocated = dataSet.uint16('x00280100') ?? 16;
  const bitsStored = dataSet.uint16('x00280101') ?? bitsAllocated;
  if (rows < 1 || columns < 1)
    throw badDicom(path, `the picture has no pixels: its size is ${columns} × ${rows}.`);
  return {
    transferSyntax,
    rows,
    columns,
    samples: dataSet.uint16('x00280002') ?? 1,
    bitsAllocated,
    bitsStored,
    highBit: dataSet.uint16('x00280102') ?? bitsStored - 1,
    isSigned: dataSet.uint16('x00280103') === 1,
  };
}

/** Echo, kind of image, temporal position, b-value, acquisition, trigger time. */
const VOLUME_MARKS = [
  'x00180086',
  'x00180081',
  'x00080008',
  'x00200100',
  'x00209128',
  'x00189087',
  'x00200012',
  'x00181060',
  'x00080032',
];

/** Everything about the pictures of a file but their pixels. Files without pictures are refused by name. */
export async function readFrames(file: SourceFile): Promise<readonly DicomFrame[]> {
  const parsed = await parseDicom(file);
  const { dataSet, transferSyntax } = parsed;
  const { path } = file;
  if (!dataSet.elements.x7fe00010) {
    const kind = dataSet.string('x00080060')?.trim();
    throw new StudioError(
      'NotAnImage',
      `${path}: this DICOM file${kind ? ` (${kind})` : ''} holds no picture.`,
      'Give the series of images that it belongs to.',
    );
  }
  const pixels = pixelFormat(parsed, path);
  if (pixels.samples !== 1) {
    throw new StudioError(
      'UnsupportedVoxelType',
      `${path}: the pixels are colours.`,
      'Save it as PNG for a model of pictures; volumes have one number per voxel.',
    );
  }
  const frames = Math.max(1, Number(dataSet.string('x00280008') ?? 1) || 1);
  const shared = groupItems(dataSet.elements.x52009229?.items?.[0]?.dataSet);
  const perFrame = dataSet.elements.x52009230?.items ?? [];
  return Array.from({ length: frames }, (_, index) => {
    const places = [...groupItems(perFrame[index]?.dataSet), ...shared, dataSet];
    const orientation = numbersAt('x00200037', places);
    const [along, down] = [xyz(orientation), xyz(orientation, 3)];
    const [rowSpacing = 1, columnSpacing = rowSpacing] = numbersAt('x00280030', places);
    const [between] = numbersAt('x00180088', places);
    const [thickness] = numbersAt('x00180050', places);
    const [slope = 1] = numbersAt('x00281053', places);
    const [intercept = 0] = numbersAt('x00281052', places);
    const [level] = numbersAt('x00281050', places);
    const [width] = numbersAt('x00281051', places);
    return {
      file,
      index,
      frames,
      pixels,
      seriesId: dataSet.string('x0020000e') ?? '',
      seriesNumber: dataSet.string('x00200011')?.trim() ?? '',
      seriesDescription: dataSet.string('x0008103e')?.trim() ?? '',
      modality: dataSet.string('x00080060')?.trim() ?? '',
      instanceNumber: Number(dataSet.string('x00200013') ?? 0) || 0,
      volumeMarks: VOLUME_MARKS.map((tag) => textAt(tag, places)),
      position: xyz(numbersAt('x00200032', places)),
      directions: along && down ? ([along, down] as const) : undefined,
      pixelSpacing: [columnSpacing, rowSpacing] as const,
      sliceSpacing: Math.abs(between || thickness || 1),
      slope: slope === 0 ? 1 : slope,
      intercept,
      isLossy: dataSet.string('x00282110')?.trim() === '01' || LOSSY_SYNTAXES.includes(transferSyntax),
      window: Number.isFinite(level) && width > 0 ? { level, width } : undefined,
    };
  });
}

/** JPEG baseline and extended. */
const LOSSY_SYNTAXES = ['1.2.840.10008.1.2.4.50', '1.2.840.10008.1.2.4.51'];
