import type { EvaluationStep } from '@/core/evaluation/metrics';
import { isPictureGeometry, type MedicalImage } from '@/core/io/medicalImage';
import type { Stepwise } from '@/shared/stepwise';
import type { CaseEvaluation, EvaluationRecord } from '@/storage/evaluationRecord';
import { comparePair } from './comparePair';

/** A prediction and its reference, read. */
export interface ReadPair {
  readonly prediction: MedicalImage;
  readonly reference: MedicalImage;
}

const MM3_PER_ML = 1000;

/**
 * Compares a pair of the studio's, and says what differs in the headers. Yields how far it is. Throws `GeometryMismatch`
 * where the sizes differ.
 */
export function* evaluateCase(
  caseId: string,
  { prediction, reference }: ReadPair,
  { labels, ignoreLabel, toleranceMm }: Pick<EvaluationRecord, 'labels' | 'ignoreLabel' | 'toleranceMm'>,
): Stepwise<EvaluationStep, CaseEvaluation> {
  const { metrics, surfaces, differences } = yield* comparePair(
    caseId,
    { ...prediction, labels: prediction.data },
    { ...reference, labels: reference.data },
    {
      labels: labels.map(({ values }) => values),
      ignoreLabel,
      surfaceToleranceMm: toleranceMm,
      reader: 'SimpleITKIO',
    },
  );
  const { spacing, geometry } = reference;
  return {
    caseId,
    metrics,
    surfaces: surfaces ?? [],
    voxelMl: isPictureGeometry(geometry) ? Number.NaN : (spacing[0] * spacing[1] * spacing[2]) / MM3_PER_ML,
    warning: differences.length === 0 ? undefined : warningOf(differences),
  };
}

function warningOf(differences: readonly string[]): string {
  return `Prediction and reference differ in ${differences.join(', and in ')}. They are compared voxel by voxel; distances are the reference's.`;
}
