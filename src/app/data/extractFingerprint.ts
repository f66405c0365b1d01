// The fingerprint of a raw dataset: every case is read once, then the draws are replayed for the statistics.
import type { RawDataset } from '@/core/dataset/rawDataset';
import { assertLabelled } from '@/core/dataset/unlabelledCases';
import { type CaseFingerprint, samplesPerCase } from '@/core/fingerprint/caseFingerprint';
import { datasetFingerprint } from '@/core/fingerprint/datasetFingerprint';
import { readerFor } from '@/core/io/readers';
import { assertForeground } from '@/core/planning/plannableFingerprint';
import type { FingerprintDocument } from '@/core/planning/plansDocument';
import { forEachAtOnce } from '@/shared/concurrency';
import { type CaseWorkers, localCaseWorkers } from '@/workers/data/caseWorkers';

export interface ExtractionProgress {
  readonly stage: 'reading' | 'statistics';
  /** Of the stage, 0…1. */
  readonly share: number;
  readonly caseId?: string;
}

export interface ExtractFingerprintRequest {
  readonly dataset: RawDataset;
  /** Who reads the cases and replays the draws; this thread if left out. */
  readonly workers?: CaseWorkers;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: (progress: ExtractionProgress) => void;
}

/** Reads all cases and computes the document of dataset_fingerprint.json. The first case that fails stops it. Throws `NoLabelMaps`, `NoForeground`. */
export async function extractFingerprint(job: ExtractFingerprintRequest): Promise<FingerprintDocument> {
  const { dataset, workers = localCaseWorkers(), signal, onProgress } = job;
  const { cases, document } = dataset;
  assertLabelled(dataset);
  const { reader } = await readerFor({
    fileEnding: document.file_ending,
    ...(document.overwrite_image_reader_writer && { overwrite: document.overwrite_image_reader_writer }),
    exampleFiles: cases[0].images.slice(0, 1),
  });
  const samples = samplesPerCase(cases.length);
  const found: CaseFingerprint[] = new Array(cases.length);
  let done = 0;
  await forEachAtOnce(cases, workers.atOnce, async (each, i) => {
    signal?.throwIfAborted();
    found[i] = await workers.fingerprint(each, reader.name, samples, signal);
    onProgress?.({ stage: 'reading', share: ++done / cases.length, caseId: each.caseId });
  });
  const channels = dataset.channelNames.length;
  const fingerprint = await datasetFingerprint(found, channels, samples, {
    surveyor: workers,
    onLook: (share) => {
      signal?.throwIfAborted();
      onProgress?.({ stage: 'statistics', share });
    },
  });
  assertForeground(fingerprint);
  return fingerprint;
}
