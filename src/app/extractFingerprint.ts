// The fingerprint of a raw dataset: every case is read once, then the draws are replayed for the statistics.
import type { RawCase, RawDataset } from '@/core/dataset/rawDataset';
import { type CaseFingerprint, caseFingerprint, samplesPerCase } from '@/core/fingerprint/caseFingerprint';
import { datasetFingerprint } from '@/core/fingerprint/datasetFingerprint';
import type { DrawSurveyor } from '@/core/fingerprint/intensityProperties';
import type { ImageReader } from '@/core/io/imageReader';
import { readerFor } from '@/core/io/readers';
import type { FingerprintDocument } from '@/core/planning/plansDocument';
import { forEachAtOnce } from '@/shared/concurrency';
import { messageOf, StudioError } from '@/shared/errors';
import { elementCount, formatShape } from '@/shared/geometry';

export interface FingerprintProgress {
  readonly stage: 'reading' | 'statistics';
  /** Of the stage, 0…1. */
  readonly share: number;
  readonly caseId?: string;
}

export interface ExtractFingerprintJob {
  readonly dataset: RawDataset;
  /** Cases read side by side. */
  readonly atOnce?: number;
  /** Where the draws are replayed; here if left out. */
  readonly surveyor?: DrawSurveyor;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: (progress: FingerprintProgress) => void;
}

/** Reads all cases and computes the document of dataset_fingerprint.json. The first case that fails stops it. */
export async function extractFingerprint(job: ExtractFingerprintJob): Promise<FingerprintDocument> {
  const { dataset, atOnce = 2, signal, onProgress } = job;
  const { cases, document } = dataset;
  if (cases.length === 0) {
    throw new StudioError('NoCases', `${dataset.name} has no training cases.`, 'Add images and label maps.');
  }
  const { reader } = await readerFor({
    fileEnding: document.file_ending,
    ...(document.overwrite_image_reader_writer && { overwrite: document.overwrite_image_reader_writer }),
    exampleFiles: cases[0].images.slice(0, 1),
  });
  const samples = samplesPerCase(cases.length);
  const found: CaseFingerprint[] = new Array(cases.length);
  let done = 0;
  await forEachAtOnce(cases, atOnce, async (each, i) => {
    signal?.throwIfAborted();
    const { image, seg } = await readTrainingCase(each, reader);
    found[i] = caseFingerprint(image, seg.data, samples);
    onProgress?.({ stage: 'reading', share: ++done / cases.length, caseId: each.caseId });
  });
  const channels = dataset.channelNames.length;
  return datasetFingerprint(found, channels, samples, {
    ...(job.surveyor && { surveyor: job.surveyor }),
    onLook: (share) => {
      signal?.throwIfAborted();
      onProgress?.({ stage: 'statistics', share });
    },
  });
}

/** Image and label map of a case, checked against each other as far as the arrays need it. */
export async function readTrainingCase({ caseId, images, label }: RawCase, reader: ImageReader) {
  if (!label || images.length === 0) {
    throw new StudioError(
      'MissingFile',
      `${caseId}: its ${label ? 'image' : 'label map'} is missing.`,
      'Check the dataset: verify_dataset_integrity lists what is wrong.',
    );
  }
  try {
    const [image, seg] = [await reader.read(images), await reader.read([label])];
    if (seg.data.length !== elementCount(image.shape)) {
      throw new StudioError(
        'GeometryMismatch',
        `the image is ${formatShape(image.shape)} but its label map is ${formatShape(seg.shape)} voxels.`,
        'Export both from the same series, then import again.',
      );
    }
    return { image, seg };
  } catch (error) {
    const name = error instanceof Error ? error.name : 'Error';
    throw new StudioError(name, `${caseId}: ${messageOf(error)}`, '', { cause: error });
  }
}
