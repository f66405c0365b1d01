// TIFF files as tifffile gives them to nnU-Net, decoded by geotiff; and a writer of zlib-packed grey stacks.

import type { GeoTIFF, GeoTIFFImage } from 'geotiff';
import { StudioError } from '@/shared/errors';
import { elementCount, type Zyx } from '@/shared/geometry';
import { compress, concatenate, MAX_DEFLATE_RATIO } from './compression';
import { hasBytes, type PictureFormat } from './imageFormat';
import type { Raster } from './raster';
import type { SourceFile } from './sourceFile';
import { addZstandard, unreadCompression } from './tiffCompression';
import { type PromisedStack, promisedStack } from './tiffStack';
import { swapBytes } from './voxels';

const BITS_PER_SAMPLE = 258;
const PALETTE = 3;
const PLANAR_SEPARATE = 2;
const IS_REDUCED = 1;

function badTiff(path: string, what: string, options?: ErrorOptions): StudioError {
  return new StudioError('BadTiff', `${path}: ${what}`, 'Save it again, or copy it again.', options);
}

/** What two pages must share to lie in one stack. */
interface Page {
  readonly image: GeoTIFFImage;
  readonly width: number;
  readonly height: number;
  readonly samples: number;
  readonly isPlanar: boolean;
  readonly photometric: number;
  readonly bits: number;
  readonly format: number;
  readonly compression: number;
  readonly description: string;
}

async function pageOf(image: GeoTIFFImage, isLittleEndian: boolean): Promise<Page> {
  const directory = image.fileDirectory;
  const number = async (
    tag: 'PhotometricInterpretation' | 'PlanarConfiguration' | 'Compression',
    fallback: number,
  ) => (directory.hasTag(tag) ? Number(await directory.loadValue(tag)) : fallback);
  const samples = image.getSamplesPerPixel();
  // The standard's default, which the library does not know.
  if (!directory.hasTag('BitsPerSample'))
    directory.actualizedFields.set(BITS_PER_SAMPLE, new Array<number>(samples).fill(1));
  if (!isLittleEndian) await correctPlaces(directory);
  return {
    image,
    width: image.getWidth(),
    height: image.getHeight(),
    samples,
    isPlanar: samples > 1 && (await number('PlanarConfiguration', 1)) === PLANAR_SEPARATE,
    photometric: await number('PhotometricInterpretation', 1),
    bits: image.getBitsPerSample(),
    format: image.getSampleFormat(),
    compression: await number('Compression', NO_COMPRESSION),
    description: directory.hasTag('ImageDescription')
      ? String(await directory.loadValue('ImageDescription'))
      : '',
  };
}

/** StripOffsets, StripByteCounts, TileOffsets, TileByteCounts. */
const PLACE_TAGS = [273, 279, 324, 325];

/** The library reads lists of places in big-endian files in the wrong order of bytes; single ones it reads well. */
async function correctPlaces(directory: GeoTIFFImage['fileDirectory']): Promise<void> {
  for (const tag of PLACE_TAGS) {
    if (!directory.hasTag(tag) || directory.actualizedFields.has(tag)) continue;
    const places: unknown = await directory.loadValue(tag);
    if (!(places instanceof Uint16Array || places instanceof Uint32Array)) continue;
    const turned = places.slice();
    swapBytes(new Uint8Array(turned.buffer), turned.BYTES_PER_ELEMENT);
    directory.actualizedFields.set(tag, [...turned]);
  }
}

function isAlike(a: Page, b: Page): boolean {
  return (['width', 'height', 'samples', 'isPlanar', 'photometric', 'bits', 'format'] as const).every(
    (key) => a[key] === b[key],
  );
}

