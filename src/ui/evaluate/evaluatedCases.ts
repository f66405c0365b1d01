// The figures of an evaluation as the page lists them.
import { labelKey } from '@/core/evaluation/metrics';
import { summariseCases } from '@/core/evaluation/summary';
import { meanSurface } from '@/core/evaluation/surfaceSummary';
import { nanMean } from '@/shared/statistics';
import type { CaseEvaluation, EvaluationRecord } from '@/storage/evaluationRecord';
import { formatMillilitres } from '../formats';

type EvaluatedCase = Extract<CaseEvaluation, { metrics: unknown }>;

/** One label of one case. */
export interface CaseRow {
  readonly caseId: string;
  /** Place among the evaluation's labels. */
  readonly label: number;
  readonly figures: Figures;
  readonly warning: string | undefined;
}

/** By column; volumes in ml. */
export type Figures = Readonly<Record<ColumnName, number>>;

export type ColumnName = 'Dice' | 'IoU' | 'NSD' | 'HD95' | 'TP' | 'FP' | 'FN' | 'predicted' | 'reference';

interface Column {
  readonly name: ColumnName;
  readonly title: string;
  readonly sentence: string;
  readonly isHighBad: boolean;
  readonly format: (value: number) => string;
}

const share = (value: number) => (Number.isNaN(value) ? '–' : value.toFixed(4));
const count = (value: number) => value.toLocaleString('en', { maximumFractionDigits: 1 });
const millimetres = (value: number) =>
  Number.isNaN(value) ? '–' : value === Number.POSITIVE_INFINITY ? '∞' : value.toFixed(2);
const millilitres = (value: number) => (Number.isNaN(value) ? '–' : formatMillilitres(value));

export const COLUMNS: readonly Column[] = [
  {
    name: 'Dice',
    title: 'Dice',
    sentence: 'Overlap of both, from 0 to 1: twice what they share over the sum of their sizes.',
    isHighBad: false,
    format: share,
  },
  {
    name: 'IoU',
    title: 'IoU',
    sentence: 'Intersection over union, from 0 to 1: what they share over what either has.',
    isHighBad: false,
    format: share,
  },
  {
    name: 'NSD',
    title: 'NSD',
    sentence:
      'Surface Dice: how much of both surfaces lies within the tolerance of the other one, from 0 to 1.',
    isHighBad: false,
    format: share,
  },
  {
    name: 'HD95',
    title: 'HD95, mm',
    sentence:
      '95 % Hausdorff distance: all but 5 % of either surface lie at most this far from the other. ∞ where only one has the label.',
    isHighBad: true,
    format: millimetres,
  },
  { name: 'TP', title: 'TP', sentence: 'Voxels in both.', isHighBad: false, format: count },
  { name: 'FP', title: 'FP', sentence: 'Voxels in the prediction only.', isHighBad: true, format: count },
  { name: 'FN', title: 'FN', sentence: 'Voxels in the reference only.', isHighBad: true, format: count },
  {
    name: 'predicted',
    title: 'Predicted, ml',
    sentence: 'Volume of the prediction.',
    isHighBad: false,
    format: millilitres,
  },
  {
    name: 'reference',
    title: 'Reference, ml',
    sentence: 'Volume of the reference.',
    isHighBad: false,
    format: millilitres,
  },
];

export function columnNamed(name: ColumnName): Column {
  const column = COLUMNS.find((one) => one.name === name);
  if (!column) throw new Error(`there is no column ${name}`);
  return column;
}

export function evaluatedCases({ verdicts }: EvaluationRecord): readonly EvaluatedCase[] {
  return verdicts.filter((evaluation): evaluation is EvaluatedCase => 'metrics' in evaluation);
}

/** A row per case and label. */
export function caseRows(record: EvaluationRecord): readonly CaseRow[] {
  return evaluatedCases(record).flatMap((evaluation) =>
    record.labels.map((_, label) => ({
      caseId: evaluation.caseId,
      label,
      figures: figuresOf(evaluation, label),
      warning: evaluation.warning,
    })),
  );
}

function figuresOf({ metrics, surfaces, voxelMl }: EvaluatedCase, label: number): Figures {
  const { Dice, IoU, TP, FP, FN, n_pred, n_ref } = metrics[label];
  const { NSD, HD95 } = surfaces[label];
  return { Dice, IoU, NSD, HD95, TP, FP, FN, predicted: n_pred * voxelMl, reference: n_ref * voxelMl };
}

/** Sorted by a column; what has no value comes last, and equal ones stay in order. */
export function sortedRows<Row extends { readonly figures: Figures }>(
  rows: readonly Row[],
  column: ColumnName,
  isAscending: boolean,
): readonly Row[] {
  const sign = isAscending ? 1 : -1;
  return rows.toSorted((a, b) => {
    const [x, y] = [a.figures[column], b.figures[column]];
    if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
    return x === y ? 0 : sign * (x < y ? -1 : 1);
  });
}

/** Means of one label, or of the labels' means. */
export interface MeanRow {
  readonly key: string;
  readonly name: string;
  /** Of the evaluation's labels; `undefined` for the foreground. */
  readonly label: number | undefined;
  readonly figures: Figures;
  /** Cases in which only one of the two has it. */
  readonly missed: number;
}

/** The foreground mean, then each label's, by nnU-Net's rules; surfaces by ours. */
export function meanRows(record: EvaluationRecord): readonly MeanRow[] {
  const cases = evaluatedCases(record);
  const values = record.labels.map((label) => label.values);
  const { mean, foregroundMean } = summariseCases(
    values,
    cases.map(({ metrics }) => ({ metrics, predictionFile: '', referenceFile: '' })),
  );
  const rows = record.labels.map(({ name }, label): MeanRow => {
    const { NSD, HD95, missed } = meanSurface(cases.map(({ surfaces }) => surfaces[label]));
    const volumes = (key: 'predicted' | 'reference') =>
      nanMean(cases.map((evaluation) => figuresOf(evaluation, label)[key]));
    const { Dice, IoU, TP, FP, FN } = mean[label];
    const predicted = volumes('predicted');
    const reference = volumes('reference');
    return {
      key: labelKey(values[label]),
      name,
      label,
      figures: { Dice, IoU, NSD, HD95, TP, FP, FN, predicted, reference },
      missed,
    };
  });
  if (rows.length < 2) return rows;
  const over = (key: ColumnName) => rows.reduce((sum, row) => sum + row.figures[key], 0) / rows.length;
  const { Dice, IoU, TP, FP, FN } = foregroundMean;
  const surfaces = { NSD: over('NSD'), HD95: over('HD95') };
  const volumes = { predicted: over('predicted'), reference: over('reference') };
  const foreground: MeanRow = {
    key: 'foreground',
    name: 'Foreground',
    label: undefined,
    figures: { Dice, IoU, TP, FP, FN, ...surfaces, ...volumes },
    missed: rows.reduce((sum, { missed }) => sum + missed, 0),
  };
  return [foreground, ...rows];
}
