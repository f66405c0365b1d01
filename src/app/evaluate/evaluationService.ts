// Judging segmentations: what the worker does, over whatever folders it is given.

import { displayLabels, plainLabelMap } from '@/app/files/displayLabels';
import { displayVolume } from '@/app/files/displayVolume';
import { openRawDataset } from '@/core/dataset/rawDataset';
import { disagreementMap } from '@/core/evaluation/disagreement';
import type { EvaluationStep } from '@/core/evaluation/metrics';
import { summariseCases, summaryJson } from '@/core/evaluation/summary';
import { metricsCsv, surfaceJson } from '@/core/evaluation/surfaceSummary';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import type { MedicalImage } from '@/core/io/medicalImage';
import { readAsStored } from '@/core/io/readers';
import { fileName, type SourceFile } from '@/core/io/sourceFile';
import { isAbort, messageOf, StudioError } from '@/shared/errors';
import { runInPauses, type Stepwise } from '@/shared/stepwise';
import type { FolderStore } from '@/storage/datasetFolder';
import type {
  CaseImage,
  CaseVerdict,
  EvaluationRecord,
  JudgedLabel,
  JudgedPair,
} from '@/storage/evaluationRecord';
import type { EvaluateApi, EvaluationOverlay, OnEvaluationEvent } from '@/workers/evaluate/api';
import type { SavedFile } from '@/workers/files/api';
import { judgeCase, type ReadPair } from './evaluateCase';
import { type FoundImage, judgedLabels, openSources, type SourceStores } from './evaluationSources';

export interface EvaluationDeskNeeds extends SourceStores {
  readonly evaluations: FolderStore;
}

