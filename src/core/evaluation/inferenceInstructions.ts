// What finding the best configuration leaves for whoever predicts: inference_information.json, and the commands.
import { pythonJson } from '@/core/interop/pythonJson';

/** One trained configuration, by what names its folder `<trainer>__<plans>__<configuration>`. */
export interface TrainedModel {
  readonly trainer: string;
  readonly plans: string;
  readonly configuration: string;
}

/** The outcome of comparing configurations and ensembles. */
export interface InferenceInformation {
  readonly datasetName: string;
  readonly folds: readonly (number | string)[];
  readonly consideredModels: readonly TrainedModel[];
  readonly isEnsemblingAllowed: boolean;
  /** Mean foreground Dice by the name of a model's folder or an ensemble's. */
  readonly results: Readonly<Record<string, number>>;
  readonly best: {
    /** One, or the members of an ensemble. */
    readonly models: readonly TrainedModel[];
    readonly diceBeforePostprocessing: number;
    readonly diceAfterPostprocessing: number;
    /** Paths. */
    readonly postprocessingFile: string;
    readonly plansFile: string;
  };
}

/** `nnUNetTrainer__nnUNetPlans__3d_fullres`. */
export function modelIdentifier({ trainer, plans, configuration }: TrainedModel): string {
  return `${trainer}__${plans}__${configuration}`;
}

/** What an ensemble's folder is called. Follows nnU-Net's `get_ensemble_name`. */
export function ensembleIdentifier(
  models: readonly TrainedModel[],
  folds: readonly (number | string)[],
): string {
  return ['ensemble', ...models.map(modelIdentifier), folds.join('_')].join('___');
}

/** The file as nnU-Net writes it. Follows `find_best_configuration`. */
export function inferenceInformationJson(information: InferenceInformation): string {
  const { best } = information;
  return pythonJson(
    {
      folds: information.folds,
      dataset_name_or_id: information.datasetName,
      considered_models: information.consideredModels,
      ensembling_allowed: information.isEnsemblingAllowed,
      all_results: information.results,
      best_model_or_ensemble: {
        result_on_crossval_pre_pp: best.diceBeforePostprocessing,
        result_on_crossval_post_pp: best.diceAfterPostprocessing,
        postprocessing_file: best.postprocessingFile,
        some_plans_file: best.plansFile,
        selected_model_or_models: best.models.map(({ configuration, trainer, plans }) => ({
          configuration,
          trainer,
          plans_identifier: plans,
        })),
      },
    },
    {
      shouldSortKeys: true,
      mayBeNaN: ([first]) => first === 'all_results' || first === 'best_model_or_ensemble',
      isFloat: ([first]) => first !== 'folds',
    },
  );
}

/**
 * inference_instructions.txt as nnU-Net writes it; that the previous stage of a cascade is left out is its way too.
 * `processes`: what `-np` is given.
 *
 * Follows `print_inference_instructions`.
 */
export function inferenceInstructions(information: InferenceInformation, processes: number): string {
  const { best, folds, datasetName } = information;
  const isEnsemble = best.models.length > 1;
  const outputs = best.models.map((_, i) => (isEnsemble ? `OUTPUT_FOLDER_MODEL_${i + 1}` : 'OUTPUT_FOLDER'));
  const lines = ['***Run inference like this:***', ''];
  if (isEnsemble) {
    lines.push(
      'An ensemble won! What a surprise! Run the following commands to run predictions with the ensemble members:',
      '',
    );
  }
  for (const [i, { trainer, plans, configuration }] of best.models.entries()) {
    const probabilities = isEnsemble ? ' --save_probabilities' : '';
    lines.push(
      `nnUNetv2_predict -d ${datasetName} -i INPUT_FOLDER -o ${outputs[i]} -f  ${folds.join(' ')} -tr ${trainer} -c ${configuration} -p ${plans}${probabilities}`,
    );
  }
  if (isEnsemble) {
    lines.push(
      '',
      'The run ensembling with:',
      '',
      `nnUNetv2_ensemble -i ${outputs.join(' ')} -o OUTPUT_FOLDER -np ${processes}`,
    );
  }
  lines.push(
    '',
    '***Once inference is completed, run postprocessing like this:***',
    '',
    `nnUNetv2_apply_postprocessing -i OUTPUT_FOLDER -o OUTPUT_FOLDER_PP -pp_pkl_file ${best.postprocessingFile} -np ${processes} -plans_json ${best.plansFile}`,
  );
  return `${lines.join('\n')}\n`;
}
