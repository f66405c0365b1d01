// Opens the channel files of a case, whatever formats of volumes they are in.
import { StudioError } from '@/shared/errors';
import { dicomFormat } from './dicomSeries';
import { formatOfKind, pictureFormat, volumeFormat } from './formats';
import { hasVoxelEnding } from './imageNames';
import { lossyRefusal } from './imageReader';
import { assertNoOrphanImg, isImgFile, niftiFormat } from './nifti';
import { type FileKind, sniff } from './sniff';
import type { SourceFile } from './sourceFile';
import type { VolumeFile } from './volumeFile';

/** Second files of pairs: named by a header, never opened by themselves. */
function isDataFile(file: SourceFile): boolean {
  return isImgFile(file) || hasVoxelEnding(file);
}

async function openVolume(
  file: SourceFile,
  kind: FileKind,
  others: readonly SourceFile[],
): Promise<VolumeFile> {
  if (kind === 'jpeg') throw lossyRefusal(file.path);
  if (pictureFormat(kind)) {
    throw new StudioError(
      'UnsupportedFormat',
      `${file.path} is a picture (${formatOfKind(kind)?.label}); this model was trained on volumes.`,
      'Use images in the format that the model was trained on.',
    );
  }
  if (kind === 'unknown' && /\.(dcm|ima)$/i.test(file.path)) {
    throw new StudioError(
      'BadDicom',
      `${file.path}: this is no readable DICOM file.`,
      'Export the series again.',
    );
  }
  // Files that are not known for what they are go to the NIfTI reader, which says what is wrong with them.
  return (volumeFormat(kind) ?? niftiFormat).open(file, others);
}

/** The channels of a case in order. DICOM files are one channel all together; halves of pairs are put together. */
export async function openVolumes(files: readonly SourceFile[]): Promise<readonly VolumeFile[]> {
  const kinds = new Map<SourceFile, FileKind>();
  for (const file of files) if (!isDataFile(file)) kinds.set(file, await sniff(file));
  const slices = files.filter((file) => kinds.get(file) === 'dicom');
  if (slices.length > 0) {
    if (slices.length < kinds.size) {
      throw new StudioError(
        'MixedFormats',
        `${files.find((file) => kinds.get(file) !== 'dicom')?.path} lies among DICOM files of one case.`,
        'Give the series alone.',
      );
    }
    return [await dicomFormat.open(slices)];
  }
  assertNoOrphanImg(files);
  const volumes: VolumeFile[] = [];
  for (const [file, kind] of kinds) volumes.push(await openVolume(file, kind, files));
  return volumes;
}
