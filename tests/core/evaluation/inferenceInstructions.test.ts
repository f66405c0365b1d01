import { describe, expect, test } from 'vitest';
import {
  ensembleIdentifier,
  type InferenceInformation,
  inferenceInformationJson,
  inferenceInstructions,
} from '@/core/evaluation/inferenceInstructions';
import { readInferenceInformation } from '../../support/inferenceInformation';

const FLAT = { trainer: 'nnUNetTrainer', plans: 'nnUNetPlans', configuration: '2d' };
const FULL = { ...FLAT, configuration: '3d_fullres' };

function information(models: InferenceInformation['best']['models']): InferenceInformation {
  return {
    datasetName: 'Dataset007_Tiny',
    folds: [0, 1],
    consideredModels: [FLAT, FULL],
    isEnsemblingAllowed: true,
    results: { nnUNetTrainer__nnUNetPlans__2d: 1, nnUNetTrainer__nnUNetPlans__3d_fullres: 0.25 },
    best: {
      models,
      diceBeforePostprocessing: 1,
      diceAfterPostprocessing: 1,
      postprocessingFile: '/r/postprocessing.pkl',
      plansFile: '/r/plans.json',
    },
  };
}

test('the name of an ensemble has its members and folds', () => {
  expect(ensembleIdentifier([FLAT, FULL], [0, 1])).toBe(
    'ensemble___nnUNetTrainer__nnUNetPlans__2d___nnUNetTrainer__nnUNetPlans__3d_fullres___0_1',
  );
});

describe('inference_information.json', () => {
  test('has nnU-Net’s keys, sorted, and scores as floats', () => {
    const text = inferenceInformationJson(information([FULL]));
    expect(text).toContain('"nnUNetTrainer__nnUNetPlans__2d": 1.0');
    expect(text).toContain('"folds": [\n        0,\n        1\n    ]');
    expect(Object.keys(JSON.parse(text))).toEqual([
      'all_results',
      'best_model_or_ensemble',
      'considered_models',
      'dataset_name_or_id',
      'ensembling_allowed',
      'folds',
    ]);
  });

  test('comes back as it was written', () => {
    for (const models of [[FULL], [FLAT, FULL]]) {
      const written = information(models);
      expect(readInferenceInformation(inferenceInformationJson(written), 'i.json')).toEqual(written);
    }
  });
});

describe('inference_instructions.txt', () => {
  test('of one model: predict, then postprocess', () => {
    expect(inferenceInstructions(information([FULL]), 8)).toBe(
      [
        '***Run inference like this:***',
        '',
        'nnUNetv2_predict -d Dataset007_Tiny -i INPUT_FOLDER -o OUTPUT_FOLDER -f  0 1 -tr nnUNetTrainer -c 3d_fullres -p nnUNetPlans',
        '',
        '***Once inference is completed, run postprocessing like this:***',
        '',
        'nnUNetv2_apply_postprocessing -i OUTPUT_FOLDER -o OUTPUT_FOLDER_PP -pp_pkl_file /r/postprocessing.pkl -np 8 -plans_json /r/plans.json',
        '',
      ].join('\n'),
    );
  });

  test('of an ensemble: probabilities of each member, averaged', () => {
    const lines = inferenceInstructions(information([FLAT, FULL]), 3).split('\n');
    expect(lines.filter((line) => line.startsWith('nnUNetv2_'))).toEqual([
      'nnUNetv2_predict -d Dataset007_Tiny -i INPUT_FOLDER -o OUTPUT_FOLDER_MODEL_1 -f  0 1 -tr nnUNetTrainer -c 2d -p nnUNetPlans --save_probabilities',
      'nnUNetv2_predict -d Dataset007_Tiny -i INPUT_FOLDER -o OUTPUT_FOLDER_MODEL_2 -f  0 1 -tr nnUNetTrainer -c 3d_fullres -p nnUNetPlans --save_probabilities',
      'nnUNetv2_ensemble -i OUTPUT_FOLDER_MODEL_1 OUTPUT_FOLDER_MODEL_2 -o OUTPUT_FOLDER -np 3',
      'nnUNetv2_apply_postprocessing -i OUTPUT_FOLDER -o OUTPUT_FOLDER_PP -pp_pkl_file /r/postprocessing.pkl -np 3 -plans_json /r/plans.json',
    ]);
  });
});
