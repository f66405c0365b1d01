// What the form of a new training has to know of the chosen dataset.
import { useEffect, useState } from 'react';
import { type PlansOverview, plansOverview } from '@/core/planning/plansOverview';
import { messageOf } from '@/shared/errors';
import type { DatasetRecord } from '@/storage/datasetRecord';
import type { DatasetSplits } from '@/workers/datasetApi';
import { useStudio } from '../useStudio';

export interface PlansToTrain {
  readonly overview: PlansOverview | undefined;
  readonly problem: string | undefined;
}

const NONE: PlansToTrain = { overview: undefined, problem: undefined };

export function usePlansOf(dataset: DatasetRecord | undefined, plansName: string | undefined): PlansToTrain {
  const { datasets } = useStudio();
  const [found, setFound] = useState<PlansToTrain>(NONE);
  const name = dataset?.name;
  useEffect(() => {
    let isCurrent = true;
    setFound(NONE);
    if (name === undefined || plansName === undefined) return;
    datasets.api
      .readPlans(name, plansName)
      .then((text) => ({ overview: plansOverview(text, `${plansName}.json`), problem: undefined }))
      .catch((error: unknown) => ({ overview: undefined, problem: messageOf(error) }))
      .then((plans) => isCurrent && setFound(plans));
    return () => {
      isCurrent = false;
    };
  }, [datasets, name, plansName]);
  return found;
}

/** Folds that can be trained: below five cases without own splits there is none but all. */
export function useSplitsOf(dataset: DatasetRecord | undefined): DatasetSplits | undefined {
  const { datasets } = useStudio();
  const [splits, setSplits] = useState<DatasetSplits | undefined>();
  const name = dataset?.name;
  useEffect(() => {
    let isCurrent = true;
    setSplits(undefined);
    if (name === undefined) return;
    datasets.api.readSplits(name).then(
      (found) => isCurrent && setSplits(found),
      () => undefined, // then a fold is left to choose that says what is wrong with the splits
    );
    return () => {
      isCurrent = false;
    };
  }, [datasets, name]);
  return splits;
}
