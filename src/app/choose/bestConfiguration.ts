// What the best configuration of a dataset means for segmenting: which models of the library, with which folds, and what
// is done to their result.

import type { Preferences } from '@/app/preferencesStore';
import { predictJobOf } from '@/app/segment/predictJob';
import { modelIdentifier, type TrainedModel } from '@/core/evaluation/inferenceInstructions';
import { labelKey } from '@/core/evaluation/metrics';
import type { PostprocessingStep } from '@/core/postprocessing/steps';
import type { PredictRequest } from '@/storage/caseRecord';
import type { ChoiceRecord } from '@/storage/choiceRecord';
import type { ModelRecord } from '@/storage/modelLibrary';

/** A way to segment that is more than one model's. */
export interface OfferedConfiguration {
  /** Among the models of the picker. */
  readonly id: string;
  readonly name: string;
  readonly members: readonly ModelRecord[];
  readonly folds: readonly string[];
  readonly postprocessing: readonly PostprocessingStep[];
  /** What each step is of. */
  readonly stepNames: readonly string[];
  /** Cross-validation, with postprocessing. */
  readonly dice: number;
}

const RECIPE_PREFIX = 'best:';

export function recipeId(datasetName: string): string {
  return RECIPE_PREFIX + datasetName;
}

/** The recipes whose models are all in the library, with all their folds. */
export function recipesOf(
  choices: readonly ChoiceRecord[],
  library: readonly ModelRecord[],
): readonly OfferedConfiguration[] {
  return choices.flatMap((choice) => {
    const best = choice.scores.find(({ name }) => name === choice.best);
    const folds = choice.folds.map(String);
    const members = (best?.models ?? []).map((model) =>
      library.find((record) => isOf(record, choice.datasetName, model, folds)),
    );
    const known = members.filter((member) => member !== undefined);
    if (known.length === 0 || known.length < members.length) return [];
    const { steps, diceAfter } = choice.postprocessing;
    return [
      {
        id: recipeId(choice.datasetName),
        name: `Best of ${choice.datasetName}`,
        members: known,
        folds,
        postprocessing: steps,
        stepNames: steps.map((step) => nameOfStep(step, choice)),
        dice: diceAfter,
      },
    ];
  });
}

/** A model's checkpoints may name another trainer than its folder: one of stock nnU-Net. The folder's name counts then. */
function isOf(
  { model, source }: ModelRecord,
  datasetName: string,
  trained: TrainedModel,
  folds: readonly string[],
): boolean {
  const { trainer, plans, configuration } = trained;
  const isOfFolder = source.slice(source.lastIndexOf('/') + 1) === modelIdentifier(trained);
  return (
    model.datasetName === datasetName &&
    (isOfFolder || model.trainerName === trainer) &&
    model.plans.plansName === plans &&
    model.configuration.name === configuration &&
    folds.every((fold) => model.folds.some((one) => one.fold === fold))
  );
}

/** `the whole foreground`, or the name of the label or region that a step is of. */
export function nameOfStep(
  { isList, members: [first] }: PostprocessingStep,
  { labels }: Pick<ChoiceRecord, 'labels'>,
): string {
  if (isList) return 'the whole foreground';
  return labels.find(({ values }) => values.join() === first.join())?.name ?? labelKey(first);
}

/** `2d + 3d_fullres, folds 0, 1, then the largest component of liver`. */
export function describeRecipe({ members, folds, stepNames }: OfferedConfiguration): string {
  const parts = [
    members.map(({ model }) => model.configuration.name).join(' + '),
    `${folds.length === 1 ? 'fold' : 'folds'} ${folds.join(', ')}`,
    ...(stepNames.length > 0 ? [`then the largest component of ${stepNames.join(', then of ')}`] : []),
  ];
  return parts.join(', ');
}

/** The recipe as a job, with the preferences as settings. */
export function recipeJob(
  { name, members, folds, postprocessing }: OfferedConfiguration,
  library: readonly ModelRecord[],
  preferences: Preferences,
): PredictRequest {
  const [first, ...others] = members.map((member) => predictJobOf(member, library, preferences, folds));
  return {
    ...first,
    modelName: name,
    ...(others.length > 0 && {
      others: others.map(({ settings, postprocessing: _, others: __, ...member }) => ({
        ...member,
        folds: settings.folds,
      })),
    }),
    ...(postprocessing.length > 0 && { postprocessing }),
  };
}
