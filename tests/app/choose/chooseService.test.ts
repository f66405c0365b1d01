import { describe, expect, test } from 'vitest';
import { describeRecipe, recipeJob, recipesOf } from '@/app/choose/bestConfiguration';
import { candidateRuns, missingFolds } from '@/app/choose/candidateRuns';
import { createChooseService } from '@/app/choose/chooseService';
import { DEFAULT_PREFERENCES } from '@/app/preferencesStore';
import type { TrainingRecord } from '@/app/train/trainingRecord';
import { importModel } from '@/core/interop/importModel';
import type { ChoiceRecord } from '@/storage/choiceRecord';
import type { ModelRecord } from '@/storage/modelLibrary';
import type { ChooseRequest } from '@/workers/choose/api';
import { memoryFolderStore } from '../../support/memoryFolderStore';
import { memoryFolders } from '../../support/memoryFolders';
import { modelFolderFiles, plansJson, TINY_CONFIGURATION } from '../../support/modelFolder';
import {
  CROSSVAL_CASES,
  columns,
  labelFile,
  type TinyModel,
  TRUTH,
  tinyCrossval,
} from '../../support/tinyCrossval';

const DATASET = 'Dataset001_Tiny';
const FOLDS = [0, 1];

/** Runs in folders of their own, as trainings leave them, and references beside the dataset. */
async function trained(models: readonly TinyModel[]) {
  const [datasets, runs, results] = [memoryFolders(), memoryFolderStore(), memoryFolderStore()];
  const { results: trainedFolder } = await tinyCrossval(models);
  const references = datasets.folder(DATASET, 'preprocessed');
  for (const caseId of CROSSVAL_CASES) {
    await references.write(`gt_segmentations/${caseId}.nii.gz`, labelFile(TRUTH));
  }
  const candidates = models.map(({ configuration }) => ({
    trainer: 'nnUNetTrainer',
    plans: 'nnUNetPlans',
    configuration,
    folds: FOLDS.map((fold) => ({ fold, runId: `${configuration}-${fold}` })),
  }));
  for (const { configuration, folds } of candidates) {
    const root = `nnUNetTrainer__nnUNetPlans__${configuration}/`;
    for (const [path, content] of trainedFolder.folder.contents) {
      if (!path.startsWith(root)) continue;
      const below = path.slice(root.length);
      for (const { fold, runId } of folds) {
        const isOwn = !below.includes('/') || below.startsWith(`fold_${fold}/`);
        if (isOwn) await runs.folder(runId).write(below, content);
      }
    }
  }
  const order: ChooseRequest = { datasetName: DATASET, candidates, folds: FOLDS, isEnsemblingAllowed: true };
  return { service: createChooseService({ datasets, runs, results }), order, results, runs };
}

/** Half of label 2 is missing, half of label 1, each unsure there; both have a speck too much of label 1. */
const LEFT = columns([0, 3, 1], [4, 5, 2], [7, 8, 1]);
const RIGHT = columns([0, 1, 1], [4, 6, 2], [7, 8, 1]);
const SPECK = columns([7, 8, 1]);
const unsureWhereWrong = (map: readonly number[]) =>
  map.map((label, i) => (label === TRUTH[i] || SPECK[i] > 0 ? 0.9 : 0.5));
const MODELS = [
  { configuration: '2d', prediction: LEFT, confidence: unsureWhereWrong(LEFT) },
  { configuration: '3d_fullres', prediction: RIGHT, confidence: unsureWhereWrong(RIGHT) },
];

describe('choosing', () => {
  test('takes folds from the folders of their runs, and tells how far it is', async () => {
    const { service, order, results } = await trained(MODELS);
    const shares: number[] = [];
    const choice = await service.findBest(order, ({ share }) => shares.push(share));
    expect(choice.scores.map(({ models }) => models.map(({ configuration }) => configuration))).toEqual([
      ['2d'],
      ['3d_fullres'],
      ['2d', '3d_fullres'],
    ]);
    expect(choice.best).toBe(choice.scores[2].name);
    expect(choice.labels.map(({ name }) => name)).toEqual(['organ', 'lesion']);
    expect(choice.postprocessing.steps.map(({ members }) => members)).toEqual([[[1]]]);
    expect(choice.scores[2].meanDice).toBeLessThan(1);
    expect(choice.postprocessing.diceAfter).toBe(1);
    expect(choice.instructions).toContain('nnUNetv2_ensemble');
    expect(await results.folder(DATASET).has('inference_information.json')).toBe(true);
    expect(shares).toEqual(shares.toSorted((a, b) => a - b));
    expect(shares.at(-1)).toBeGreaterThan(0.9);
    expect(shares.at(-1)).toBeLessThanOrEqual(1);
  });

  test('counts what ensembles lack', async () => {
    const { service, order } = await trained([MODELS[0], { configuration: '3d_fullres', prediction: RIGHT }]);
    const survey = await service.survey(order.candidates.flatMap(({ folds }) => folds));
    expect(survey.map(({ cases, withProbabilities }) => [cases, withProbabilities])).toEqual([
      [2, 2],
      [2, 2],
      [2, 0],
      [2, 0],
    ]);
  });

  test('is cancelled', async () => {
    const { service, order } = await trained(MODELS);
    const choosing = service.findBest(order, () => service.cancel());
    await expect(choosing).rejects.toMatchObject({ name: 'AbortError' });
  });
});

