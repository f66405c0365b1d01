// Evaluating segmentations: what the worker does, over whatever folders it is given.

import { displayLabels } from '@/app/files/displayLabels';
import { displayVolume } from '@/app/files/displayVolume';
import type { EvaluationStep } from '@/core/evaluation/metrics';
import { summariseCases, summaryJson } from '@/core/evaluation/summary';
import { metricsCsv, surfaceJson } from '@/core/evaluation/surfaceSummary';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import type { MedicalImage } from '@/core/io/medicalImage';
import { readAsStored } from '@/core/io/readers';
import { isAbort, messageOf } from '@/shared/errors';
import { runInPauses } from '@/shared/stepwise';
import type { CaseEvaluation, EvaluationPair, EvaluationRecord } from '@/storage/evaluationRecord';
import type { EvaluateApi, OnEvaluationEvent } from '@/workers/evaluate/api';
import type { SavedFile } from '@/workers/files/api';
import { evaluateCase } from './evaluateCase';
import { type EvaluationFiles, type EvaluationStores, evaluationFiles, pairNamed } from './evaluationFiles';
import { evaluationLabels, openSources } from './evaluationSources';
import { takeEvaluation, tellProgress } from './takeEvaluation';

export function createEvaluationService(needs: EvaluationStores): EvaluateApi {
  const { evaluations } = needs;
  const files = evaluationFiles(needs);
  let controller = new AbortController();

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
        labels: labels && evaluationLabels(labels),
        labelsFrom,
      };
    },

    async take(sources, filesId, onEvent) {
      controller = new AbortController();
      return takeEvaluation(needs, files, sources, filesId, { onEvent, signal: controller.signal });
    },

    async evaluate(record, onEvent) {
      controller = new AbortController();
      await evaluatePairs(files, record, onEvent, controller.signal);
    },

    cancel: () => controller.abort(new DOMException('The evaluation was cancelled.', 'AbortError')),

    async showImage(record, caseId, channel) {
      const { image } = pairNamed(record, caseId);
      if (image)
        return displayVolume(await readAsStored(await files.imageFiles(record, caseId, image)), channel);
      const { reference } = await files.pairOf(record, caseId);
      return displayVolume(emptyLike(reference), 0);
    },

    showOverlay: async (record, caseId, overlay) =>
      displayLabels(await files.overlayMap(record, caseId, overlay)),

    save: async (record, kind) => savedTable(record, kind),
    remove: (filesId) => evaluations.remove(filesId),

    async sweep(keptFilesIds) {
      for (const id of await evaluations.ids()) if (!keptFilesIds.includes(id)) await evaluations.remove(id);
    },
  };
}

/** Evaluates the pairs that have no evaluation yet. */
async function evaluatePairs(
  files: EvaluationFiles,
  record: EvaluationRecord,
  onEvent: OnEvaluationEvent,
  signal: AbortSignal,
): Promise<void> {
  const evaluated = new Set(record.verdicts.map(({ caseId }) => caseId));
  for (const [i, pair] of record.pairs.entries()) {
    if (evaluated.has(pair.caseId)) continue;
    await tellProgress(onEvent, 'Evaluating', i / record.pairs.length, pair.caseId);
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
    await onEvent({
      kind: 'evaluation',
      evaluation: await evaluationOf(files, record, pair, { signal, onStep }),
    });
  }
}

async function evaluationOf(
  files: EvaluationFiles,
  record: EvaluationRecord,
  pair: EvaluationPair,
  pauses: { readonly signal: AbortSignal; readonly onStep: (step: EvaluationStep) => void },
): Promise<CaseEvaluation> {
  try {
    const read = await files.readPair(record, pair);
    pauses.signal.throwIfAborted();
    return await runInPauses(evaluateCase(pair.caseId, read, record), pauses);
  } catch (error) {
    if (isAbort(error)) throw error;
    return { caseId: pair.caseId, error: messageOf(error) };
  }
}

type EvaluatedCase = Extract<CaseEvaluation, { metrics: unknown }>;

/** The verdicts that came to figures, in the order of the pairs, with their pairs. */
function pairsWithMetrics({
  pairs,
  verdicts,
}: EvaluationRecord): readonly (EvaluationPair & EvaluatedCase)[] {
  const byCase = new Map(verdicts.map((evaluation) => [evaluation.caseId, evaluation]));
  return pairs.flatMap((pair) => {
    const evaluation = byCase.get(pair.caseId);
    return evaluation && 'metrics' in evaluation ? [{ ...pair, ...evaluation }] : [];
  });
}

function savedTable(record: EvaluationRecord, kind: 'summary' | 'surface' | 'csv'): SavedFile {
  const labels = record.labels.map(({ values }) => values);
  const cases = pairsWithMetrics(record).map((one) => ({
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
