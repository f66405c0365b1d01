// A determined postprocessing on a folder of predictions. Follows nnU-Net's `apply_postprocessing_to_folder`.

import { assertNoneFailed, type CaseFailure } from '@/app/evaluate/evaluateFolder';
import { formatOfFolder, namesWithEnding, readLabelMap, writeLabelMap } from '@/app/files/labelMapFiles';
import type { SourceFile } from '@/core/io/sourceFile';
import { applySteps, type PostprocessingStep } from '@/core/postprocessing/steps';
import { yieldToEventLoop } from '@/shared/concurrency';
import { isAbort, StudioError } from '@/shared/errors';
import type { ReadFolder } from '@/storage/folderViews';
import type { ResultFolder } from '@/storage/resultFolder';

export interface ApplyPostprocessingRequest {
  readonly input: ReadFolder;
  /** May be the input itself. */
  readonly output: ResultFolder;
  readonly steps: readonly PostprocessingStep[];
  /** Instead of those beside the predictions. */
  readonly dataset?: SourceFile | undefined;
  readonly plans?: SourceFile | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onCase?: ((report: PostprocessedCase) => void) | undefined;
}

export type PostprocessedCase = {
  readonly caseId: string;
  readonly done: number;
  readonly total: number;
} & (
  | {
      readonly status: 'done';
      /** That became background. */
      readonly removedVoxels: number;
    }
  | { readonly status: 'failed'; readonly error: unknown }
);

/**
 * Writes every label map with the steps applied. Throws `NoCases`, the error of a case that failed, or `CasesFailed`; the
 * other cases are written then.
 */
export async function applyPostprocessing(
  job: ApplyPostprocessingRequest,
): Promise<readonly PostprocessedCase[]> {
  const { input, output, steps, signal } = job;
  const { fileEnding, reader } = await formatOfFolder(input, job);
  const names = await namesWithEnding(input, fileEnding);
  if (names.length === 0) {
    throw new StudioError(
      'NoCases',
      `No file of the predictions ends with ${fileEnding}.`,
      'Choose the folder that predict wrote.',
    );
  }
  const reports: PostprocessedCase[] = [];
  const failures: CaseFailure[] = [];
  for (const [i, name] of names.entries()) {
    await yieldToEventLoop();
    signal?.throwIfAborted();
    const caseId = name.slice(0, -fileEnding.length);
    const progress = { caseId, done: i + 1, total: names.length };
    try {
      const { labels, shape, geometry } = await readLabelMap(input, name, reader);
      const kept = applySteps(labels, shape, steps);
      await writeLabelMap(output, name, fileEnding, { labels: kept, shape, geometry });
      reports.push({ ...progress, status: 'done', removedVoxels: countChanged(labels, kept) });
    } catch (error) {
      if (isAbort(error)) throw error;
      failures.push({ caseId, error });
      reports.push({ ...progress, status: 'failed', error });
    }
    job.onCase?.(reports[reports.length - 1]);
  }
  assertNoneFailed(failures, names.length);
  return reports;
}

function countChanged(before: ArrayLike<number>, after: ArrayLike<number>): number {
  let count = 0;
  if (before !== after) for (let i = 0; i < before.length; i++) if (before[i] !== after[i]) count++;
  return count;
}
