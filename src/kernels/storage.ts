// Feature maps may be stored as f16. Arithmetic is f32 in any case: shaders convert as they load and store.

import type { GpuArray } from '@/gpu/dispatch';

/** What the elements of a feature map are stored as. */
export type FeatureDtype = 'f32' | 'f16';

/** Throws where the array holds something else than a feature map. */
export function featureDtypeOf({ dtype }: GpuArray): FeatureDtype {
  if (dtype === 'u32') throw new Error('a feature map is f32 or f16, not u32');
  return dtype;
}

/** WGSL type of `width` stored elements. */
export function storedType(storage: FeatureDtype, width: 1 | 4): string {
  if (width === 1) return storage;
  return storage === 'f16' ? 'vec4h' : 'vec4f';
}

/** What a module that uses these types begins with. */
export function enableStorage(...storages: readonly FeatureDtype[]): string {
  return storages.includes('f16') ? 'enable f16;\n' : '';
}

/** What all of these are stored as; throws where they differ. */
export function commonStorage(label: string, ...arrays: readonly (GpuArray | undefined)[]): FeatureDtype {
  const storages = new Set(arrays.flatMap((array) => (array ? [featureDtypeOf(array)] : [])));
  const [storage] = storages;
  if (storage === undefined || storages.size > 1) {
    throw new Error(`${label}: feature maps are stored as ${[...storages].join(' and ')}`);
  }
  return storage;
}
