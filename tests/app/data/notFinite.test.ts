// Weights, losses and logits that are no numbers: said at once, and nothing is written of them.
import { beforeAll, expect } from 'vitest';
import { PredictionSession } from '@/app/segment/predictionSession';
import { importModel } from '@/core/interop/importModel';
import type { StateDict } from '@/core/interop/model';
import { memoryFile } from '@/core/io/sourceFile';
import { openNodeGpu } from '@/gpu/nodeGpu';
import { messageOf } from '@/shared/errors';
import { randomNormal } from '@/shared/random';
import type { DatasetFolder } from '@/storage/datasetFolder';
import { test } from '../../support/gpu';
import { modelFolderFiles, TINY_DATASET } from '../../support/modelFolder';
import { memoryCheckpoints, tinyPreprocessed, tinyTrainer, trainTiny } from '../../support/tinyTraining';

let preprocessed: DatasetFolder;
beforeAll(async () => {
  preprocessed = await tinyPreprocessed();
});

const failureOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'nothing',
    (error: unknown) => `${error instanceof Error ? error.name : ''}: ${messageOf(error)}`,
  );

test('a training that diverges stops, and leaves the checkpoints of before', async ({ gpu }) => {
  const checkpoints = memoryCheckpoints();
  await trainTiny(gpu, { preprocessed, checkpoints, trainer: tinyTrainer('nnUNetTrainer', 1) });
  const kept = await (await checkpoints.read('checkpoint_final.pth'))?.bytes();
  const wild = { ...tinyTrainer('nnUNetTrainer', 2), initialLearningRate: 1e30 };
  const failure = await failureOf(trainTiny(gpu, { preprocessed, checkpoints, trainer: wild }));
  expect(failure).toMatch(
    /^TrainingDiverged: The training has diverged in epoch 0: .*not finite.*learning rate/,
  );
  expect(await (await checkpoints.read('checkpoint_final.pth'))?.bytes()).toEqual(kept);
});

/** The tiny model, with a weight of its first fold changed. */
async function modelWith(
  value: number,
  labels = TINY_DATASET.labels as Record<string, unknown>,
  more: object = {},
) {
  const dataset = { ...TINY_DATASET, labels, ...more };
  const [imported] = await importModel(modelFolderFiles({ dataset }));
  const loadFold = async (fold: string): Promise<StateDict> => {
    const weights = await imported.loadFold(fold);
    const [first] = weights.values();
    first.data[0] = value;
    return weights;
  };
  return { ...imported, loadFold };
}

test.for([
  { what: 'labels', labels: TINY_DATASET.labels, more: {}, saveProbabilities: false },
  {
    what: 'regions',
    labels: { wide: [0, 1, 2], whole: [1, 2], core: 2 },
    more: { regions_class_order: [1, 2, 1] },
    saveProbabilities: false,
  },
  { what: 'probabilities', labels: TINY_DATASET.labels, more: {}, saveProbabilities: true },
])(
  'a prediction of logits that are no numbers is an error, never background: $what',
  async (each, { gpu: _ }) => {
    for (const device of ['gpu', 'cpu'] as const) {
      for (const value of device === 'gpu' ? [Number.NaN, 3e38] : [Number.NaN]) {
        const session = new PredictionSession({
          ...(await modelWith(value, each.labels, each.more)),
          settings: {
            folds: ['0'],
            tileStepSize: 0.5,
            useGaussian: true,
            useMirroring: false,
            saveProbabilities: each.saveProbabilities,
          },
          device,
          openGpu: openNodeGpu,
        });
        const image = {
          data: randomNormal(6 * 24 * 20, 1),
          channels: 1,
          shape: [6, 24, 20] as const,
          spacing: [3, 1, 1] as const,
        };
        const outcome = await failureOf(session.predictArray(image));
        await session.close();
        if (Number.isNaN(value))
          expect(outcome).toMatch(/^LogitsNotFinite: The network gave values that are not finite/);
        else expect(outcome).toMatch(/^(LogitsNotFinite|nothing)/);
      }
    }
  },
);

test('a checkpoint with a weight that is no number is refused by its tensor', async ({ gpu }) => {
  const files = modelFolderFiles({
    changeCheckpoint: (_, weights) => {
      const [, tensor] = [...weights][0];
      if (tensor.data instanceof Float32Array) tensor.data[1] = Number.NaN;
    },
  });
  const [imported] = await importModel(files);
  expect(await failureOf(imported.loadFold('0'))).toMatch(
    /^WeightsNotFinite: .*checkpoint_final\.pth: 1 of the 36 weights of encoder\.stages\.0.*is not finite \(NaN\).*checkpoint_best/,
  );
  const bytes = await files.find(({ path }) => path.endsWith('.pth'))?.bytes();
  const pretrainedWeights = memoryFile(bytes ?? new Uint8Array(), 'nan.pth');
  const failure = await failureOf(trainTiny(gpu, { preprocessed, pretrainedWeights }));
  expect(failure).toMatch(/WeightsNotFinite|WeightsMismatch/);
});
