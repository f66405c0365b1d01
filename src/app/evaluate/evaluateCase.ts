import { type EvaluationStep, partOf, segmentationMetricsStepwise } from '@/core/evaluation/metrics';
import { surfaceMetricsStepwise } from '@/core/evaluation/surfaceDistance';
import type { MedicalImage } from '@/core/io/medicalImage';
import { placeDifferences } from '@/core/io/placeDifferences';
import { StudioError } from '@/shared/errors';
import { formatShape, formatXyz, type Spacing } from '@/shared/geometry';
import type { Stepwise } from '@/shared/stepwise';
import type { CaseVerdict, EvaluationRecord } from '@/storage/evaluationRecord';

/** A prediction and its reference, read. */
export interface ReadPair {
  readonly prediction: MedicalImage;
  readonly reference: MedicalImage;
}

/** Voxel sizes that differ by more than this share are told. */
const SPACING_TOLERANCE = 1e-3;
const MM3_PER_ML = 1000;
/** Of the work, counting voxels. */
const COUNTING_SHARE = 0.1;
/** Their pixels have no size in mm. */
const PICTURES: readonly string[] = ['png', 'bmp', 'tiff'];

/**
 * Judges a pair voxel by voxel, as nnU-Net does, whatever the headers say; distances and volumes by the reference's
 * voxel size. Yields how far it is. Throws `GeometryMismatch` where the sizes differ.
 */
export function* judgeCase(
  caseId: string,
  { prediction, reference }: ReadPair,
  { labels, ignoreLabel, toleranceMm }: Pick<EvaluationRecord, 'labels' | 'ignoreLabel' | 'toleranceMm'>,
): Stepwise<EvaluationStep, CaseVerdict> {
  if (formatShape(prediction.shape) !== formatShape(reference.shape)) {
    throw new StudioError(
      'GeometryMismatch',
      `${caseId}: the prediction has ${formatXyz(prediction.shape)} voxels, its reference ${formatXyz(reference.shape)}.`,
      'Both must be of the same image.',
    );
  }
  const values = labels.map((label) => label.values);
  const question = { prediction: prediction.data, reference: reference.data, labels: values, ignoreLabel };
  const { shape, spacing, geometry } = reference;
  const counting = segmentationMetricsStepwise(prediction.data, reference.data, values, ignoreLabel);
  const metrics = yield* partOf(0, COUNTING_SHARE, counting);
  const measuring = surfaceMetricsStepwise({ ...question, shape, spacing, toleranceMm });
  const surfaces = yield* partOf(COUNTING_SHARE, 1 - COUNTING_SHARE, measuring);
  return {
    caseId,
    metrics,
    surfaces,
    voxelMl: PICTURES.includes(geometry.format)
      ? Number.NaN
      : (spacing[0] * spacing[1] * spacing[2]) / MM3_PER_ML,
    warning: placeWarning(prediction, reference),
  };
}

/** What differs in the headers, both values each. */
function placeWarning(prediction: MedicalImage, reference: MedicalImage): string | undefined {
  const spacing = spacingDifference(prediction.spacing, reference.spacing);
  const places = placeDifferences(prediction, reference, ['the prediction', 'the reference'], 'SimpleITKIO');
  const differences = [...(spacing ? [spacing] : []), ...places];
  if (differences.length === 0) return undefined;
  return `Prediction and reference differ in ${differences.join(', and in ')}. They are compared voxel by voxel; distances are the reference's.`;
}

function spacingDifference(predicted: Spacing, there: Spacing): string | undefined {
  const differs = predicted.some((mm, axis) => Math.abs(mm - there[axis]) > SPACING_TOLERANCE * there[axis]);
  if (!differs) return undefined;
  return `voxel size: ${formatMm(predicted)} mm and ${formatMm(there)} mm`;
}

function formatMm(spacing: Spacing): string {
  return formatXyz(spacing.map((mm) => Number(mm.toPrecision(4))));
}
