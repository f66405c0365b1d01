// What the best configuration of a dataset means for segmenting: which models of the library, with which folds, and what
// is done to their result.
import type { TrainedModel } from '@/core/evaluation/inferenceInstructions';
import { describeStep, type PostprocessingStep } from '@/core/postprocessing/steps';
import type { PredictJob } from '@/storage/caseRecord';
import type { ChoiceRecord } from '@/storage/choiceRecord';
import type { ModelRecord } from '@/storage/modelLibrary';
import { predictJobOf } from './predictJob';

/** A way to segment that is more than one model's. */
export interface Recipe {
  /** Among the models of the picker. */
  readonly id: string;
  readonly name: string;
  readonly members: readonly ModelRecord[];
  readonly folds: readonly string[];
  readonly postprocessing: readonly PostprocessingStep[];
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
): readonly Recipe[] {
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
        dice: diceAfter,
      },
    ];
  });
}

function isOf(
  { model }: ModelRecord,
  datasetName: string,
  { trainer, plans, configuration }: TrainedModel,
  folds: readonly string[],
): boolean {
  return (
    model.datasetName === datasetName &&
    model.trainerName === trainer &&
    model.plans.plansName === plans &&
    model.configuration.name === configuration &&
    folds.every((fold) => model.folds.some((one) => one.fold === fold))
  );
}

/** `2d + 3d_fullres, folds 0, 1, then the largest component of all foreground (1, 2)`. */
export function describeRecipe({ members, folds, postprocessing }: Recipe): string {
  const parts = [
    members.map(({ model }) => model.configuration.name).join(' + '),
    `${folds.length === 1 ? 'fold' : 'folds'} ${folds.join(', ')}`,
    ...(postprocessing.length > 0
      ? [`then the largest component of ${postprocessing.map(describeStep).join(', then of ')}`]
      : []),
  ];
  return parts.join(', ');
}

/** The recipe as a job, with the kept preferences. */
export function recipeJob(
  { name, members, folds, postprocessing }: Recipe,
  library: readonly ModelRecord[],
): PredictJob {
  const [first, ...others] = members.map((member) => predictJobOf(member, library, folds));
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
