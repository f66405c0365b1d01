// A small raw dataset in memory, right in every way; tests break it.
import { memoryFile, type SourceFile } from '@/core/io/sourceFile';
import { randomNormal } from '@/shared/random';
import { niftiFile } from './nifti';

export const TINY_DATASET = 'Dataset007_Tiny';
/** x, y, z. */
export const TINY_DIM = [12, 10, 8] as const;
const VOXELS = TINY_DIM[0] * TINY_DIM[1] * TINY_DIM[2];

/** Contents by path below the dataset's folder. */
export type DatasetContents = Map<string, Uint8Array>;

export const TINY_JSON = {
  channel_names: { '0': 'T1', '1': 'CT' },
  labels: { background: 0, organ: 1, lesion: 2 },
  numTraining: 6,
  file_ending: '.nii',
};

export function jsonBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** Noise of that seed, with values to replace. */
export function tinyImage(seed: number, change: Partial<Parameters<typeof niftiFile>[0]> = {}): Uint8Array {
  return niftiFile({
    dim: TINY_DIM,
    type: 'float32',
    pixdim: [1, 1, 2],
    values: randomNormal(VOXELS, seed),
    ...change,
  });
}

/** A block of each label. */
export function tinyLabels(change: Partial<Parameters<typeof niftiFile>[0]> = {}): Uint8Array {
  return niftiFile({ dim: TINY_DIM, type: 'uint8', pixdim: [1, 1, 2], values: labelValues(), ...change });
}

export function labelValues(): Uint8Array {
  return Uint8Array.from({ length: VOXELS }, (_, i) => (i % 97 < 20 ? 1 : i % 97 < 25 ? 2 : 0));
}

/** Six cases of two channels. */
export function tinyDataset(): DatasetContents {
  const contents: DatasetContents = new Map([['dataset.json', jsonBytes(TINY_JSON)]]);
  for (let i = 0; i < TINY_JSON.numTraining; i++) {
    const caseId = `case_${i}`;
    contents.set(`imagesTr/${caseId}_0000.nii`, tinyImage(2 * i));
    contents.set(`imagesTr/${caseId}_0001.nii`, tinyImage(2 * i + 1));
    contents.set(`labelsTr/${caseId}.nii`, tinyLabels());
  }
  return contents;
}

/** As a dropped folder gives them. */
export function filesOf(contents: DatasetContents, folder = TINY_DATASET): readonly SourceFile[] {
  return [...contents].map(([path, content]) => memoryFile(content, `${folder}/${path}`));
}
