import { gunzipSync } from 'node:zlib';
import { parseNiftiHeader } from '@/core/io/niftiHeader';

const NIFTI1_HEADER_BYTES = 348;

/** The header's bytes of a NIfTI-1 `.nii.gz`. */
export function headerOf(gzipped: Uint8Array): readonly number[] {
  return Array.from(gunzipSync(gzipped).subarray(0, NIFTI1_HEADER_BYTES));
}

/** Labels of a `.nii.gz` of bytes, in file order. */
export function labelsOf(gzipped: Uint8Array): Uint8Array {
  const bytes = gunzipSync(gzipped);
  const { dim, voxelType, voxOffset } = parseNiftiHeader(bytes, 'labels.nii.gz');
  if (voxelType !== 'uint8') throw new Error(`labels are stored as ${voxelType}`);
  const labels = bytes.subarray(voxOffset);
  const voxels = dim.reduce((product, size) => product * size, 1);
  if (labels.length !== voxels) throw new Error(`${labels.length} labels for ${dim.join(' × ')} voxels`);
  return labels;
}

/** Share of voxels that two label files agree on; throws if their sizes differ. */
export function shareOfEqualVoxels(a: Uint8Array, b: Uint8Array): number {
  const [first, second] = [labelsOf(a), labelsOf(b)];
  if (first.length !== second.length) throw new Error(`${first.length} and ${second.length} voxels`);
  return first.reduce((equal, label, i) => equal + (label === second[i] ? 1 : 0), 0) / first.length;
}