function run(
  number: number,
  order: Partial<TrainingRecord['order']>,
  part: Partial<TrainingRecord> = {},
): TrainingRecord {
  return {
    id: `run-${number}`,
    order: {
      runId: `files-${number}`,
      datasetName: DATASET,
      plansName: 'nnUNetPlans',
      configurationName: '3d_fullres',
      fold: 0,
      trainerName: 'nnUNetTrainer',
      schedule: { epochs: 1, iterationsPerEpoch: 1, validationIterationsPerEpoch: 1 },
      seed: number,
      storage: 'f32',
      augmentsOn: 'cpu',
      ...order,
    },
    createdAt: number,
    state: { status: 'done' },
    epochs: [],
    start: undefined,
    isTrained: true,
    validation: { meanDice: 0.5, cases: [] },
    modelId: undefined,
    ...part,
  };
}

describe('candidates', () => {
  test('have the newest validated run of each fold, in the order of nnU-Net', () => {
    const found = candidateRuns(
      [
        run(6, { fold: 1 }, { validation: undefined }),
        run(5, { fold: 0 }),
        run(4, { fold: 'all' }),
        run(3, { configurationName: '2d', shouldSaveProbabilities: true }),
        run(2, { fold: 2 }),
        run(1, { fold: 0 }),
        run(7, { datasetName: 'Dataset002_Other' }),
      ],
      DATASET,
    );
    expect(
      found.map(({ configuration, folds }) => [configuration, folds.map(({ run: { id } }) => id)]),
    ).toEqual([
      ['2d', ['run-3']],
      ['3d_fullres', ['run-5', 'run-2']],
    ]);
    expect(missingFolds(found[1], [0, 1, 2, 3])).toEqual([1, 3]);
  });

  test('of one name are the training with the most folds', () => {
    const short = { epochs: 2, iterationsPerEpoch: 1, validationIterationsPerEpoch: 1 };
    const found = candidateRuns([run(3, { schedule: short }), run(2, { fold: 1 }), run(1, {})], DATASET);
    expect(found).toHaveLength(1);
    expect(found[0].folds.map(({ run: { id } }) => id)).toEqual(['run-1', 'run-2']);
  });
});

describe('a recipe', () => {
  const plans = plansJson({ '3d_fullres': TINY_CONFIGURATION, '3d_lowres': TINY_CONFIGURATION });
  async function record(configuration: string, folds: readonly string[]): Promise<ModelRecord> {
    const folder = `nnUNetTrainer__nnUNetPlans__${configuration}`;
    const [{ model }] = await importModel(modelFolderFiles({ folder, configuration, plans, folds }));
    return {
      id: configuration,
      name: `Tiny · ${configuration}`,
      source: folder,
      model,
    } as unknown as ModelRecord;
  }
  const choice: ChoiceRecord = {
    datasetName: DATASET,
    foundAt: 0,
    folds: [0, 1],
    labels: [
      { name: 'organ', values: [1] },
      { name: 'lesion', values: [2] },
    ],
    scores: [
      {
        name: 'pair',
        models: ['3d_fullres', '3d_lowres'].map((configuration) => ({
          trainer: 'nnUNetTrainer',
          plans: 'nnUNetPlans',
          configuration,
        })),
        meanDice: 0.8,
        labelDice: [0.8, 0.8],
        cases: 4,
      },
    ],
    best: 'pair',
    postprocessing: {
      steps: [{ members: [[2]], isList: false, background: 0 }],
      trials: [],
      diceAfter: 0.9,
    },
    instructions: '',
    information: '',
  };

  test('is a job of all its models, with its folds and postprocessing', async () => {
    const library = [await record('3d_lowres', ['0', '1', '2']), await record('3d_fullres', ['0', '1'])];
    const [recipe] = recipesOf([choice], library);
    expect(describeRecipe(recipe)).toBe(
      '3d_fullres + 3d_lowres, folds 0, 1, then the largest component of lesion',
    );
    expect(recipeJob(recipe, library, DEFAULT_PREFERENCES)).toMatchObject({
      modelId: '3d_fullres',
      settings: { folds: ['0', '1'] },
      others: [{ modelId: '3d_lowres', folds: ['0', '1'] }],
      postprocessing: choice.postprocessing.steps,
    });
  });

  test('knows a model by its folder, where its checkpoints name a trainer of stock nnU-Net', async () => {
    const models = [{ trainer: 'nnUNetTrainer_7epochs', plans: 'nnUNetPlans', configuration: '3d_fullres' }];
    const [pair] = choice.scores;
    const single = { ...choice, best: 'one', scores: [{ ...pair, name: 'one', models }] };
    const fullres = await record('3d_fullres', ['0', '1']);
    expect(recipesOf([single], [fullres])).toEqual([]);
    const trained = { ...fullres, source: 'nnUNetTrainer_7epochs__nnUNetPlans__3d_fullres' };
    expect(recipesOf([single], [trained])).toMatchObject([{ members: [trained] }]);
  });

  test('needs all its models with all its folds', async () => {
    const fullres = await record('3d_fullres', ['0', '1']);
    expect(recipesOf([choice], [fullres])).toEqual([]);
    expect(recipesOf([choice], [fullres, await record('3d_lowres', ['0'])])).toEqual([]);
  });
});
