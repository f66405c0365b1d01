import type { FingerprintDocument } from '@/core/planning/plansDocument';
import { median } from '@/shared/statistics';
import type { CaseFingerprint } from './caseFingerprint';
import { intensityProperties, type SurveyOptions } from './intensityProperties';

/**
 * The dataset's fingerprint from its cases, in the order of their sorted ids; the document of
 * `dataset_fingerprint.json`. `samples`: draws per case and channel.
 *
 * Follows nnU-Net's `DatasetFingerprintExtractor.run`.
 */
export async function datasetFingerprint(
  cases: readonly CaseFingerprint[],
  channels: number,
  samples: number,
  { onLook, ...options }: SurveyOptions = {},
): Promise<FingerprintDocument> {
  const properties: Record<string, Record<string, number>> = {};
  for (let c = 0; c < channels; c++) {
    properties[`${c}`] = await intensityProperties(
      cases.map(({ intensities }) => intensities[c]),
      samples,
      { ...options, onLook: (share) => onLook?.((c + share) / channels) },
    );
  }
  return {
    foreground_intensity_properties_per_channel: properties,
    median_relative_size_after_cropping: median(cases.map((one) => one.relativeSizeAfterCropping)),
    shapes_after_crop: cases.map((one) => one.shapeAfterCrop),
    spacings: cases.map((one) => one.spacing),
  };
}
