// Label maps in the formats of volumes, with the geometry of the image that was read: what SimpleITK would write.
import type { Zyx } from '@/shared/geometry';
import { formatOfKind, formatOfResult } from './formats';
import type { ImageFormat, WritableLabels } from './imageFormat';
import type { WriteCaseOptions, WrittenFile } from './imageReader';
import type { ImageGeometry } from './medicalImage';
import { niftiFormat } from './nifti';

/** In the format of the ending; without one, in that of the image; NIfTI where that one is only read. */
export async function writeVolumeLabels(
  labels: WritableLabels,
  shape: Zyx,
  geometry: ImageGeometry,
  options: WriteCaseOptions = {},
): Promise<readonly WrittenFile[]> {
  const asked = options.ending === undefined ? formatOfImage(geometry) : formatOfResult(options.ending);
  const format = asked?.family === 'volume' ? asked : niftiFormat;
  const { resultEndings, write = niftiFormat.write } = format.write ? format : niftiFormat;
  const ending = resultEndings.find((one) => one === options.ending?.toLowerCase()) ?? resultEndings[0];
  return [{ ending, content: await write(labels, { shape, geometry, ending }) }];
}

function formatOfImage(geometry: ImageGeometry): ImageFormat | undefined {
  return geometry.format === 'grid' ? formatOfKind(geometry.kind) : undefined;
}
