import type { EvaluatedCase } from '@/app/evaluate/evaluateFolder';
import { type LabelOrRegion, labelKey } from '@/core/evaluation/metrics';
import type { EvaluationSummary } from '@/core/evaluation/summary';
import { type CaseSurfaces, meanSurface } from '@/core/evaluation/surfaceSummary';
import { messageOf } from '@/shared/errors';

/** `0.9123`, or `nan` where neither has the label. */
export function formatDice(dice: number): string {
  return Number.isNaN(dice) ? 'nan' : dice.toFixed(4);
}

/** One line of an evaluated case; warnings follow it. */
export function describeEvaluatedCase(
  report: EvaluatedCase,
  labels: readonly LabelOrRegion[],
): readonly string[] {
  const { caseId, done, total } = report;
  if (report.status === 'failed') return [`${caseId}: FAILED. ${messageOf(report.error)}`];
  const values = labels.map((label, l) => `${labelKey(label)}: ${formatDice(report.metrics[l].Dice)}`);
  return [
    `${caseId} (${done} of ${total}): Dice ${values.join(', ')}`,
    ...report.warnings.map((warning) => `${caseId}: ${warning}`),
  ];
}

/** Means of a summary, a line a label. */
export function describeSummary({
  labels,
  mean,
  foregroundMean,
  cases,
}: EvaluationSummary): readonly string[] {
  const width = Math.max('foreground'.length, ...labels.map((label) => labelKey(label).length));
  const row = (name: string, dice: number, iou: number) =>
    `  ${name.padEnd(width)}  Dice ${formatDice(dice)}  IoU ${formatDice(iou)}`;
  return [
    `Mean of ${cases.length} ${cases.length === 1 ? 'case' : 'cases'}`,
    ...labels.map((label, l) => row(labelKey(label), mean[l].Dice, mean[l].IoU)),
    row('foreground', foregroundMean.Dice, foregroundMean.IoU),
  ];
}

/** Means of surface metrics, a line a label. */
export function describeSurfaces(
  labels: readonly LabelOrRegion[],
  cases: readonly CaseSurfaces[],
  toleranceMm: number,
): readonly string[] {
  const width = Math.max('foreground'.length, ...labels.map((label) => labelKey(label).length));
  return labels.map((label, l) => {
    const { NSD, HD95, missed } = meanSurface(cases.map(({ surfaces }) => surfaces[l]));
    const without = missed === 0 ? '' : `, without ${missed} where one of the two lacks it`;
    return `  ${labelKey(label).padEnd(width)}  surface Dice at ${toleranceMm} mm ${formatDice(NSD)}  HD95 ${Number.isNaN(HD95) ? 'nan' : HD95.toFixed(2)} mm${without}`;
  });
}
