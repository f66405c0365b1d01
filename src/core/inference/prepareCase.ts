// An image on its way to the network, whatever computes that.

import { foregroundLabels } from '@/core/interop/labels';
import type { NnunetModel } from '@/core/interop/model';
import type { MedicalImage } from '@/core/io/medicalImage';
import { type PreprocessedArrays, preprocessCase } from '@/core/preprocessing/preprocessCase';
import type { Gpu } from '@/gpu/device';
import type { Zyx } from '@/shared/geometry';
import { type LabelMap, previousStageOf } from './previousStage';
import type { PredictProgress } from './settings';

/** How one call can be watched and stopped. */
export interface CaseOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: PredictProgress) => void;
}

/** What preparing one image takes. */
export interface PrepareOptions extends CaseOptions {
  /** For the second stage of a cascade: the first one's segmentation, on the image's own grid. */
  readonly previousStage?: LabelMap | undefined;
}

/** A preprocessed case, ready for the network. */
export interface PreparedCase extends PreprocessedArrays {
  /** How long it took, seconds. */
  readonly seconds: number;
}

/** Size of a prepared case in the network's axis order, voxels. */
export function networkShape({ shape }: PreparedCase): Zyx {
  return [shape[1], shape[2], shape[3]];
}

/**
 * Transposes, crops, normalises and resamples as for training. The second stage of a cascade gets the first one's
 * foreground labels as further channels. Throws `ChannelCount`, and as {@link previousStageOf}.
 */
export async function prepareCase(
  image: MedicalImage,
  { model, gpu }: { readonly model: NnunetModel; readonly gpu?: Gpu },
  options: PrepareOptions = {},
): Promise<PreparedCase> {
  const { signal, onProgress } = options;
  const previous = previousStageOf(options.previousStage, image.shape, model);
  const started = performance.now();
  const prepared = await preprocessCase({
    image,
    plans: model.plans,
    configuration: model.configuration,
    gpu,
    isCropped: model.foreignNetwork?.cropsToNonzero ?? true,
    ...(previous && { seg: previous.data, labelsAsChannels: foregroundLabels(model.labels) }),
    ...(signal && { signal }),
    onProgress: (share) => onProgress?.({ stage: 'preprocessing', share }),
  });
  const { data, shape, properties } = prepared;
  return { data, shape, properties, seconds: (performance.now() - started) / 1000 };
}
