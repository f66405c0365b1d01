import { planExperiment } from '@/core/planning/planExperiment';
import { PLANNERS } from '@/core/planning/planners';
import type { FingerprintDocument } from '@/core/planning/plansDocument';
import { plansJson } from '@/core/planning/writePlans';

/** A dataset of abdominal CT scans as hospitals have it, in numbers: no image is behind it. */
const FINGERPRINT: FingerprintDocument = {
  foreground_intensity_properties_per_channel: {
    0: {
      max: 1250,
      mean: 92,
      median: 101,
      min: -840,
      percentile_00_5: -62,
      percentile_99_5: 214,
      std: 44,
    },
  },
  median_relative_size_after_cropping: 1,
  shapes_after_crop: Array.from({ length: 40 }, (_, i) => [140 + 5 * i, 512, 512]),
  spacings: Array.from({ length: 40 }, (_, i) => [
    1 + (i % 5) * 0.5,
    0.68 + (i % 7) * 0.03,
    0.68 + (i % 7) * 0.03,
  ]),
};

/** A plans file to look at where there is none yet, by nnU-Net's own rules. */
export function examplePlans(): { readonly text: string; readonly fileName: string } {
  const dataset = {
    name: 'Dataset999_ExampleCT',
    channelNames: ['CT'],
    labelEntries: 4,
    numTraining: 40,
    imageReaderWriter: 'SimpleITKIO',
  };
  const plans = planExperiment(FINGERPRINT, dataset, PLANNERS[0]);
  return { text: plansJson(plans), fileName: `${plans.plans_name}.json` };
}
