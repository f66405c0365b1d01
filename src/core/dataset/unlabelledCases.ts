// Cases without a label map: they can be looked at and labelled, but nnU-Net trains on none of a dataset that has some.
import { StudioError } from '@/shared/errors';
import { listed } from './findings';
import type { RawCase, RawDataset } from './rawDataset';

/** Cases that have an image, but no label map yet. */
export function unlabelledCases(cases: readonly RawCase[]): readonly RawCase[] {
  return cases.filter(({ label }) => label === undefined);
}

/** Throws `NoLabelMaps` with the names of cases that lack theirs; nnU-Net needs one for every case. */
export function assertLabelled({ name, cases }: Pick<RawDataset, 'name' | 'cases'>): void {
  const unlabelled = unlabelledCases(cases);
  if (unlabelled.length > 0) throw noLabelMaps(name, unlabelled, cases.length);
}

function noLabelMaps(name: string, unlabelled: readonly RawCase[], total: number): StudioError {
  const [{ caseId, labelPath }] = unlabelled;
  const have = unlabelled.length === 1 ? 'has' : 'have';
  return new StudioError(
    'NoLabelMaps',
    `${name}: ${unlabelled.length} of ${total} cases ${have} no label map: ${listed(unlabelled.map((one) => one.caseId))}. nnU-Net needs one for every case.`,
    `Add them (${labelPath} for ${caseId}; in the studio with "Add label maps" under Data), or take the images of these cases out of the dataset.`,
  );
}
