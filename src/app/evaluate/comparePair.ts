// One prediction against its reference: what `nnstudio evaluate_folder` and the studio both do with each case.

import {
  type EvaluationStep,
  type LabelOrRegion,
  partOf,
  type SegmentationMetrics,
  segmentationMetricsStepwise,
} from '@/core/evaluation/metrics';
import { type SurfaceMetrics, surfaceMetricsStepwise } from '@/core/evaluation/surfaceDistance';
import { type Placed, placeDifferences } from '@/core/io/placeDifferences';
import { StudioError } from '@/shared/errors';
import { formatShape, formatXyz, type Spacing, type Zyx } from '@/shared/geometry';
import { allClose } from '@/shared/numeric';
import type { Stepwise } from '@/shared/stepwise';

/** A label map, read. */
export interface PlacedLabels extends Placed {
  /** Labels, `[z, y, x]`. */
  readonly labels: ArrayLike<number>;
  readonly shape: Zyx;
  readonly spacing: Spacing;
}

export interface PairOptions {
  readonly labels: readonly LabelOrRegion[];
  readonly ignoreLabel: number | undefined;
  /** Also measures how far surfaces lie apart, with this tolerance, mm. */
  readonly surfaceToleranceMm?: number | undefined;
  /** nnU-Net's reader by name: places are compared as it reads them. */
  readonly reader: string;
}

export interface PairComparison {
  /** In the order of the labels. */
  readonly metrics: readonly SegmentationMetrics[];
  /** Likewise, where asked for, by the reference's voxel size. */
  readonly surfaces: readonly SurfaceMetrics[] | undefined;
  /** What differs in the headers, both values each; the two are compared voxel by voxel whatever it is. */
  readonly differences: readonly string[];
}

/** Share of the work that counting voxels is, where surfaces are measured too. */
const COUNTING_SHARE = 0.1;

/**
 * Compares a pair voxel by voxel, as nnU-Net does, whatever the headers say. Yields how far it is. Throws
 * `GeometryMismatch` where the sizes differ.
 *
 * Follows nnU-Net's `compute_metrics`.
 */
export function* comparePair(
  caseId: string,
  prediction: PlacedLabels,
  reference: PlacedLabels,
  { labels, ignoreLabel, surfaceToleranceMm, reader }: PairOptions,
): Stepwise<EvaluationStep, PairComparison> {
  assertSameShape(caseId, prediction, reference);
  const differences = headerDifferences(prediction, reference, reader);
  const counting = segmentationMetricsStepwise(prediction.labels, reference.labels, labels, ignoreLabel);
  if (surfaceToleranceMm === undefined) {
    return { metrics: yield* counting, surfaces: undefined, differences };
  }
  const metrics = yield* partOf(0, COUNTING_SHARE, counting);
  const measuring = surfaceMetricsStepwise({
    prediction: prediction.labels,
    reference: reference.labels,
    shape: reference.shape,
    spacing: reference.spacing,
    labels,
    ignoreLabel,
    toleranceMm: surfaceToleranceMm,
  });
  return { metrics, surfaces: yield* partOf(COUNTING_SHARE, 1 - COUNTING_SHARE, measuring), differences };
}

/** Throws `GeometryMismatch` where the two are not of one size. */
export function assertSameShape(
  caseId: string,
  prediction: Pick<PlacedLabels, 'shape'>,
  reference: Pick<PlacedLabels, 'shape'>,
): void {
  if (formatShape(prediction.shape) === formatShape(reference.shape)) return;
  throw new StudioError(
    'GeometryMismatch',
    `${caseId}: the prediction is ${formatXyz(prediction.shape)} but the reference ${formatXyz(reference.shape)} voxels.`,
    'They are not of the same image; compare predictions on the images that the references belong to.',
  );
}

/** Voxel sizes count as the same as in nnU-Net's `verify_dataset_integrity`, by numpy's `allclose`. */
function headerDifferences(
  prediction: PlacedLabels,
  reference: PlacedLabels,
  reader: string,
): readonly string[] {
  const places = placeDifferences(prediction, reference, ['the prediction', 'the reference'], reader);
  if (allClose(prediction.spacing, reference.spacing)) return places;
  const sizes = [prediction, reference].map(({ spacing }) => formatMm(spacing));
  return [`voxel size: ${sizes.join(' mm and ')} mm`, ...places];
}

/** With enough digits to tell values apart that count as different. */
function formatMm(spacing: Spacing): string {
  return formatXyz(spacing.map((mm) => Number(mm.toPrecision(7))));
}
