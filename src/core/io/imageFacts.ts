// What an image is, without keeping its voxels.
import { elementCount } from '@/shared/geometry';
import { pictureFormat } from './formats';
import { openVolumes } from './openVolumes';
import { axisDirections, orientationCode } from './orientation';
import { readAsStored } from './readers';
import { sniff } from './sniff';
import type { SourceFile } from './sourceFile';
import type { ImageFacts } from './volumeFile';

/** Facts of a case; volumes are not read to their voxels, pictures and TIFF stacks are decoded. */
export async function readImageFacts(files: readonly SourceFile[]): Promise<ImageFacts> {
  const kind = await sniff(files[0]);
  if (pictureFormat(kind)) {
    const { channels, shape, spacing, warnings } = await readAsStored(files);
    return { voxelType: undefined, channels, shape, spacing, orientation: undefined, warnings };
  }
  const volumes = await openVolumes(files);
  const [{ dim, pixdim, millimetresPerUnit, voxelType, isOriented, affine }] = volumes;
  const size = (axis: number) => Math.abs(pixdim[axis] ?? 1) * millimetresPerUnit;
  const directions = isOriented ? axisDirections(affine) : undefined;
  return {
    voxelType,
    channels: volumes.reduce((sum, volume) => sum + elementCount(volume.dim.slice(3)), 0),
    shape: [dim[2] ?? 1, dim[1] ?? 1, dim[0]],
    spacing: [size(2), size(1), size(0)],
    orientation: directions && orientationCode(directions),
    warnings: volumes.flatMap(({ warnings }) => warnings),
  };
}
