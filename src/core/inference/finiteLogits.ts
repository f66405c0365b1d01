import { firstNotFinite } from '@/core/interop/finiteWeights';
import { StudioError } from '@/shared/errors';

/** Stands for the label of a voxel with a logit that is no number; no label is that high. */
const NOT_FINITE_LABEL = 0xffffffff;

/** Throws `LogitsNotFinite` where a voxel has that label. */
export function assertFiniteLabels(labels: Uint32Array): void {
  if (labels.includes(NOT_FINITE_LABEL)) throw logitsNotFinite();
}

/** Throws `LogitsNotFinite` where a logit is NaN or infinite. */
export function assertFiniteLogits(logits: Float32Array): void {
  if (firstNotFinite(logits) >= 0) throw logitsNotFinite();
}

function logitsNotFinite(): StudioError {
  return new StudioError(
    'LogitsNotFinite',
    'The network gave values that are not finite (NaN or infinite) for this image, from which no label can be told.',
    'Check that the image has the intensities of the training data, and try the model on another image: if it fails there too, its training has diverged.',
  );
}
