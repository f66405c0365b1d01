// nnU-Net's postprocessing: keeping the largest component of labels, step by step.

import { type LabelOrRegion, labelKey } from '@/core/evaluation/metrics';
import type { EvaluationSummary } from '@/core/evaluation/summary';
import type { LabelVoxels } from '@/core/preprocessing/exportPrediction';
import type { Zyx } from '@/shared/geometry';
import { keepLargestComponent } from './largestComponent';

/** One step: all but the largest component of what is meant becomes background. */
export interface PostprocessingStep {
  /** A label, a region, or several of them taken together. */
  readonly members: readonly LabelOrRegion[];
  /** Whether the file has a list: one label in a list is not the label alone. */
  readonly isList: boolean;
  /** What is written where a component goes; 0 unless a file says otherwise. */
  readonly background: number;
}

/** The step for all of these together. */
export function stepForAll(labels: readonly number[]): PostprocessingStep {
  return { members: labels.map((label) => [label]), isList: true, background: 0 };
}

/** The step for one label or region. */
export function stepFor(labelOrRegion: LabelOrRegion): PostprocessingStep {
  return { members: [labelOrRegion], isList: false, background: 0 };
}

/** `all foreground (1, 2, 3)`, `2`, `(2, 3)`: what a step works on, for people. */
export function describeStep({ members, isList }: PostprocessingStep): string {
  return isList
    ? `all foreground (${members.map(labelKey).join(', ')})`
    : members.map((each) => labelKey(each)).join(', ');
}

/** Applies the steps in their order. `labels`: `[z, y, x]`, returned itself where nothing changes. */
export function applySteps(
  labels: LabelVoxels,
  shape: Zyx,
  steps: readonly PostprocessingStep[],
): LabelVoxels {
  let result = labels;
  for (const { members, background } of steps) {
    result = keepLargestComponent(result, shape, members, background);
  }
  return result;
}

/**
 * Whether removing all but the largest component of the whole foreground helps: the mean Dice grows, and that of no
 * label falls. A NaN neither falls nor grows.
 *
 * Follows nnU-Net's `determine_postprocessing`.
 */
export function doesForegroundStepHelp(before: EvaluationSummary, after: EvaluationSummary): boolean {
  if (!(after.foregroundMean.Dice > before.foregroundMean.Dice)) return false;
  return !after.mean.some(({ Dice }, l) => Dice < before.mean[l].Dice);
}

/** Whether a step for the label or region at `index` helps: its own mean Dice grows. Likewise. */
export function doesLabelStepHelp(
  before: EvaluationSummary,
  after: EvaluationSummary,
  index: number,
): boolean {
  return after.mean[index].Dice > before.mean[index].Dice;
}
