import type { Preferences } from '@/app/preferencesStore';
import type { PredictRequest } from '@/storage/caseRecord';
import type { ModelRecord } from '@/storage/modelLibrary';
import { foldsOfPreviousStage, previousStagesAmong } from './cascadeModels';

/** The model of the library that a cascade's second stage is run after; `undefined` for other models, or without one. */
export function previousStageIn(
  library: readonly ModelRecord[],
  record: ModelRecord,
): ModelRecord | undefined {
  if (record.model.configuration.previousStage === undefined) return undefined;
  return previousStagesAmong(record.model, library, ({ model }) => model)[0];
}

/** What to run: the preferences as settings, for all folds or the given ones, after the stage before. */
export function predictJobOf(
  record: ModelRecord,
  library: readonly ModelRecord[],
  preferences: Preferences,
  folds: readonly string[] = record.model.folds.map(({ fold }) => fold),
): PredictRequest {
  const { tileStepSize, useGaussian, useMirroring, saveProbabilities } = preferences;
  const previous = previousStageIn(library, record);
  return {
    modelId: record.id,
    modelName: record.name,
    settings: { folds, tileStepSize, useGaussian, useMirroring, saveProbabilities },
    ...(previous && {
      previousStage: {
        modelId: previous.id,
        modelName: previous.name,
        folds: foldsOfPreviousStage(previous.model, folds),
      },
    }),
  };
}
