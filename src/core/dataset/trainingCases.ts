// What training data takes of one case by itself, from its files: any thread can do it.
import { type CaseFingerprint, caseFingerprint } from '@/core/fingerprint/caseFingerprint';
import type { LabelSet } from '@/core/interop/labels';
import type { MedicalImage } from '@/core/io/medicalImage';
import { readerNamed } from '@/core/io/readers';
import type { Configuration, Plans } from '@/core/planning/plans';
import { preprocessCase } from '@/core/preprocessing/preprocessCase';
import type { ResampleOptions } from '@/core/preprocessing/resampleAsync';
import { type TrainingCaseFiles, trainingCaseFiles } from '@/core/preprocessing/trainingCase';
import { messageOf, StudioError } from '@/shared/errors';
import { elementCount, formatXyz } from '@/shared/geometry';
import type { RawCase } from './rawDataset';

/** Image and label map of a case, checked against each other as far as the arrays need it. `reader`: nnU-Net's name. */
export async function readTrainingCase(
  { caseId, images, label }: RawCase,
  reader: string,
): Promise<{ image: MedicalImage; seg: MedicalImage }> {
  if (!label || images.length === 0) {
    throw new StudioError(
      'MissingFile',
      `${caseId}: its ${label ? 'image' : 'label map'} is missing.`,
      'Check the dataset: verify_dataset_integrity lists what is wrong.',
    );
  }
  try {
    const { read } = readerNamed(reader);
    const [image, seg] = [await read(images), await read([label])];
    if (seg.data.length !== elementCount(image.shape)) {
      throw new StudioError(
        'GeometryMismatch',
        `the image is ${formatXyz(image.shape)} but its label map is ${formatXyz(seg.shape)} voxels.`,
        'Export both from the same series, then import again.',
      );
    }
    return { image, seg };
  } catch (error) {
    const name = error instanceof Error ? error.name : 'Error';
    throw new StudioError(name, `${caseId}: ${messageOf(error)}`, '', { cause: error });
  }
}

/** What the case adds to the fingerprint; `samples` draws per channel. */
export async function fingerprintTrainingCase(
  rawCase: RawCase,
  reader: string,
  samples: number,
): Promise<CaseFingerprint> {
  const { image, seg } = await readTrainingCase(rawCase, reader);
  return caseFingerprint(image, seg.data, samples);
}

/** How cases are preprocessed; the reader is the plans' own. */
export interface TrainingCaseRequest {
  readonly plans: Plans;
  readonly configuration: Configuration;
  readonly labels: LabelSet;
}

/** The case's files for training. */
export async function preprocessTrainingCase(
  rawCase: RawCase,
  { plans, configuration, labels }: TrainingCaseRequest,
  { gpu, signal }: Pick<ResampleOptions, 'gpu' | 'signal'> = {},
): Promise<TrainingCaseFiles> {
  const { image, seg } = await readTrainingCase(rawCase, plans.imageReaderWriter);
  const preprocessed = await preprocessCase({ image, seg: seg.data, plans, configuration, gpu, signal });
  return trainingCaseFiles(preprocessed, image, plans.imageReaderWriter, labels);
}
