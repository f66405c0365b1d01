// What stands beside nnU-Net's summary.json: surface metrics as JSON, and everything as a table for spreadsheets.
import { pythonJson } from '@/core/interop/pythonJson';
import { type LabelOrRegion, labelKey, type SegmentationMetrics } from './metrics';
import type { SurfaceMetrics } from './surfaceDistance';

/** Of one case, in the order of the labels. */
export interface CaseSurfaces {
  readonly predictionFile: string;
  readonly referenceFile: string;
  readonly surfaces: readonly SurfaceMetrics[];
}

/** Means of one label over the cases. */
export interface MeanSurface {
  /** Over the cases in which prediction or reference has it. */
  readonly NSD: number;
  /** mm, over the cases in which both have it. */
  readonly HD95: number;
  /** Cases in which only one of them has it, whose distance is infinite. */
  readonly missed: number;
}

/** Means of surface metrics of one label; NaN where there is nothing to average. */
export function meanSurface(surfaces: readonly SurfaceMetrics[]): MeanSurface {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  return {
    NSD: mean(surfaces.map(({ NSD }) => NSD).filter((value) => !Number.isNaN(value))),
    HD95: mean(surfaces.map(({ HD95 }) => HD95).filter(Number.isFinite)),
    missed: surfaces.filter(({ HD95 }) => HD95 === Number.POSITIVE_INFINITY).length,
  };
}

/**
 * `surface.json`: keys as in summary.json. `HD95` of a case is `Infinity` where only one of the two has the label, `NaN`
 * where neither has; its mean is over finite ones, and `n_missed` counts the infinite ones.
 */
export function surfaceJson(
  labels: readonly LabelOrRegion[],
  cases: readonly CaseSurfaces[],
  toleranceMm: number,
): string {
  const byLabel = <Value>(value: (l: number) => Value) =>
    new Map(labels.map((label, l) => [labelKey(label), value(l)]));
  return pythonJson(
    {
      mean: byLabel((l) => {
        const { NSD, HD95, missed } = meanSurface(cases.map(({ surfaces }) => surfaces[l]));
        return { NSD, HD95, n_missed: missed };
      }),
      metric_per_case: cases.map(({ predictionFile, referenceFile, surfaces }) => ({
        metrics: byLabel((l) => surfaces[l]),
        prediction_file: predictionFile,
        reference_file: referenceFile,
      })),
      tolerance_mm: toleranceMm,
    },
    { shouldSortKeys: true, mayBeNaN: () => true, isFloat: (path) => path.at(-1) !== 'n_missed' },
  );
}

/** A case for the table. */
export interface TableCase {
  readonly caseId: string;
  /** Of a voxel, ml. */
  readonly voxelMl: number;
  readonly metrics: readonly SegmentationMetrics[];
  readonly surfaces: readonly SurfaceMetrics[];
}

const COLUMNS = [
  'case',
  'label',
  'name',
  'Dice',
  'IoU',
  'NSD',
  'HD95_mm',
  'TP',
  'FP',
  'FN',
  'TN',
  'n_pred',
  'n_ref',
  'predicted_ml',
  'reference_ml',
] as const;

/** Everything as comma-separated values, a line per case and label; values that do not exist are empty. */
export function metricsCsv(
  labels: readonly { readonly name: string; readonly values: LabelOrRegion }[],
  cases: readonly TableCase[],
): string {
  const lines = cases.flatMap(({ caseId, voxelMl, metrics, surfaces }) =>
    labels.map(({ name, values }, l) => {
      const { Dice, IoU, TP, FP, FN, TN, n_pred, n_ref } = metrics[l];
      const { NSD, HD95 } = surfaces[l];
      const numbers = [
        Dice,
        IoU,
        NSD,
        HD95,
        TP,
        FP,
        FN,
        TN,
        n_pred,
        n_ref,
        n_pred * voxelMl,
        n_ref * voxelMl,
      ];
      return [caseId, labelKey(values), name].map(quoted).concat(numbers.map(cell)).join(',');
    }),
  );
  return `${[COLUMNS.join(','), ...lines].join('\n')}\n`;
}

function quoted(text: string): string {
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function cell(value: number): string {
  if (Number.isNaN(value)) return '';
  return value === Number.POSITIVE_INFINITY ? 'inf' : String(value);
}
