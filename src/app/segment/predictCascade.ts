// Both stages of a cascade over files in batch: the first one's segmentations of all cases, then the second's.

import type { DatasetFolder } from '@/storage/datasetFolder';
import type { ResultFolder } from '@/storage/resultFolder';
import { type CaseReport, isFinished, type PredictFolderRequest, predictFolder } from './predictFolder';

/** The first stage: what of its prediction differs from the second's. Its segmentations are kept in `results`. */
export interface FirstStageRequest
  extends Pick<
    PredictFolderRequest,
    'model' | 'loadFold' | 'settings' | 'onLoaded' | 'onProgress' | 'onCase'
  > {
  readonly results: ResultFolder & Pick<DatasetFolder, 'open'>;
}

/**
 * Segments every case with the first stage and then with the second, which `job` describes. A case that fails in the
 * first is told once and left out of the second. Rejects as {@link predictFolder}.
 */
export async function predictCascade(
  job: PredictFolderRequest,
  { onProgress, onCase, ...first }: FirstStageRequest,
): Promise<readonly CaseReport[]> {
  const { onLoaded: _, onProgress: __, onCase: tell, ...shared } = job;
  const failed = new Map<string, CaseReport>();
  await predictFolder({
    ...shared,
    ...first,
    cases: await unfinished(job),
    ...(onProgress && { onProgress }),
    onCase: (report) => {
      if (report.status === 'failed') {
        failed.set(report.caseId, report);
        tell?.(report);
      } else onCase?.(report);
    },
  });
  const reports = await predictFolder({
    ...job,
    cases: job.cases.filter(({ caseId }) => !failed.has(caseId)),
    previousStage: (caseId) => first.results.open(`${caseId}${job.fileEnding}`),
  });
  return [...failed.values(), ...reports];
}

/** The first stage is done only for cases that the second still has to do. */
async function unfinished(job: PredictFolderRequest): Promise<PredictFolderRequest['cases']> {
  if (!job.shouldContinue) return job.cases;
  const finished = await Promise.all(job.cases.map((each) => isFinished(job, each)));
  return job.cases.filter((_, i) => !finished[i]);
}
