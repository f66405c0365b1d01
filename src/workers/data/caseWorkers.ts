import type { RawCase } from '@/core/dataset/rawDataset';
import {
  fingerprintTrainingCase,
  preprocessTrainingCase,
  type TrainingCaseRequest,
} from '@/core/dataset/trainingCases';
import type { CaseFingerprint } from '@/core/fingerprint/caseFingerprint';
import { type DrawSurveyor, localSurveyor } from '@/core/fingerprint/intensityProperties';
import type { TrainingCaseFiles } from '@/core/preprocessing/trainingCase';
import type { Gpu } from '@/gpu/device';

/**
 * Who works on the cases of a dataset, several at once; results do not depend on who it is. A workflow keeps at most
 * `atOnce` cases going, so no more than that many are in memory. An aborted call rejects at once.
 *
 * `localCaseWorkers` works in the calling thread, `browserCaseWorkers` in Web Workers, `nodeCaseWorkers` in Node's
 * worker threads. The last two have to be closed:
 *
 *     const workers = browserCaseWorkers();
 *     try { await extractFingerprint({ dataset, workers }); } finally { workers.close(); }
 */
export interface CaseWorkers extends DrawSurveyor {
  /** `reader`: nnU-Net's name; `samples` draws per channel. */
  fingerprint(
    rawCase: RawCase,
    reader: string,
    samples: number,
    signal?: AbortSignal,
  ): Promise<CaseFingerprint>;
  preprocess(rawCase: RawCase, order: TrainingCaseRequest, signal?: AbortSignal): Promise<TrainingCaseFiles>;
  /** Ends the threads; calls that are under way reject. */
  close(): void;
}

/** Works in this thread: reading of some cases goes on while one is computed. */
export function localCaseWorkers({ atOnce = 2, gpu }: { atOnce?: number; gpu?: Gpu } = {}): CaseWorkers {
  return {
    ...localSurveyor,
    atOnce,
    fingerprint: fingerprintTrainingCase,
    preprocess: (rawCase, order, signal) => preprocessTrainingCase(rawCase, order, { gpu, signal }),
    close: () => undefined,
  };
}
