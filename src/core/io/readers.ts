// nnU-Net's readers: which one a dataset or a model takes, and the two doors for cases, in and out.
import { messageOf, StudioError } from '@/shared/errors';
import type { Zyx } from '@/shared/geometry';
import { formatOfResult, pictureFormat } from './formats';
import type { ImageReader, ReadCaseOptions, WriteCaseOptions, WrittenFile } from './imageReader';
import type { ImageGeometry, MedicalImage } from './medicalImage';
import { naturalImage2dIO } from './naturalImage2dIO';
import { nibabelIO, nibabelIOWithReorient } from './nibabelIO';
import { simpleItkIO, simpleItkIOWithReorient } from './simpleItkIO';
import { sniff } from './sniff';
import type { SourceFile } from './sourceFile';
import { tiffFormat } from './tiff';
import { tiff3dIO } from './tiff3dIO';

/** In the order in which nnU-Net tries them. */
const AUTOMATIC_READERS: readonly ImageReader[] = [
  naturalImage2dIO,
  simpleItkIO,
  tiff3dIO,
  nibabelIO,
  nibabelIOWithReorient,
];

/** All of them, those too that have to be asked for by name. */
export const READERS: readonly ImageReader[] = [...AUTOMATIC_READERS, simpleItkIOWithReorient];

/** Endings that a dataset's images can have, longest first. */
export function datasetEndings(): readonly string[] {
  const all = new Set(READERS.flatMap(({ endings }) => endings));
  return [...all].sort((a, b) => b.length - a.length);
}

/** The reader of this name; an error naming those there are otherwise. */
export function readerNamed(name: string): ImageReader {
  const reader = READERS.find((one) => one.name === name);
  if (reader) return reader;
  throw new StudioError(
    'UnsupportedReader',
    `There is no reader ${name}; nnU-Net's ${READERS.map((one) => one.name).join(', ')} are known.`,
    'Correct image_reader_writer in the plans, or overwrite_image_reader_writer in dataset.json.',
  );
}

/** The first reader for an ending, where there is no image to try it on. Throws `UnsupportedReader`. */
export function readerByEnding(fileEnding: string): ImageReader {
  const reader = AUTOMATIC_READERS.find(({ endings }) => endings.includes(fileEnding.toLowerCase()));
  if (reader) return reader;
  const known = [...new Set(AUTOMATIC_READERS.flatMap(({ endings }) => endings))].join(', ');
  throw new StudioError(
    'UnsupportedReader',
    `No reader of nnU-Net takes files that end in ${fileEnding}.`,
    /jpe?g/i.test(fileEnding)
      ? "JPEG's loss spoils images and label maps; convert to PNG."
      : `Convert the images to ${known}.`,
  );
}

export interface ReaderOptions {
  /** Of dataset.json, with its dot. */
  readonly fileEnding: string;
  /** dataset.json's `overwrite_image_reader_writer`; the string `None` counts as absent. */
  readonly overwrite?: string | undefined;
  /** The files of one channel of a case: a reader that cannot read them is passed over. */
  readonly exampleFiles?: readonly SourceFile[];
}

export interface ReaderChoice {
  readonly reader: ImageReader;
  readonly warnings: readonly string[];
}

/** Why a reader does not take the files, if it does not. NaN is no reason: that is the integrity check's business. */
async function refusal(reader: ImageReader, files: readonly SourceFile[]): Promise<Error | undefined> {
  try {
    await reader.read(files);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return error.name === 'NotFinite' ? undefined : error;
  }
  const reason = await reader.refusal?.(files);
  return reason === undefined ? undefined : new StudioError('UnsupportedFormat', reason);
}

/** Errors that say "this is a file for another reader". */
const OTHER_READERS_FILE = ['UnsupportedShape', 'UnsupportedFormat'];

interface Trial {
  readonly reader: ImageReader;
  readonly refusal: Error | undefined;
}

/** The trial whose reader is made for the files: the one that reads them, else the one that only finds a fault in them. */
function bestTrial(trials: readonly Trial[]): Trial {
  const isMadeForIt = ({ refusal: error }: Trial) =>
    error === undefined || !OTHER_READERS_FILE.includes(error.name);
  // Of those that want another shape the last has the most to say: pictures are tried before stacks.
  const last = trials[trials.length - 1];
  return trials.find(({ refusal: error }) => !error) ?? trials.find(isMadeForIt) ?? last;
}

