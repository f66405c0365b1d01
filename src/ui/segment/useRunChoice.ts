import { type OfferedConfiguration, recipeJob, recipesOf } from '@/app/choose/bestConfiguration';
import { type ModelFit, modelFit } from '@/app/segment/modelCompatibility';
import { predictJobOf, previousStageIn } from '@/app/segment/predictJob';
import type { CaseRecord, PredictRequest } from '@/storage/caseRecord';
import type { ModelRecord } from '@/storage/modelLibrary';
import { useChoices, useLibrary, usePreferences, useSelection } from '../useStudio';

/** What would run: the model or recipe chosen by hand, else the newest model that fits; with the folds chosen for it. */
export interface RunChoice {
  readonly models: readonly { readonly model: ModelRecord; readonly fit: ModelFit }[];
  /** Best configurations that were found here. */
  readonly recipes: readonly OfferedConfiguration[];
  /** Of a recipe its first model, and whether all of them fit. */
  readonly chosen: { readonly model: ModelRecord; readonly fit: ModelFit } | undefined;
  readonly recipe: OfferedConfiguration | undefined;
  readonly folds: readonly string[];
  /** For the second stage of a cascade: the model that runs before it. */
  readonly previous: ModelRecord | undefined;
  readonly job: PredictRequest | undefined;
}

export function useRunChoice(current: CaseRecord): RunChoice {
  const preferences = usePreferences((state) => state);
  const library = useLibrary((state) => state.models);
  const recipes = recipesOf(
    useChoices((state) => state.choices),
    library,
  );
  const { modelId, folds: foldsByModel } = useSelection(({ modelId, folds }) => ({ modelId, folds }));
  const available = library.map(({ model }) => model);
  const fitOf = ({ model }: ModelRecord) => modelFit(model, current.image, available);
  const models = library.map((model) => ({ model, fit: fitOf(model) }));
  const recipe = recipes.find(({ id }) => id === modelId);
  if (recipe) {
    const [first] = recipe.members;
    const fit = recipe.members.map(fitOf).find(({ fits }) => !fits) ?? fitOf(first);
    const job = recipeJob(recipe, library, preferences);
    return {
      models,
      recipes,
      recipe,
      chosen: { model: first, fit },
      folds: recipe.folds,
      previous: undefined,
      job,
    };
  }
  const chosen =
    models.find(({ model }) => model.id === modelId) ?? models.find(({ fit }) => fit.fits) ?? models[0];
  const folds = chosen
    ? (foldsByModel[chosen.model.id] ?? chosen.model.model.folds.map(({ fold }) => fold))
    : [];
  const previous = chosen && previousStageIn(library, chosen.model);
  const job = chosen && predictJobOf(chosen.model, library, preferences, folds);
  return { models, recipes, recipe, chosen, folds, previous, job };
}