export function createEvaluationDesk(needs: EvaluationDeskNeeds): EvaluateApi {
  const { evaluations, datasets, caseFiles } = needs;
  let controller = new AbortController();
  let read: { readonly key: string; readonly pair: Promise<ReadPair> } | undefined;

  async function readPair({ filesId, datasetName }: PairPlace, pair: JudgedPair): Promise<ReadPair> {
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

  /** Pages ask for the same pair several times. */
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

  return {
    async preview(sources) {
      const { pairs, unpaired, labels, labelsFrom, imageOf } = await openSources(sources, needs);
      return {
        pairs: pairs.map((pair) => ({
          caseId: pair.caseId,
          prediction: pair.prediction.files[0].path,
          reference: pair.reference.files[0].path,
          hasImage: imageOf(pair) !== undefined,
        })),
        unpaired,
        labels: labels && judgedLabels(labels),
        labelsFrom,
      };
    },

    async take(sources, filesId, onEvent) {
      controller = new AbortController();
      const { signal } = controller;
      const opened = await openSources(sources, needs);
      if (opened.pairs.length === 0) throw nothingPaired();
      const folder = evaluations.folder(filesId);
      const keep = async (below: string, files: readonly SourceFile[]) => {
        for (const file of files) await folder.write(`${below}/${fileName(file)}`, await file.bytes());
        return files.map(fileName);
      };
      const keepImage = async (
        caseId: string,
        image: FoundImage | undefined,
      ): Promise<CaseImage | undefined> =>
        image?.kind === 'given'
          ? { kind: 'kept', files: await keep(`images/${caseId}`, image.files) }
          : image;
      try {
        const pairs: JudgedPair[] = [];
        for (const [i, pair] of opened.pairs.entries()) {
          const { caseId, prediction, reference } = pair;
          await tell(onEvent, 'Copying', i / opened.pairs.length, caseId);
          signal.throwIfAborted();
          pairs.push({
            caseId,
            prediction: await keep('predictions', prediction.files),
            reference: opened.datasetName ? undefined : await keep('references', reference.files),
            predictionPath: prediction.files[0].path,
            referencePath: reference.files[0].path,
            image: await keepImage(caseId, opened.imageOf(pair)),
          });
        }
        const place = { filesId, datasetName: opened.datasetName };
        const labels = opened.labels
          ? judgedLabels(opened.labels)
          : await labelsFound(pairs, (pair) => readPair(place, pair), onEvent, signal);
        return {
          pairs,
          unpaired: opened.unpaired,
          labels,
          ignoreLabel: opened.labels?.ignoreLabel,
          datasetName: opened.datasetName,
        };
      } catch (error) {
        await evaluations.remove(filesId);
        throw error;
      }
    },

    async evaluate(record, onEvent) {
      controller = new AbortController();
      const { signal } = controller;
      const judged = new Set(record.verdicts.map(({ caseId }) => caseId));
      for (const [i, pair] of record.pairs.entries()) {
        if (judged.has(pair.caseId)) continue;
        await tell(onEvent, 'Evaluating', i / record.pairs.length, pair.caseId);
        signal.throwIfAborted();
        const onStep = ({ share, label }: EvaluationStep) => {
          const progress = {
            stage: 'Evaluating',
            share: (i + share) / record.pairs.length,
            caseId: pair.caseId,
          };
          const count = record.labels.length;
          const at = label !== undefined && { number: label + 1, count, name: record.labels[label].name };
          void onEvent({ kind: 'progress', progress: { ...progress, ...(at && { label: at }) } });
        };
        await onEvent({ kind: 'verdict', verdict: await verdictOf(record, pair, { signal, onStep }) });
      }
    },

    cancel: () => controller.abort(new DOMException('The evaluation was cancelled.', 'AbortError')),

    async showImage(record, caseId, channel) {
      const { image } = pairNamed(record, caseId);
      if (image) return displayVolume(await readAsStored(await imageFiles(record, caseId, image)), channel);
      const { reference } = await pairOf(record, caseId);
      return displayVolume(emptyLike(reference), 0);
    },

    showOverlay: async (record, caseId, overlay) => displayLabels(await overlayMap(record, caseId, overlay)),

    save: async (record, kind) => savedTable(record, kind),
    remove: (filesId) => evaluations.remove(filesId),

    async sweep(keptFilesIds) {
      for (const id of await evaluations.ids()) if (!keptFilesIds.includes(id)) await evaluations.remove(id);
    },
  };

  async function verdictOf(
    record: EvaluationRecord,
    pair: JudgedPair,
    pauses: { readonly signal: AbortSignal; readonly onStep: (step: EvaluationStep) => void },
  ): Promise<CaseVerdict> {
    try {
      const read = await readPair(record, pair);
      pauses.signal.throwIfAborted();
      return await runInPauses(judgeCase(pair.caseId, read, record), pauses);
    } catch (error) {
      if (isAbort(error)) throw error;
      return { caseId: pair.caseId, error: messageOf(error) };
    }
  }
}

type PairPlace = Pick<EvaluationRecord, 'filesId' | 'datasetName'>;

/** Every value but 0 in any of the label maps, as labels without better names. */
async function labelsFound(
  pairs: readonly JudgedPair[],
  readPair: (pair: JudgedPair) => Promise<ReadPair>,
  onEvent: OnEvaluationEvent,
  signal: AbortSignal,
): Promise<readonly JudgedLabel[]> {
  const values = new Set<number>();
  for (const [i, pair] of pairs.entries()) {
    await tell(onEvent, 'Looking for labels', i / pairs.length, pair.caseId);
    signal.throwIfAborted();
    const read = await readPair(pair).catch(() => undefined); // told when its turn comes
    for (const { data } of read ? [read.prediction, read.reference] : []) {
      for (const value of await runInPauses(valuesIn(data), { signal })) values.add(value);
    }
  }
  values.delete(0);
  if (values.size === 0) {
    throw new StudioError(
      'NoLabels',
      'There is no label but the background in any of these files.',
      'Are they label maps?',
    );
  }
  return [...values].sort((a, b) => a - b).map((value) => ({ name: `label ${value}`, values: [value] }));
}

/** Voxels looked at between two pauses. */
const CHUNK = 1 << 20;

/** Every value once; runs of one are passed over, as most voxels are like the one before. */
function* valuesIn(data: ArrayLike<number>): Stepwise<undefined, ReadonlySet<number>> {
  const values = new Set<number>();
  let last = Number.NaN;
  for (let start = 0; start < data.length; start += CHUNK) {
    const end = Math.min(start + CHUNK, data.length);
    for (let i = start; i < end; i++) {
      if (data[i] === last) continue;
      last = data[i];
      values.add(last);
    }
    yield;
  }
  return values;
}

type Judged = Extract<CaseVerdict, { metrics: unknown }>;

/** The verdicts that came to figures, in the order of the pairs, with their pairs. */
function judgedCases({ pairs, verdicts }: EvaluationRecord): readonly (JudgedPair & Judged)[] {
  const byCase = new Map(verdicts.map((verdict) => [verdict.caseId, verdict]));
  return pairs.flatMap((pair) => {
    const verdict = byCase.get(pair.caseId);
    return verdict && 'metrics' in verdict ? [{ ...pair, ...verdict }] : [];
  });
}

function savedTable(record: EvaluationRecord, kind: 'summary' | 'surface' | 'csv'): SavedFile {
  const labels = record.labels.map(({ values }) => values);
  const cases = judgedCases(record).map((one) => ({
    ...one,
    predictionFile: one.predictionPath,
    referenceFile: one.referencePath,
  }));
  switch (kind) {
    case 'summary':
      return textFile(NNUNET_FILES.summary, summaryJson(summariseCases(labels, cases)));
    case 'surface':
      return textFile('surface.json', surfaceJson(labels, cases, record.toleranceMm));
    case 'csv':
      return textFile(`${record.id}.csv`, metricsCsv(record.labels, cases));
    default:
      return kind satisfies never;
  }
}

function textFile(name: string, text: string): SavedFile {
  return { name, content: new Blob([text]) };
}

function emptyLike(image: MedicalImage): MedicalImage {
  return { ...image, channels: 1, data: new Float32Array(image.data.length / image.channels) };
}

function pairNamed({ pairs, id }: EvaluationRecord, caseId: string): JudgedPair {
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

function nothingPaired(): StudioError {
  return new StudioError(
    'NothingPaired',
    'No prediction has the name of a reference.',
    'Name them alike: case.nii.gz in both folders.',
  );
}

/** Waits until it is heard, so that a cancel comes through as well. */
async function tell(onEvent: OnEvaluationEvent, stage: string, share: number, caseId: string): Promise<void> {
  await onEvent({ kind: 'progress', progress: { stage, share, caseId } });
}
