import { type ModelFit, modelFit } from '@/app/modelFit';
import { previousStageIn } from '@/app/predictJob';
import type { CaseRecord } from '@/storage/caseRecord';
import type { ModelRecord } from '@/storage/modelLibrary';
import { useLibrary, useSelection } from '../useStudio';

/** What would run: the model chosen by hand, else the newest that fits; with the folds chosen for it. */
export interface RunChoice {
  readonly models: readonly { readonly model: ModelRecord; readonly fit: ModelFit }[];
  readonly chosen: { readonly model: ModelRecord; readonly fit: ModelFit } | undefined;
  readonly folds: readonly string[];
  /** For the second stage of a cascade: the model that runs before it. */
  readonly previous: ModelRecord | undefined;
}

export function useRunChoice(current: CaseRecord): RunChoice {
  const library = useLibrary((state) => state.models);
  const { modelId, folds: foldsByModel } = useSelection(({ modelId, folds }) => ({ modelId, folds }));
  const atHand = library.map(({ model }) => model);
  const models = library.map((model) => ({ model, fit: modelFit(model.model, current.image, atHand) }));
  const chosen =
    models.find(({ model }) => model.id === modelId) ?? models.find(({ fit }) => fit.fits) ?? models[0];
  const folds = chosen
    ? (foldsByModel[chosen.model.id] ?? chosen.model.model.folds.map(({ fold }) => fold))
    : [];
  const previous = chosen && previousStageIn(library, chosen.model);
  return { models, chosen, folds, previous };
}
