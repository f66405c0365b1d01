import { describe, expect } from 'vitest';
import { runsOnProcessor } from '@/app/segment/predictionSession';
import { type CasePredictor, OnnxPredictor } from '@/core/inference/onnxPredictor';
import { GpuPredictor } from '@/core/inference/predictor';
import { importModel } from '@/core/interop/importModel';
import { exportGraphToOnnx } from '@/core/interop/onnxExport';
import type { MedicalImage } from '@/core/io/medicalImage';
import { newGeometry } from '@/core/io/niftiWriter';
import { buildUNet } from '@/nn/unet';
import { randomNormal } from '@/shared/random';
import { test } from '../../support/gpu';
import { modelFolderFiles, TINY_DATASET } from '../../support/modelFolder';
import { jsonFile, onnxFile, THREE_CLASSES, threeClassNetwork } from '../../support/onnxFiles';

const SETTINGS = {
  folds: ['0'],
  tileStepSize: 0.5,
  useGaussian: true,
  useMirroring: true,
  saveProbabilities: false,
};
const RUNTIME = { threads: 1 };

/** `[z, y, x]` with zeros around, smaller than the patch along z. */
function image(): MedicalImage {
  const shape = [3, 30, 26] as const;
  const spacing = [3, 1.2, 1] as const;
  const data = randomNormal(3 * 30 * 26, 5).map((value, i) => (i % 26 < 3 ? 0 : value));
  return { data, channels: 1, shape, spacing, geometry: newGeometry(shape, spacing), warnings: [] };
}

async function logitsOf(predictor: CasePredictor) {
  const prepared = await predictor.prepare(image());
  const logits = await predictor.predictLogits(prepared);
  const { segmentation, probabilities } = await predictor.predict(prepared);
  predictor.close();
  return { logits, segmentation, probabilities };
}

/** `max |a − b| / max |b|`. */
function relativeDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  const largest = b.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0) / largest;
}

describe('onnxruntime on the processor', () => {
  test.for([
    { what: 'labels', options: {}, settings: SETTINGS },
    {
      what: 'two folds without Gaussian',
      options: { folds: ['0', '1'], mirrorAxes: [1, 2] },
      settings: { ...SETTINGS, folds: ['0', '1'], useGaussian: false },
    },
    {
      what: 'regions',
      options: {
        dataset: {
          ...TINY_DATASET,
          labels: { body: [0, 1, 2], organ: [1, 2], lesion: 2 },
          regions_class_order: [3, 1, 2],
        },
      },
      settings: SETTINGS,
    },
    { what: 'probabilities', options: {}, settings: { ...SETTINGS, saveProbabilities: true } },
  ])('computes what the GPU computes: $what', async ({ options, settings }, { gpu }) => {
    const [imported] = await importModel(modelFolderFiles({ mirrorAxes: [0, 2], ...options }));
    const job = { ...imported, settings };
    const expected = await logitsOf(await GpuPredictor.open({ ...job, gpu }));
    const found = await logitsOf(await OnnxPredictor.open({ ...job, runtime: RUNTIME }));
    expect(relativeDifference(found.logits, expected.logits)).toBeLessThan(1e-5);
    expect(found.segmentation).toEqual(expected.segmentation);
    expect(new Set(found.segmentation).size).toBeGreaterThan(1);
    expect(found.probabilities?.length).toBe(expected.probabilities?.length);
  });

  test('a window takes some time, and a stopped case ends', async () => {
    const [imported] = await importModel(modelFolderFiles());
    const predictor = await OnnxPredictor.open({ ...imported, settings: SETTINGS, runtime: RUNTIME });
    expect(await predictor.measureWindow()).toBeGreaterThan(0);
    const stop = new AbortController();
    const prepared = await predictor.prepare(image());
    const run = predictor.predict(prepared, { signal: stop.signal, onProgress: () => stop.abort() });
    await expect(run).rejects.toMatchObject({ name: 'AbortError' });
    predictor.close();
  });
});

describe('a foreign network', () => {
  test('that is nnU-Net’s own without its description gives the same on both engines', async ({ gpu }) => {
    const [tiny] = await importModel(modelFolderFiles({ mirrorAxes: [0, 2] }));
    const { configuration, labels } = tiny.model;
    const graph = buildUNet(configuration.architecture, {
      inputChannels: 1,
      outputChannels: labels.outputChannels,
      batch: 1,
      patchSize: configuration.patchSize,
      deepSupervision: false,
    });
    const onnx = exportGraphToOnnx(graph, await tiny.loadFold('0'), { graphName: 'u', dimensions: 3 });
    const description = {
      version: 1,
      name: 'Somebody’s',
      channels: ['MRI'],
      spacing: configuration.spacing,
      patch_size: configuration.patchSize,
      normalization: 'ZScoreNormalization',
      labels: TINY_DATASET.labels,
      mirror_axes: [0, 2],
      crop_to_nonzero: true,
    };
    const [foreign] = await importModel([onnxFile(onnx), jsonFile(description)]);
    expect(foreign.model.foreignNetwork).toMatchObject({ engine: 'graph' });
    const settings = { ...SETTINGS, folds: ['all'] };
    const expected = await logitsOf(await GpuPredictor.open({ ...tiny, settings: SETTINGS, gpu }));
    const translated = await logitsOf(await GpuPredictor.open({ ...foreign, settings, gpu }));
    const byRuntime = await logitsOf(await OnnxPredictor.open({ ...foreign, settings, runtime: RUNTIME }));
    expect(relativeDifference(translated.logits, expected.logits)).toBeLessThan(1e-6);
    expect(relativeDifference(byRuntime.logits, expected.logits)).toBeLessThan(1e-5);
    expect(translated.segmentation).toEqual(expected.segmentation);
    expect(byRuntime.segmentation).toEqual(expected.segmentation);
  });

  test('with an unknown operator is onnxruntime’s, and takes images at their own voxel size', async () => {
    const elu = { operator: 'Elu', inputs: ['x'], outputs: ['h'] };
    const onnx = threeClassNetwork([elu], ['batch', 1, 4, 8, 8]);
    const [foreign] = await importModel([onnxFile(onnx), jsonFile(THREE_CLASSES)]);
    expect(runsOnProcessor(foreign)).toBe(true);
    const settings = { ...SETTINGS, folds: ['all'] };
    const predictor = await OnnxPredictor.open({ ...foreign, settings, runtime: RUNTIME });
    const { segmentation } = await predictor.predict(await predictor.prepare(image()));
    predictor.close();
    const { data } = image();
    const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
    const std = Math.sqrt(data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length);
    const expected = Uint8Array.from(data, (value) => {
      const z = (value - mean) / std;
      const elued = z > 0 ? z : Math.exp(z) - 1;
      const scores = [0.3, elued, -elued];
      return scores.indexOf(Math.max(...scores));
    });
    const different = expected.filter((label, i) => label !== segmentation[i]).length;
    expect(different).toBe(0);
  });
});