/** The pages of the first series: those like the first one, reduced copies left out. */
async function stackPages(tiff: GeoTIFF): Promise<readonly Page[]> {
  const pages: Page[] = [];
  const count = await tiff.getImageCount();
  for (let i = 0; i < count; i++) {
    const image = await tiff.getImage(i);
    const directory = image.fileDirectory;
    const kind = directory.hasTag('NewSubfileType') ? Number(await directory.loadValue('NewSubfileType')) : 0;
    if (i > 0 && (kind & IS_REDUCED) !== 0) continue;
    const page = await pageOf(image, tiff.littleEndian);
    if (pages.length === 0 || isAlike(pages[0], page)) pages.push(page);
  }
  return pages;
}

const ARRAYS = {
  '1/8': Uint8Array,
  '1/16': Uint16Array,
  '1/32': Uint32Array,
  '2/8': Int8Array,
  '2/16': Int16Array,
  '2/32': Int32Array,
  '3/16': Float32Array,
  '3/32': Float32Array,
  '3/64': Float64Array,
} as const;

function arrayFor({ bits, format }: Page, length: number, path: string): Raster['data'] {
  const stored = bits < 8 ? 8 : bits > 8 && bits < 16 ? 16 : bits;
  const type = ARRAYS[`${format === 4 ? 1 : format}/${stored}` as keyof typeof ARRAYS];
  if (type) return new type(length);
  throw new StudioError(
    'UnsupportedVoxelType',
    `${path}: its pixels have ${bits} bits of sample format ${format}.`,
    'Save it with 8 or 16 bits, or as 32-bit floats.',
  );
}

/** No packing of TIFF shrinks more than deflate does, but for constant images packed by LZW. */
function assertPlausible(pages: readonly Page[], fileBytes: number, path: string): void {
  const [{ width, height, samples, bits }] = pages;
  const promised = (pages.length * width * height * samples * bits) / 8;
  if (promised > fileBytes * 4 * MAX_DEFLATE_RATIO)
    throw badTiff(path, `the header promises ${width} × ${height} pixels, more than the file can hold.`);
}

function assertUnpackable({ compression }: Page, path: string): void {
  const name = unreadCompression(compression);
  if (name === undefined) return;
  throw new StudioError(
    'BadTiff',
    `${path}: its pixels are packed by ${name}, which is not read.`,
    'Save it again with LZW, Deflate, Zstandard or no compression.',
  );
}

/** Files up to this size are read at once; of larger ones, the parts that are asked for. */
const MAX_BYTES_AT_ONCE = 512 * 1024 * 1024;

type Slice = (start: number, end: number) => Promise<Uint8Array>;

async function sliceOf(file: SourceFile): Promise<Slice> {
  if (file.sizeInBytes > MAX_BYTES_AT_ONCE) return (start, end) => file.slice(start, end);
  const bytes = await file.bytes();
  return async (start, end) => bytes.subarray(start, end);
}

async function openTiff(slice: Slice, fileSize: number): Promise<GeoTIFF> {
  const library = await import('geotiff');
  addZstandard(library);
  const fetchSlice = async ({ offset, length }: { offset: number; length: number }) => ({
    offset,
    length,
    data: new Uint8Array(await slice(offset, Math.min(offset + length, fileSize))).buffer,
  });
  return library.GeoTIFF.fromSource({
    fileSize,
    fetchSlice,
    fetch: async (slices) => Promise.all(slices.map(async (one) => (await fetchSlice(one)).data)),
    close: async () => undefined,
  });
}

/**
 * Decodes the first series of a TIFF file: indices of a palette stay indices, white-is-zero stays as it is. Stacks whose
 * only directory is that of the first slice, as ImageJ writes large ones, are read whole. Throws `BadTiff`.
 */
