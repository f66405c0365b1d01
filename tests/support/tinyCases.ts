// Small images for the tiny model of modelFolder.ts.
import { type CaseFiles, groupIntoCases } from '@/core/io/cases';
import { memoryFile } from '@/core/io/sourceFile';
import { randomNormal } from '@/shared/random';
import { niftiFile } from './nifti';

/** Bytes of a `.nii` of 20 × 24 × 6 voxels with the tiny model's spacing; noise from `seed`. */
export function tinyImage(seed: number): Uint8Array {
  const dim = [20, 24, 6];
  return niftiFile({ dim, type: 'float32', pixdim: [1, 1, 3], values: randomNormal(20 * 24 * 6, seed) });
}

/** The cases `case_a`, `case_b`, …, one file each; a case without content is a file that is no image. */
export function tinyCases(contents: readonly (Uint8Array | undefined)[]): readonly CaseFiles[] {
  const names = 'abcdefgh';
  const files = contents.map((content, i) =>
    memoryFile(content ?? new TextEncoder().encode('no image'), `case_${names[i]}_0000.nii`),
  );
  return groupIntoCases(files).cases;
}
