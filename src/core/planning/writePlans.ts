// plans.json and dataset_fingerprint.json as nnU-Net writes them, floats and key order included.
import { pythonJson } from '@/core/interop/pythonJson';
import type { AnyPlans } from './anyPlans';
import type { FingerprintDocument, PlansDocument } from './plansDocument';

/** Lists of floats in a fingerprint. */
const FINGERPRINT_FLOATS = new Set(['spacings', 'median_relative_size_after_cropping']);

/** The text of dataset_fingerprint.json. */
export function fingerprintJson(fingerprint: FingerprintDocument): string {
  return pythonJson(fingerprint, {
    shouldSortKeys: true,
    isFloat: ([key]) => FINGERPRINT_FLOATS.has(key) || key === 'foreground_intensity_properties_per_channel',
  });
}

/** The text of a plans file. Low-resolution configurations have whole median sizes, the others floats. */
export function plansJson(plans: PlansDocument | AnyPlans): string {
  return pythonJson(plans, {
    // Of plans that nnU-Net made for a dataset without foreground; such are passed on, but not made here.
    mayBeNaN: ([key]) => key.startsWith('foreground_intensity_properties'),
    isFloat: ([key, configuration, property]) => {
      if (key === 'configurations') {
        return (
          property === 'spacing' ||
          (property === 'median_image_size_in_voxels' && configuration !== '3d_lowres')
        );
      }
      return (
        key === 'original_median_spacing_after_transp' ||
        key === 'foreground_intensity_properties_per_channel'
      );
    },
  });
}
