// What an image format is. Each has a file of its own and a line in `formats.ts`; what recognises, opens, writes and names
// images goes through that list.
import type { Zyx } from '@/shared/geometry';
import type { ImageGeometry } from './medicalImage';
import type { Raster } from './raster';
import type { SourceFile } from './sourceFile';
import type { VolumeFile } from './volumeFile';

export type WritableLabels = Uint8Array | Uint16Array;

/** nnU-Net's readers that choose files by their endings. */
export type EndingReader = 'NaturalImage2DIO' | 'SimpleITKIO' | 'Tiff3DIO' | 'NibabelIO';

/** How a label map is written: in the axes of `shape`, in the place that `geometry` tells. */
export interface LabelTarget {
  /** `[z, y, x]` */
  readonly shape: Zyx;
  readonly geometry: ImageGeometry;
  /** One of the format's `resultEndings`. */
  readonly ending: string;
}

interface FormatFacts {
  /** What `sniff` calls it. */
  readonly kind: string;
  /** What people call it. */
  readonly label: string;
  /** Endings of files that are opened, lower case, with their dot; empty where names do not tell. */
  readonly endings: readonly string[];
  /** By the ending of a header whose voxels are in another file: endings of that file, the likeliest first. */
  readonly voxelEndings?: Readonly<Record<string, readonly string[]>>;
  /** Endings of datasets, by the reader of nnU-Net that takes them. */
  readonly nnunet?: Readonly<Partial<Record<EndingReader, readonly string[]>>>;
  /** Whether the first kilobyte of a file is that of this format. */
  isStart(start: Uint8Array): boolean;
  /** The same by a weaker sign, which is looked at last. */
  mayStart?(start: Uint8Array): boolean;
  /** Whether files are recognised inside gzip too. */
  readonly isGzippable?: boolean;
  /** Endings of label maps in this format, the usual one first; empty where none are written. */
  readonly resultEndings: readonly string[];
  /** A label map, `[z, y, x]` in the axes of the image that was read. Missing where `resultEndings` is empty. */
  write?(labels: WritableLabels, target: LabelTarget): Promise<Uint8Array<ArrayBuffer>>;
}

/** Volumes, a file or a pair of files each. */
export interface VolumeFormat extends FormatFacts {
  readonly family: 'volume';
  /** Whether its files of three axes say how the image lies in the patient. */
  readonly saysOrientation: boolean;
  /** Reads the header; `others`: where a second file of the image may be. */
  open(file: SourceFile, others: readonly SourceFile[]): Promise<VolumeFile>;
}

/** Volumes of many files. */
export interface SeriesFormat extends FormatFacts {
  readonly family: 'series';
  /** All files of one series. */
  open(files: readonly SourceFile[]): Promise<VolumeFile>;
}

/** Pictures: their pixels have no place in space and no size in mm. */
export interface PictureFormat extends FormatFacts {
  readonly family: 'picture';
  decode(file: SourceFile): Promise<Raster>;
}

export type ImageFormat = VolumeFormat | SeriesFormat | PictureFormat;

/** Whether `bytes` has the given text or bytes at `at`. */
export function hasBytes(bytes: Uint8Array, magic: readonly number[] | string, at = 0): boolean {
  const expected = typeof magic === 'string' ? [...magic].map((letter) => letter.charCodeAt(0)) : magic;
  return expected.every((byte, i) => bytes[at + i] === byte);
}