interface Options {
  readonly trials: readonly Trial[];
  readonly warnings: readonly string[];
}

async function tryReaders({ fileEnding, overwrite, exampleFiles }: ReaderOptions): Promise<Options> {
  const isNamed = overwrite !== undefined && overwrite !== 'None';
  const named = READERS.find(({ name }) => isNamed && name === overwrite);
  if (named) return { trials: [{ reader: named, refusal: undefined }], warnings: [] };
  const warnings = isNamed
    ? [`There is no reader ${overwrite}, as dataset.json names it; one is chosen by the file ending.`]
    : [];
  const byEnding = readerByEnding(fileEnding);
  if (exampleFiles === undefined) return { trials: [{ reader: byEnding, refusal: undefined }], warnings };
  const trials: Trial[] = [];
  for (const reader of AUTOMATIC_READERS) {
    if (!reader.endings.includes(fileEnding.toLowerCase())) continue;
    trials.push({ reader, refusal: await refusal(reader, exampleFiles) });
    if (trials[trials.length - 1].refusal === undefined) break;
  }
  return { trials, warnings };
}

/**
 * The reader of a dataset: the one it names, else the first whose endings contain the dataset's and that can read the
 * example. Follows nnU-Net's `determine_reader_writer_from_dataset_json`. Where none can, the error is that of the
 * reader that fits the example best.
 */
export async function readerFor(question: ReaderOptions): Promise<ReaderChoice> {
  const { trials, warnings } = await tryReaders(question);
  const { reader, refusal: error } = bestTrial(trials);
  if (!error) return { reader, warnings };
  throw new StudioError(
    'UnsupportedReader',
    `No reader can read the images. ${messageOf(error)}`,
    undefined,
    {
      cause: error,
    },
  );
}

/** Like {@link readerFor}, where reading every case says by itself what is wrong: the reader that fits the example best. */
export async function closestReader(question: ReaderOptions): Promise<ReaderChoice> {
  const { trials, warnings } = await tryReaders(question);
  return { reader: bestTrial(trials).reader, warnings };
}

/**
 * Reads one case as nnU-Net's reader of this name would: its channel files in order (second halves of pairs, side-car
 * files and all slices of a DICOM series listed too), as one array `[c, z, y, x]`.
 */
export async function readCase(
  files: readonly SourceFile[],
  reader: string,
  options: ReadCaseOptions = {},
): Promise<MedicalImage> {
  return readerNamed(reader).read(files, options);
}

/**
 * Reads a case in the axes of its files, when no model says which reader to take: pictures as pictures, TIFF stacks as
 * stacks, everything else as `SimpleITKIO` does.
 */
export async function readAsStored(
  files: readonly SourceFile[],
  options: ReadCaseOptions = {},
): Promise<MedicalImage> {
  const kind = files.length > 0 ? await sniff(files[0]) : 'empty';
  if (kind !== 'jpeg' && !pictureFormat(kind)) return simpleItkIO.read(files, options);
  if (kind !== tiffFormat.kind) return naturalImage2dIO.read(files, options);
  return naturalImage2dIO.read(files, options).catch((error: unknown) => {
    if (error instanceof StudioError && error.name === 'UnsupportedShape')
      return tiff3dIO.read(files, options);
    throw error;
  });
}

/** Which reader writes what is in the place of an image. */
const WRITERS: Readonly<Record<ImageGeometry['format'], ImageReader>> = {
  nifti: simpleItkIO,
  grid: simpleItkIO,
  picture: naturalImage2dIO,
  'tiff-stack': tiff3dIO,
};

/** The writer of an ending; a `.tif` is a picture or a stack, as the image was. */
function writerOf({ format }: ImageGeometry, ending: string | undefined): ImageReader {
  if (ending === undefined) return WRITERS[format];
  const asked = formatOfResult(ending);
  if (asked?.family !== 'picture') return simpleItkIO;
  return asked === tiffFormat && format === 'tiff-stack' ? tiff3dIO : naturalImage2dIO;
}

/**
 * A label map, `[z, y, x]`, in the place of the image it belongs to and, unless `ending` asks for another, in its
 * format; the image first, side-cars behind it.
 */
export async function writeCase(
  labels: Uint8Array | Uint16Array,
  shape: Zyx,
  geometry: ImageGeometry,
  options: WriteCaseOptions = {},
): Promise<readonly WrittenFile[]> {
  return writerOf(geometry, options.ending).write(labels, shape, geometry, options);
}