export async function decodeTiff(file: SourceFile): Promise<Raster> {
  const { path } = file;
  try {
    const slice = await sliceOf(file);
    const tiff = await openTiff(slice, file.sizeInBytes);
    const pages = await stackPages(tiff);
    if (pages.length === 0) throw badTiff(path, 'it has no pages.');
    assertPlausible(pages, file.sizeInBytes, path);
    for (const page of pages) assertUnpackable(page, path);
    const [first] = pages;
    if (![0, 1, 2, PALETTE, 6].includes(first.photometric))
      throw badTiff(path, `its colours are of TIFF's photometric interpretation ${first.photometric}.`);
    const promised = promisedStack(first);
    const count = promised ? elementCount(promised.axes) : 1;
    if (promised && pages.length === 1 && count > 1) {
      const data = await contiguousStack(first, promised, { file, slice, isLittleEndian: tiff.littleEndian });
      return { shape: [...promised.axes, ...pageShape(first)], data };
    }
    const data = arrayFor(first, pages.length * pageLength(first), path);
    for (const [i, { image, isPlanar }] of pages.entries()) {
      data.set(await pageSamples(image, isPlanar), i * pageLength(first));
    }
    const axes = promised && count === pages.length ? promised.axes : pages.length > 1 ? [pages.length] : [];
    return { shape: [...axes, ...pageShape(first)], data };
  } catch (error) {
    if (error instanceof StudioError) throw error;
    throw badTiff(path, `it cannot be decoded (${error instanceof Error ? error.message : error}).`, {
      cause: error,
    });
  }
}

/** Samples of one page. */
function pageLength({ width, height, samples }: Page): number {
  return width * height * samples;
}

function pageShape({ width, height, samples, isPlanar }: Page): readonly number[] {
  if (isPlanar) return [samples, height, width];
  return samples > 1 ? [height, width, samples] : [height, width];
}

interface TiffContent {
  readonly file: SourceFile;
  readonly slice: Slice;
  readonly isLittleEndian: boolean;
}

/** Slices that lie one behind the other from the first page's data on, without directories of their own. */
async function contiguousStack(
  page: Page,
  { writer, axes, canBeContiguous }: PromisedStack,
  { file, slice, isLittleEndian }: TiffContent,
): Promise<Raster['data']> {
  const count = elementCount(axes);
  const incomplete = (why: string) =>
    new StudioError(
      'BadTiff',
      `${file.path}: ${writer}'s description promises ${axes.join(' × ')} images, but the file has the directory of one and ${why}.`,
      'Save the whole stack again, with a directory per slice (in ImageJ: File, Save As, Tiff).',
    );
  if (!canBeContiguous) throw incomplete('the others are in other files or lost');
  const start = await contiguousStart(page);
  if (start === undefined) throw incomplete('its data are compressed or in pieces');
  const data = arrayFor(page, count * pageLength(page), file.path);
  if (8 * data.BYTES_PER_ELEMENT !== page.bits) throw incomplete(`its samples have ${page.bits} bits`);
  if (start + data.byteLength > file.sizeInBytes) throw incomplete('ends before the last of them');
  const bytes = new Uint8Array(data.buffer);
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    const end = Math.min(at + BLOCK_BYTES, bytes.length);
    bytes.set(await slice(start + at, start + end), at);
  }
  if (!isLittleEndian) swapBytes(bytes, data.BYTES_PER_ELEMENT);
  return data;
}

/** Copied at a time. */
const BLOCK_BYTES = 64 * 1024 * 1024;
const NO_COMPRESSION = 1;

/** Where the uncompressed data of a page start, if they are in one piece and stored as they are. */
async function contiguousStart({ image, samples, isPlanar }: Page): Promise<number | undefined> {
  const directory = image.fileDirectory;
  for (const tag of ['Compression', 'Predictor', 'FillOrder'] as const) {
    const value = directory.hasTag(tag) ? Number(await directory.loadValue(tag)) : NO_COMPRESSION;
    if (value !== NO_COMPRESSION) return undefined;
  }
  if (!directory.hasTag('StripOffsets')) return undefined;
  const strips = Math.ceil(image.getHeight() / image.getTileHeight()) * (isPlanar ? samples : 1);
  const numberAt = async (tag: 'StripOffsets' | 'StripByteCounts', strip: number) =>
    Number(strips === 1 ? await directory.loadValue(tag) : await directory.loadValueIndexed(tag, strip));
  const start = await numberAt('StripOffsets', 0);
  let end = start;
  for (let strip = 0; strip < strips; strip++) {
    if ((await numberAt('StripOffsets', strip)) !== end) return undefined;
    end += strips === 1 ? 0 : await numberAt('StripByteCounts', strip);
  }
  return start;
}

