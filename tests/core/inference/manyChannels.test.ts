// Prediction where channels or logits of one window exceed what the device binds at once.
import { expect } from 'vitest';
import { GpuPredictor } from '@/core/inference/predictor';
import { labelSetOf } from '@/core/interop/labels';
import type { NnunetModel } from '@/core/interop/model';
import type { MedicalImage } from '@/core/io/medicalImage';
import type { Gpu } from '@/gpu/device';
import { initialise } from '@/nn/initialise';
import { buildUNet } from '@/nn/unet';
import { elementCount, type Zyx } from '@/shared/geometry';
import { randomNormal } from '@/shared/random';
import { test } from '../../support/gpu';
import { narrowGpu } from '../../support/narrowGpu';
import { testConfiguration, testPlans } from '../../support/plans';

const CHANNELS = 11;
const CLASSES = 20;
const SHAPE: Zyx = [12, 20, 22];
/** Eight channels of the window; blocks of weights are 65,536 bytes. */
const BINDING_BYTES = 70_000;

const names = new Map(
  Array.from({ length: CLASSES }, (_, i) => [i === 0 ? 'background' : `l${i}`, i] as const),
);
const configuration = testConfiguration({
  normalizationSchemes: new Array(CHANNELS).fill('NoNormalization'),
  useMaskForNorm: new Array(CHANNELS).fill(false),
  architecture: { ...testConfiguration().architecture, featuresPerStage: [3, 4] },
});
const model: NnunetModel = {
  plans: testPlans({ configurations: { [configuration.name]: configuration } }),
  configuration,
  labels: labelSetOf(names, undefined),
  channelNames: Array.from({ length: CHANNELS }, (_, i) => `${i}`),
  fileEnding: '.nii.gz',
  datasetName: 'Dataset001_Test',
  trainerName: 'nnUNetTrainer',
  folds: [{ fold: '0', checkpointName: 'checkpoint_final.pth' }],
  mirrorAxes: [0, 2],
};
const graph = buildUNet(configuration.architecture, {
  inputChannels: CHANNELS,
  outputChannels: CLASSES,
  batch: 1,
  patchSize: configuration.patchSize,
  deepSupervision: false,
});

async function predict(gpu: Gpu) {
  const predictor = await GpuPredictor.open({
    gpu,
    model,
    loadFold: async () => initialise(graph.parameters, 1),
    settings: {
      folds: ['0'],
      useMirroring: true,
      useGaussian: true,
      tileStepSize: 0.5,
      saveProbabilities: false,
    },
  });
  const image: MedicalImage = {
    data: randomNormal(CHANNELS * elementCount(SHAPE), 2),
    channels: CHANNELS,
    shape: SHAPE,
    spacing: [1, 1, 1],
    geometry: { format: 'picture', kind: 'png' },
    warnings: [],
  };
  const prepared = await predictor.prepare(image);
  const logits = await predictor.predictLogits(prepared);
  const { segmentation } = await predictor.predict(prepared);
  predictor.close();
  return { logits, segmentation };
}

test('many channels in, many classes out: the same as on a device that binds them all', async ({ gpu }) => {
  const expected = await predict(gpu);
  const narrow = narrowGpu(gpu, BINDING_BYTES);
  const found = await predict(narrow.gpu).finally(narrow.restore);
  expect(narrow.excesses).toEqual([]);
  const largest = expected.logits.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  const worst = expected.logits.reduce((most, x, i) => Math.max(most, Math.abs(x - found.logits[i])), 0);
  expect(worst).toBeLessThan(1e-5 * largest);
  const different = expected.segmentation.filter((label, i) => label !== found.segmentation[i]).length;
  expect(different).toBeLessThan(1e-3 * expected.segmentation.length);
});
