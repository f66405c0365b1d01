import { useEffect, useState } from 'react';
import type { CandidateRuns } from '@/app/choose/candidateRuns';
import type { FoldFiles } from '@/workers/choose/api';
import { useStudio } from '../useStudio';

/** What the candidates' validations have left, by run id; empty until it is counted. */
export function useSurvey(candidates: readonly CandidateRuns[]): ReadonlyMap<string, FoldFiles> {
  const { choices } = useStudio();
  const [found, setFound] = useState<ReadonlyMap<string, FoldFiles>>(new Map());
  const folds = candidates.flatMap((candidate) =>
    candidate.folds.map(({ fold, run }) => ({ fold, runId: run.order.runId })),
  );
  // Validating again changes what is there.
  const key = JSON.stringify([folds, candidates.map((one) => one.folds.map(({ run }) => run.state.status))]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key stands for the folds
  useEffect(() => {
    let isCurrent = true;
    choices.api.survey(folds).then(
      (files) => isCurrent && setFound(new Map(files.map((one) => [one.runId, one]))),
      () => undefined, // what is missing is told when it is needed
    );
    return () => {
      isCurrent = false;
    };
  }, [choices, key]);
  return found;
}