/** Samples of a page, side by side, or plane by plane. */
async function pageSamples(image: GeoTIFFImage, isPlanar: boolean): Promise<ArrayLike<number>> {
  if (!isPlanar) return image.readRasters({ interleave: true });
  const planes = await image.readRasters({ interleave: false });
  const size = image.getWidth() * image.getHeight();
  const all = new Float64Array(planes.length * size);
  planes.forEach((plane, i) => {
    all.set(plane, i * size);
  });
  return all;
}

/** Tag, type (3 = 16 bits, 4 = 32 bits), value. */
type Entry = readonly [tag: number, type: 3 | 4, value: number];

const HEADER_BYTES = 8;
const ENTRY_BYTES = 12;

/** The directory of a page; `next` is where the next one starts, 0 for none. */
function directoryBytes(entries: readonly Entry[], next: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(2 + ENTRY_BYTES * entries.length + 4));
  view.setUint16(0, entries.length, true);
  entries.forEach(([tag, type, value], i) => {
    const at = 2 + ENTRY_BYTES * i;
    view.setUint16(at, tag, true);
    view.setUint16(at + 2, type, true);
    view.setUint32(at + 4, 1, true);
    if (type === 3) view.setUint16(at + 8, value, true);
    else view.setUint32(at + 8, value, true);
  });
  view.setUint32(view.byteLength - 4, next, true);
  return new Uint8Array(view.buffer);
}

/** Grey pages, `[pages, y, x]`, little-endian, each one zlib-packed strip behind its directory. */
export async function encodeTiff(
  data: Uint8Array | Uint16Array,
  [pages, height, width]: Zyx,
): Promise<Uint8Array<ArrayBuffer>> {
  const pageBytes = width * height * data.BYTES_PER_ELEMENT;
  const stored = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const pieces: Uint8Array[] = [Uint8Array.of(0x49, 0x49, 42, 0, HEADER_BYTES, 0, 0, 0)];
  let directoryAt = HEADER_BYTES;
  for (let page = 0; page < pages; page++) {
    const packed = await compress([stored.subarray(page * pageBytes, (page + 1) * pageBytes)], 'deflate');
    const entries = (stripAt: number): readonly Entry[] => [
      [256, 4, width],
      [257, 4, height],
      [258, 3, 8 * data.BYTES_PER_ELEMENT],
      [259, 3, 8],
      [262, 3, 1],
      [273, 4, stripAt],
      [277, 3, 1],
      [278, 4, height],
      [279, 4, packed.length],
      [339, 3, 1],
    ];
    const stripAt = directoryAt + directoryBytes(entries(0), 0).length;
    const padding = packed.length % 2;
    const next = stripAt + packed.length + padding;
    pieces.push(
      directoryBytes(entries(stripAt), page < pages - 1 ? next : 0),
      packed,
      new Uint8Array(padding),
    );
    directoryAt = next;
  }
  return concatenate(pieces);
}

/** TIFF, a picture or a stack: stacks are read and written by `tiff3dIO`. */
export const tiffFormat = {
  kind: 'tiff',
  family: 'picture',
  label: 'TIFF',
  endings: ['.tiff', '.tif'],
  nnunet: { NaturalImage2DIO: ['.tif'], Tiff3DIO: ['.tif', '.tiff'] },
  isStart: (start) => ['II*\0', 'MM\0*', 'II+\0', 'MM\0+'].some((magic) => hasBytes(start, magic)),
  decode: decodeTiff,
  resultEndings: ['.tif', '.tiff'],
  write: (labels, { shape }) => encodeTiff(labels, shape),
} as const satisfies PictureFormat;
