// The files that an evaluation speaks of: its pairs, their images, and what is laid over them.

import { plainLabelMap } from '@/app/files/displayLabels';
import { openRawDataset } from '@/core/dataset/rawDataset';
import { disagreementMap } from '@/core/evaluation/disagreement';
import { readAsStored } from '@/core/io/readers';
import type { SourceFile } from '@/core/io/sourceFile';
import { StudioError } from '@/shared/errors';
import type { FolderStore } from '@/storage/datasetFolder';
import type { CaseImage, EvaluationPair, EvaluationRecord } from '@/storage/evaluationRecord';
import type { EvaluationOverlay } from '@/workers/evaluate/api';
import type { ReadPair } from './evaluateCase';
import type { SourceStores } from './evaluationSources';

export interface EvaluationStores extends SourceStores {
  readonly evaluations: FolderStore;
}

/** Where the files of a pair lie. */
type PairPlace = Pick<EvaluationRecord, 'filesId' | 'datasetName'>;

export interface EvaluationFiles {
  readPair(place: PairPlace, pair: EvaluationPair): Promise<ReadPair>;
  /** The pair of that case; one that is asked for again is read once. */
  pairOf(record: EvaluationRecord, caseId: string): Promise<ReadPair>;
  imageFiles(record: EvaluationRecord, caseId: string, image: CaseImage): Promise<readonly SourceFile[]>;
  /** What is laid over the image, as a label map. */
  overlayMap(record: EvaluationRecord, caseId: string, overlay: EvaluationOverlay): Promise<SourceFile>;
}

/** Throws `MissingFile` for what was removed meanwhile. */
export function evaluationFiles({ evaluations, datasets, caseFiles }: EvaluationStores): EvaluationFiles {
  let read: { readonly key: string; readonly pair: Promise<ReadPair> } | undefined;

  async function readPair({ filesId, datasetName }: PairPlace, pair: EvaluationPair): Promise<ReadPair> {
    const folder = evaluations.folder(filesId);
    const readFiles = async (below: string, names: readonly string[]) =>
      readAsStored(
        await Promise.all(names.map(async (name) => found(await folder.open(`${below}/${name}`), name))),
      );
    const prediction = await readFiles('predictions', pair.prediction);
    if (pair.reference) return { prediction, reference: await readFiles('references', pair.reference) };
    const { label } = await datasetCase(datasetName, pair.caseId);
    return { prediction, reference: await readAsStored([found(label, pair.caseId)]) };
  }

  async function datasetCase(datasetName: string | undefined, caseId: string) {
    const { cases } = await openRawDataset(await datasets.files(found(datasetName, 'The dataset'), 'raw'));
    return found(
      cases.find((one) => one.caseId === caseId),
      caseId,
    );
  }

  function pairOf(record: EvaluationRecord, caseId: string): Promise<ReadPair> {
    const key = `${record.filesId} ${caseId}`;
    if (read?.key !== key) read = { key, pair: readPair(record, pairNamed(record, caseId)) };
    return read.pair;
  }

  async function imageFiles(
    { filesId, datasetName }: EvaluationRecord,
    caseId: string,
    image: CaseImage,
  ): Promise<readonly SourceFile[]> {
    switch (image.kind) {
      case 'dataset':
        return (await datasetCase(datasetName, caseId)).images;
      case 'case':
        return Promise.all(image.files.map((name) => caseFiles.open(image.id, name)));
      case 'kept': {
        const folder = evaluations.folder(filesId);
        return Promise.all(
          image.files.map(async (name) => found(await folder.open(`images/${caseId}/${name}`), name)),
        );
      }
      default:
        return image satisfies never;
    }
  }

  async function overlayMap(
    record: EvaluationRecord,
    caseId: string,
    overlay: EvaluationOverlay,
  ): Promise<SourceFile> {
    const { prediction, reference } = await pairOf(record, caseId);
    if (overlay.kind === 'prediction') return plainLabelMap(prediction, caseId);
    if (overlay.kind === 'reference') return plainLabelMap(reference, caseId);
    const map = disagreementMap({
      prediction: prediction.data,
      reference: reference.data,
      shape: reference.shape,
      ...(overlay.label !== undefined && { values: record.labels[overlay.label].values }),
      ignoreLabel: record.ignoreLabel,
    });
    return plainLabelMap({ ...reference, data: Float32Array.from(map) }, caseId);
  }

  return { readPair, pairOf, imageFiles, overlayMap };
}

/** Throws `CaseMissing`. */
export function pairNamed({ pairs, id }: EvaluationRecord, caseId: string): EvaluationPair {
  const pair = pairs.find((one) => one.caseId === caseId);
  if (pair) return pair;
  throw new StudioError('CaseMissing', `${id} has no case ${caseId}.`, 'Choose one from the table.');
}

function found<Thing>(thing: Thing | undefined, name: string): Thing {
  if (thing !== undefined) return thing;
  throw new StudioError(
    'MissingFile',
    `${name} is no longer there: its dataset or files were removed.`,
    'Evaluate again.',
  );
}
