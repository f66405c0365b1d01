import type { CaseRecord } from '@/storage/caseRecord';
import type { EvaluationSources } from '@/workers/evaluate/api';
import type { GivenFile } from '@/workers/files/api';
import { folderOf } from './DropZone';

/** What is filled in so far. */
export interface EvaluationForm {
  readonly predictionKind: 'files' | 'cases';
  readonly predictions: readonly GivenFile[];
  readonly referenceKind: 'files' | 'dataset';
  readonly references: readonly GivenFile[];
  readonly datasetName: string | undefined;
  readonly images: readonly GivenFile[];
  readonly toleranceMm: number;
}

export const START: EvaluationForm = {
  predictionKind: 'files',
  predictions: [],
  referenceKind: 'files',
  references: [],
  datasetName: undefined,
  images: [],
  toleranceMm: 1,
};

/** What the worker is to look at, once both sides are given. */
export function sourcesOf(form: EvaluationForm, cases: readonly CaseRecord[]): EvaluationSources | undefined {
  const { predictionKind, predictions, referenceKind, references, datasetName, images } = form;
  const hasPredictions = predictionKind === 'cases' ? cases.length > 0 : predictions.length > 0;
  const hasReferences = referenceKind === 'dataset' ? datasetName !== undefined : references.length > 0;
  if (!hasPredictions || !hasReferences) return undefined;
  return {
    predictions:
      predictionKind === 'cases' ? { kind: 'cases', cases } : { kind: 'files', files: predictions },
    references:
      referenceKind === 'dataset'
        ? { kind: 'dataset', name: datasetName ?? '' }
        : { kind: 'files', files: references },
    images: predictionKind === 'files' && referenceKind === 'files' ? images : [],
  };
}

/** `predictions against labelsTr`. */
export function titleOf(form: EvaluationForm): string {
  const left =
    form.predictionKind === 'cases' ? 'Results of Segment' : (folderOf(form.predictions) ?? 'Predictions');
  const right =
    form.referenceKind === 'dataset' ? (form.datasetName ?? '') : (folderOf(form.references) ?? 'references');
  return `${left} against ${right}`;
}
