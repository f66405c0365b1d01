// Every image format, in the order in which files are recognised and people are told. What stands in front of a DICOM file
// may make it a TIFF file as well, so that DICOM comes first.
import { bmpFormat } from './bmp';
import { dicomFormat } from './dicomSeries';
import { giplFormat } from './gipl';
import type { EndingReader, ImageFormat, PictureFormat, VolumeFormat } from './imageFormat';
import { metaImageFormat } from './metaImage';
import { niftiFormat, niftiPairFormat } from './nifti';
import { nrrdFormat } from './nrrd';
import { pngFormat } from './png';
import { tiffFormat } from './tiff';

export const FORMATS = [
  dicomFormat,
  niftiFormat,
  niftiPairFormat,
  nrrdFormat,
  metaImageFormat,
  giplFormat,
  pngFormat,
  tiffFormat,
  bmpFormat,
] as const satisfies readonly ImageFormat[];

/** What {@link FORMATS} calls its formats. */
export type ImageKind = (typeof FORMATS)[number]['kind'];

/** For walks over them, whatever each has besides. */
const ALL: readonly ImageFormat[] = FORMATS;

/** Whether files of that kind are images. */
export function isImageKind(kind: string): kind is ImageKind {
  return formatOfKind(kind) !== undefined;
}

/** The format of that kind; `undefined` of what is no image. */
export function formatOfKind(kind: string): ImageFormat | undefined {
  return ALL.find((format) => format.kind === kind);
}

/** The picture format of that kind. */
export function pictureFormat(kind: string): PictureFormat | undefined {
  const format = formatOfKind(kind);
  return format?.family === 'picture' ? format : undefined;
}

/** The volume format of that kind. */
export function volumeFormat(kind: string): VolumeFormat | undefined {
  const format = formatOfKind(kind);
  return format?.family === 'volume' ? format : undefined;
}

/** The format that writes label maps with this ending. */
export function formatOfResult(ending: string): ImageFormat | undefined {
  return ALL.find(({ resultEndings }) => resultEndings.includes(ending.toLowerCase()));
}

/** Endings that label maps can be written with. */
export function resultEndings(): readonly string[] {
  return ALL.flatMap((format) => format.resultEndings);
}

/** Endings of datasets that this reader of nnU-Net takes. */
export function endingsOfReader(reader: EndingReader): readonly string[] {
  return ALL.flatMap(({ nnunet }) => nnunet?.[reader] ?? []);
}

/** Names of formats for people, each once: `DICOM, NIfTI, …`. */
export function formatLabels(): readonly string[] {
  return [...new Set(ALL.map(({ label }) => label))];
}
