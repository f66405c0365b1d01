import { gunzipSync } from 'node:zlib';
import { readCase } from '@/core/io/readers';
import { memoryFile } from '@/core/io/sourceFile';

const NIFTI1_HEADER_BYTES = 348;

/** The header's bytes of a NIfTI-1 `.nii.gz`. */
export function headerOf(gzipped: Uint8Array): readonly number[] {
  return Array.from(gunzipSync(gzipped).subarray(0, NIFTI1_HEADER_BYTES));
}

/** Share of voxels that two label files agree on; throws if their shapes differ. */
export async function shareOfEqualVoxels(a: Uint8Array, b: Uint8Array): Promise<number> {
  const [first, second] = await Promise.all(
    [a, b].map((bytes) => readCase([memoryFile(bytes, 'labels.nii.gz')], 'SimpleITKIO')),
  );
  if (first.shape.join() !== second.shape.join()) {
    throw new Error(`shapes differ: ${first.shape.join()} and ${second.shape.join()}`);
  }
  let equal = 0;
  for (let i = 0; i < first.data.length; i++) if (first.data[i] === second.data[i]) equal++;
  return equal / first.data.length;
}
