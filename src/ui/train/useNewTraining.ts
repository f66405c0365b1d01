// What the form of a new training has to know of the chosen dataset.
import { useEffect, useState } from 'react';
import { type PreviousStageGap, previousStageGap } from '@/app/train/missingFirstStage';
import { type ConfigurationOverview, type PlansOverview, plansOverview } from '@/core/planning/plansOverview';
import { messageOf } from '@/shared/errors';
import type { DatasetRecord } from '@/storage/datasetRecord';
import type { DatasetSplits } from '@/workers/data/api';
import { useStudio, useTrainings } from '../useStudio';

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

/** What the second stage of a cascade still waits for. */
export type FirstStageState =
  | { readonly status: 'none' | 'reading' }
  | { readonly status: 'ready'; readonly cases: number }
  | { readonly status: 'missing'; readonly gap: PreviousStageGap };

/** Whether the stage before `configuration` has segmented every case; `none` where there is no stage before. */
export function useFirstStage(
  dataset: DatasetRecord,
  plansName: string | undefined,
  configuration: ConfigurationOverview | undefined,
  splits: DatasetSplits | undefined,
): FirstStageState {
  const { trainings } = useStudio();
  const allRuns = useTrainings((state) => state.runs);
  const [segmented, setSegmented] = useState<ReadonlySet<string> | undefined>();
  const stage = configuration?.previousStage;
  const nextStage = configuration?.name;
  const runs = allRuns.filter(
    ({ order }) =>
      order.datasetName === dataset.name &&
      order.plansName === plansName &&
      order.configurationName === stage,
  );
  const validated = runs.filter(({ validation }) => validation !== undefined);
  const key = validated.map(({ order }) => order.runId).join();
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key stands for the runs, whose array is a new one each time
  useEffect(() => {
    let isCurrent = true;
    setSegmented(undefined);
    if (stage === undefined || nextStage === undefined) return;
    const orders = validated.map(({ order }) => order);
    trainings.view.listForNextStage(orders, nextStage).then(
      (cases) => isCurrent && setSegmented(new Set(cases)),
      () => isCurrent && setSegmented(new Set()),
    );
    return () => {
      isCurrent = false;
    };
  }, [trainings, stage, nextStage, key]);
  if (stage === undefined) return { status: 'none' };
  if (!segmented || !splits) return { status: 'reading' };
  const gap = previousStageGap({ splits, segmented, runs });
  return gap ? { status: 'missing', gap } : { status: 'ready', cases: segmented.size };
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
