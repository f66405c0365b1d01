// What nnU-Net cannot plan for, said before anything is computed with it.
import { StudioError } from '@/shared/errors';
import { formatXyz } from '@/shared/geometry';
import type { FingerprintDocument } from './plansDocument';

/** Throws `EmptyFingerprint`, or `NoForeground` where no case has foreground, whose intensities would be NaN in the plans. */
export function assertPlannable(fingerprint: FingerprintDocument): void {
  if (fingerprint.spacings.length === 0) {
    throw new StudioError(
      'EmptyFingerprint',
      'The fingerprint lists no case.',
      'Extract it again from the dataset.',
    );
  }
  assertForeground(fingerprint);
}

/** Throws `NoForeground`. */
export function assertForeground({
  foreground_intensity_properties_per_channel: channels,
}: FingerprintDocument): void {
  for (const [channel, properties] of Object.entries(channels)) {
    for (const [name, value] of Object.entries(properties)) {
      if (Number.isFinite(value)) continue;
      throw new StudioError(
        'NoForeground',
        `No case of the dataset has foreground: the ${name} of its intensities in channel ${channel} is ${value}.`,
        'Check the label maps: they hold nothing but background (0). Without labelled voxels there is nothing to learn.',
      );
    }
  }
}

/**
 * Throws `SingleSlice` for volumes of one slice along another axis than the network's first: nnU-Net takes single slices as
 * 2D along the first axis alone, and fails on others (`OverflowError`). `shape`: the median case, along the network's axes.
 */
export function assertSliceAxis(
  shape: readonly number[],
  transposeForward: readonly number[],
  datasetName: string,
): void {
  const axis = shape.findIndex((size, i) => i > 0 && size === 1);
  if (axis < 0) return;
  const name = 'zyx'[transposeForward[axis]];
  const inFile = transposeForward.map((_, i) => shape[transposeForward.indexOf(i)]);
  throw new StudioError(
    'SingleSlice',
    `${datasetName}: the images are single slices along ${name}: the median case is ${formatXyz(inFile)} voxels (x × y × z). Single slices must lie along z, the first axis of the array and the last of a NIfTI file.`,
    'Move that axis to z, voxel size and label maps too (in Python: np.moveaxis), or save the slices as 2D images (.png, .tif) in a new dataset.',
  );
}
