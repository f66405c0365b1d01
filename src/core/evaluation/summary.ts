// nnU-Net's summary.json of an evaluated folder.

import { z } from 'zod';
import { parseJson, validate } from '@/core/interop/json';
import { orderedRecord } from '@/core/interop/orderedRecord';
import { pythonJson } from '@/core/interop/pythonJson';
import { StudioError } from '@/shared/errors';
import { mean, nanMean } from '@/shared/statistics';
import { type LabelOrRegion, labelKey, type SegmentationMetrics } from './metrics';

/** One predicted case. */
export interface CaseMetrics {
  readonly predictionFile: string;
  readonly referenceFile: string;
  /** In the order of the labels. */
  readonly metrics: readonly SegmentationMetrics[];
}

export interface EvaluationSummary {
  readonly labels: readonly LabelOrRegion[];
  readonly cases: readonly CaseMetrics[];
  /** Of each label over the cases that have a value. */
  readonly mean: readonly SegmentationMetrics[];
  /** Of the labels' means; NaN where one of them is. */
  readonly foregroundMean: SegmentationMetrics;
}

/** Means of all cases. Follows nnU-Net's `compute_metrics_on_folder`. */
export function summariseCases(
  labels: readonly LabelOrRegion[],
  cases: readonly CaseMetrics[],
): EvaluationSummary {
  const means = labels.map((_, l) =>
    overMetrics((metric) => nanMean(cases.map(({ metrics }) => metrics[l][metric]))),
  );
  const foreground = means.filter((_, l) => labelKey(labels[l]) !== '0');
  const foregroundMean = overMetrics((metric) => mean(foreground.map((each) => each[metric])));
  return { labels, cases, mean: means, foregroundMean };
}

function overMetrics(value: (metric: keyof SegmentationMetrics) => number): SegmentationMetrics {
  return {
    Dice: value('Dice'),
    FN: value('FN'),
    FP: value('FP'),
    IoU: value('IoU'),
    TN: value('TN'),
    TP: value('TP'),
    n_pred: value('n_pred'),
    n_ref: value('n_ref'),
  };
}

/** The means of a summary, as files of nnU-Net have them. */
export function meansOf(summary: Omit<EvaluationSummary, 'cases'>) {
  return { foreground_mean: summary.foregroundMean, mean: byLabel(summary.labels, summary.mean) };
}

function byLabel(labels: readonly LabelOrRegion[], metrics: readonly SegmentationMetrics[]) {
  return new Map(labels.map((label, l) => [labelKey(label), metrics[l]]));
}

/** The file as nnU-Net writes it. Follows `save_summary_json`. */
export function summaryJson(summary: EvaluationSummary): string {
  return pythonJson(
    {
      ...meansOf(summary),
      metric_per_case: summary.cases.map(({ metrics, predictionFile, referenceFile }) => ({
        metrics: byLabel(summary.labels, metrics),
        prediction_file: predictionFile,
        reference_file: referenceFile,
      })),
    },
    {
      shouldSortKeys: true,
      mayBeNaN: () => true,
      isFloat: (path) => path[0] !== 'metric_per_case' || ['Dice', 'IoU'].includes(path.at(-1) ?? ''),
    },
  );
}

/** A number, NaN too; files that passed through strict JSON have null for it. */
const metric = z.union([
  z.custom<number>((value) => typeof value === 'number', 'expected a number'),
  z.null().transform(() => Number.NaN),
]);

const metricsSchema = z.object({
  Dice: metric,
  FN: metric,
  FP: metric,
  IoU: metric,
  TN: metric,
  TP: metric,
  n_pred: metric,
  n_ref: metric,
});

const byLabelSchema = orderedRecord(
  metricsSchema,
  z.string().regex(/^\s*(-?\d+|\(\s*\d+\s*(,\s*\d+\s*)*,?\s*\))\s*$/, 'expected a label or a region'),
);

const summarySchema = z.object({
  foreground_mean: metricsSchema,
  mean: byLabelSchema,
  metric_per_case: z.array(
    z.object({ metrics: byLabelSchema, prediction_file: z.string(), reference_file: z.string() }),
  ),
});

/** `1` is a label, `(1, 2, 3)` a region. Follows nnU-Net's `key_to_label_or_region`. */
export function labelOfKey(key: string): LabelOrRegion {
  return (key.match(/-?\d+/g) ?? []).map(Number);
}

/**
 * Reads a summary.json, bare `NaN` included. Its labels come in the order of `labels`, or without those in the file's.
 * Throws `BadJson` or `BadSummary` with the path to what is wrong, or with the label that it lacks.
 *
 * Follows nnU-Net's `load_summary_json`.
 */
export function readSummary(
  text: string,
  file: string,
  labels?: readonly LabelOrRegion[],
): EvaluationSummary {
  const json = validate(summarySchema, parseJson(text, file), file, 'BadSummary');
  const order = labels ?? [...json.mean.keys()].map(labelOfKey);
  const inOrder = (metrics: ReadonlyMap<string, SegmentationMetrics>, where: string) => {
    const found = new Map([...metrics].map(([key, each]) => [labelKey(labelOfKey(key)), each]));
    return order.map((label) => {
      const each = found.get(labelKey(label));
      if (each) return each;
      throw new StudioError(
        'BadSummary',
        `${file}: ${where} has nothing for ${labelKey(label)}.`,
        'It belongs to other labels; delete it and evaluate again.',
      );
    });
  };
  return {
    labels: order,
    cases: json.metric_per_case.map((each) => ({
      predictionFile: each.prediction_file,
      referenceFile: each.reference_file,
      metrics: inOrder(each.metrics, each.prediction_file),
    })),
    mean: inOrder(json.mean, 'mean'),
    foregroundMean: json.foreground_mean,
  };
}
