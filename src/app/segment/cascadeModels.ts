import type { NnunetModel } from '@/core/interop/model';

/**
 * Those of `candidates` whose segmentations the second stage of a cascade can start from: of the configuration that its
 * plans name, the same dataset, plans and labels. One of the same trainer goes first, otherwise their order is kept.
 */
export function previousStagesAmong<Candidate>(
  model: NnunetModel,
  candidates: readonly Candidate[],
  modelOf: (candidate: Candidate) => NnunetModel,
): readonly Candidate[] {
  const hasSameTrainer = (candidate: Candidate) => modelOf(candidate).trainerName === model.trainerName;
  const found = candidates.filter((candidate) => isPreviousStage(modelOf(candidate), model));
  return [...found.filter(hasSameTrainer), ...found.filter((candidate) => !hasSameTrainer(candidate))];
}

function isPreviousStage(candidate: NnunetModel, { configuration, ...model }: NnunetModel): boolean {
  return (
    candidate.configuration.name === configuration.previousStage &&
    candidate.datasetName === model.datasetName &&
    candidate.plans.plansName === model.plans.plansName &&
    candidate.channelNames.length === model.channelNames.length &&
    candidate.labels.allLabels.join() === model.labels.allLabels.join()
  );
}

/** Folds of the stage before: the same ones where it has them all, else every one there is. */
export function foldsOfPreviousStage(
  previous: Pick<NnunetModel, 'folds'>,
  folds: readonly string[],
): readonly string[] {
  const available = previous.folds.map(({ fold }) => fold);
  return folds.every((fold) => available.includes(fold)) ? folds : available;
}
