import { z } from 'zod';
import type { InferenceInformation } from '@/core/evaluation/inferenceInstructions';
import { parseJson, validate } from '@/core/interop/json';

const number = z.custom<number>((value) => typeof value === 'number', 'expected a number');

const informationSchema = z.object({
  folds: z.array(z.union([z.int(), z.string()])),
  dataset_name_or_id: z.union([z.string(), z.int().transform(String)]),
  considered_models: z.array(z.object({ trainer: z.string(), plans: z.string(), configuration: z.string() })),
  ensembling_allowed: z.boolean(),
  all_results: z.record(z.string(), number),
  best_model_or_ensemble: z.object({
    result_on_crossval_pre_pp: number,
    result_on_crossval_post_pp: number,
    postprocessing_file: z.string(),
    some_plans_file: z.string(),
    selected_model_or_models: z
      .array(z.object({ configuration: z.string(), trainer: z.string(), plans_identifier: z.string() }))
      .min(1),
  }),
});

/** Reads an inference_information.json. Throws `BadJson` or `BadInferenceInformation`. */
export function readInferenceInformation(text: string, file: string): InferenceInformation {
  const json = validate(informationSchema, parseJson(text, file), file, 'BadInferenceInformation');
  const best = json.best_model_or_ensemble;
  return {
    datasetName: json.dataset_name_or_id,
    folds: json.folds,
    consideredModels: json.considered_models,
    isEnsemblingAllowed: json.ensembling_allowed,
    results: json.all_results,
    best: {
      models: best.selected_model_or_models.map(({ configuration, trainer, plans_identifier: plans }) => ({
        configuration,
        trainer,
        plans,
      })),
      diceBeforePostprocessing: best.result_on_crossval_pre_pp,
      diceAfterPostprocessing: best.result_on_crossval_post_pp,
      postprocessingFile: best.postprocessing_file,
      plansFile: best.some_plans_file,
    },
  };
}
