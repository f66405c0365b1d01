// nnU-Net's summary.json of an evaluated folder.

import { pythonJson } from '@/core/interop/pythonJson';
import { nanMean } from '@/shared/statistics';
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
  const mean = labels.map((_, l) =>
    overMetrics((metric) => nanMean(cases.map(({ metrics }) => metrics[l][metric]))),
  );
  const foreground = mean.filter((_, l) => labelKey(labels[l]) !== '0');
  const foregroundMean = overMetrics(
    (metric) => foreground.reduce((sum, each) => sum + each[metric], 0) / foreground.length,
  );
  return { labels, cases, mean, foregroundMean };
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

/** The file as nnU-Net writes it. Follows `save_summary_json`. */
export function summaryJson({ labels, cases, mean, foregroundMean }: EvaluationSummary): string {
  const byLabel = (metrics: readonly SegmentationMetrics[]) =>
    Object.fromEntries(labels.map((label, l) => [labelKey(label), metrics[l]]));
  return pythonJson(
    {
      foreground_mean: foregroundMean,
      mean: byLabel(mean),
      metric_per_case: cases.map(({ metrics, predictionFile, referenceFile }) => ({
        metrics: byLabel(metrics),
        prediction_file: predictionFile,
        reference_file: referenceFile,
      })),
    },
    {
      shouldSortKeys: true,
      isFloat: (path) => path[0] !== 'metric_per_case' || ['Dice', 'IoU'].includes(path.at(-1) ?? ''),
    },
  );
}
