import { useEffect, useState } from 'react';
import type { CandidateRuns } from '@/app/choose/candidateRuns';
import { useStudio } from '../useStudio';

/** Folds of the dataset's splits, and whatever was trained beyond them. */
export function useFoldNumbers(datasetName: string, candidates: readonly CandidateRuns[]): readonly number[] {
  const { datasets } = useStudio();
  const [count, setCount] = useState(0);
  useEffect(() => {
    let isCurrent = true;
    datasets.api.readSplits(datasetName).then(
      (found) => isCurrent && setCount(found?.splits.length ?? 0),
      () => undefined, // the dataset may be gone; its trainings are not
    );
    return () => {
      isCurrent = false;
    };
  }, [datasets, datasetName]);
  const trained = candidates.flatMap(({ folds }) => folds.map(({ fold }) => fold));
  const planned = Array.from({ length: count }, (_, fold) => fold);
  return [...new Set([...planned, ...trained])].sort((a, b) => a - b);
}
