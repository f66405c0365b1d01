// ONNX of every fold of every trained model folder: what onnxruntime computes from the file against our engine, and the
// file read back. Errors are the largest difference as a share of the output's largest value (10 to 90 in these models).
// Then the first test image of each model that is no second stage, segmented on the processor and on the GPU: the share of
// voxels that differ, as in the topic checkpoint.
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { exportOnnx } from '@/app/models/exportOnnx';
import { type CasePredictor, OnnxPredictor } from '@/core/inference/onnxPredictor';
import { openOnnxSession } from '@/core/inference/onnxRuntime';
import { GpuPredictor } from '@/core/inference/predictor';
import { openWindowNetwork } from '@/core/inference/windowNetwork';
import { type ImportedModel, importModel } from '@/core/interop/importModel';
import { networkInputChannels } from '@/core/interop/labels';
import type { StateDict } from '@/core/interop/model';
import { type ModelDocuments, readOnnxModel } from '@/core/interop/onnxModel';
import { readOnnx } from '@/core/interop/onnxReader';
import { groupIntoCases } from '@/core/io/cases';
import { readCase } from '@/core/io/readers';
import { memoryFile, readText } from '@/core/io/sourceFile';
import { readFloats } from '@/gpu/buffers';
import { type Gpu, openGpu } from '@/gpu/device';
import { nodeWebGpu } from '@/gpu/nodeGpu';
import { elementCount } from '@/shared/geometry';
import { randomNormal } from '@/shared/random';
import type { OrtModule } from '../bench/ort/contender';
import { loadOrtWebGpu } from '../bench/ort/ortInNode';
import { folderFiles } from '../support/diskFiles';
import { countDifferent, exactOutcome, largestDifference, type Outcome, summarise } from '../support/golden';
import type { RunTopic } from './topic';

const TOLERANCE = 1e-4;
/** Samples at once, to see that the batch is free. */
const BATCH = 2;

/** Of all voxels, between the processor and the GPU. */
const MAX_DIFFERENT_SHARE = 2e-4;

type Outcomes = Record<'wasm' | 'averaged' | 'webgpu' | 'readBack' | 'segmentation', Outcome[]>;

export const run: RunTopic = async (goldenFolder, print) => {
  const root = path.join(goldenFolder, 'checkpoint');
  const outcomes: Outcomes = { wasm: [], averaged: [], webgpu: [], readBack: [], segmentation: [] };
  const webgpu = await nodeWebGpu();
  const gpu = await openGpu(webgpu);
  try {
    const ort = await loadOrtWebGpu(webgpu);
    for (const folder of existsSync(root) ? modelFolders(root) : []) {
      const start = performance.now();
      await checkModel(gpu, ort, folder, path.relative(root, folder), outcomes);
      print(`${path.relative(root, folder)}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
    }
  } finally {
    gpu.close();
  }
  return summarise('onnx', outcomes);
};

function modelFolders(root: string): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.name === 'plans.json')
    .map((entry) => entry.parentPath)
    .sort();
}

async function checkModel(
  gpu: Gpu,
  ort: OrtModule,
  folder: string,
  name: string,
  outcomes: Outcomes,
): Promise<void> {
  const files = folderFiles(folder);
  const documentOf = async (file: string) => {
    const found = files.find((each) => each.path.endsWith(`/${file}`));
    if (!found) throw new Error(`${folder} has no ${file}`);
    return readText(found);
  };
  const documents: ModelDocuments = {
    datasetJson: await documentOf('dataset.json'),
    plansJson: await documentOf('plans.json'),
  };
  for (const imported of await importModel(files)) {
    const { model } = imported;
    const job = { ...imported, documents };
    const expected = await engineOutputs(gpu, imported);
    let fold = 0;
    for await (const { content } of exportOnnx({ ...job, shouldAverageFolds: false })) {
      const title = `${name} fold ${model.folds[fold].fold}`;
      const { data } = await wasmOutput(imported, content);
      outcomes.wasm.push(evaluated(title, data, repeated(expected[fold], BATCH)));
      outcomes.readBack.push(await checkReadBack(title, content, imported));
      fold++;
    }
    for await (const { content } of exportOnnx({ ...job, shouldAverageFolds: true })) {
      if (expected.length === 1) break;
      const { data } = await wasmOutput(imported, content);
      outcomes.averaged.push(evaluated(`${name} averaged`, data, repeated(meanOf(expected), BATCH)));
      outcomes.readBack.push(await checkReadBack(`${name} averaged`, content, imported));
    }
    outcomes.webgpu.push(await checkWebGpu(gpu, ort, name, withSmallestPatch(imported), documents));
    if (model.configuration.previousStage === undefined) {
      outcomes.segmentation.push(await checkSegmentation(gpu, folder, name, imported));
    }
  }
}

function evaluated(name: string, actual: Float32Array, expected: Float32Array): Outcome {
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const error = largestDifference(actual, expected) / largest;
  return { name, error, tolerance: TOLERANCE, note: `of ${largest.toFixed(1)}` };
}

/** Our engine's output of one seeded patch, by fold. */
async function engineOutputs(gpu: Gpu, imported: ImportedModel): Promise<Float32Array[]> {
  const folds = imported.model.folds.map(({ fold }) => fold);
  const network = await openWindowNetwork({ ...imported, gpu, settings: { folds } });
  try {
    gpu.device.queue.writeBuffer(network.input.buffer, network.input.offset, inputOf(imported));
    const outputs: Float32Array[] = [];
    for (const index of folds.keys()) {
      network.run(index);
      outputs.push(await readFloats(gpu, network.output));
    }
    return outputs;
  } finally {
    network.destroy();
  }
}

async function wasmOutput(imported: ImportedModel, onnx: Uint8Array) {
  const session = await openOnnxSession(onnx, { threads: 2 });
  try {
    return await session.run(repeated(inputOf(imported), BATCH), [BATCH, ...inputShape(imported)]);
  } finally {
    await session.close();
  }
}

async function checkWebGpu(
  gpu: Gpu,
  ort: OrtModule,
  name: string,
  imported: ImportedModel,
  documents: ModelDocuments,
): Promise<Outcome> {
  const [expected] = await engineOutputs(gpu, imported);
  const [fold] = imported.model.folds;
  const files = exportOnnx({ ...imported, documents, folds: [fold.fold], shouldAverageFolds: false });
  const { value: file } = await files.next();
  if (!file) throw new Error(`${name}: nothing was exported`);
  const session = await ort.InferenceSession.create(file.content, { executionProviders: ['webgpu'] });
  try {
    const input = new ort.Tensor('float32', inputOf(imported), [1, ...inputShape(imported)]);
    const { logits } = await session.run({ [session.inputNames[0]]: input });
    return evaluated(
      `${name} on WebGPU`,
      Float32Array.from((await logits.getData()) as Float32Array),
      expected,
    );
  } finally {
    await session.release();
  }
}

/** The first test image with the first fold, not mirrored, on the processor against the GPU. */
async function checkSegmentation(
  gpu: Gpu,
  folder: string,
  name: string,
  imported: ImportedModel,
): Promise<Outcome> {
  const { model } = imported;
  const [first] = groupIntoCases(folderFiles(path.join(folder, '..', 'imagesTs'))).cases;
  const image = await readCase(first.files, model.plans.imageReaderWriter);
  const folds = model.folds.slice(0, 1).map(({ fold }) => fold);
  const settings = {
    folds,
    tileStepSize: 0.5,
    useGaussian: true,
    useMirroring: false,
    saveProbabilities: false,
  };
  const segment = async (predictor: CasePredictor) => {
    const { segmentation } = await predictor.predict(await predictor.prepare(image));
    predictor.close();
    return segmentation;
  };
  const expected = await segment(await GpuPredictor.open({ ...imported, gpu, settings }));
  const found = await segment(await OnnxPredictor.open({ ...imported, settings, runtime: { threads: 2 } }));
  const different = countDifferent(found, expected);
  const note = `${different} of ${expected.length} voxels`;
  const error = different / expected.length;
  return { name: `${name} ${first.caseId}`, error, tolerance: MAX_DIFFERENT_SHARE, note };
}

/** Every tensor of every fold in the file, to the bit, and what is said about the model. */
async function checkReadBack(name: string, onnx: Uint8Array, original: ImportedModel): Promise<Outcome> {
  const imported = readOnnxModel(readOnnx(onnx, name), memoryFile(onnx, `${name}.onnx`));
  const { folds, ...facts } = imported.model;
  const { folds: _, ...expectedFacts } = original.model;
  if (!sameText(facts, expectedFacts)) return exactOutcome(name, false, 'the description differs');
  for (const { fold } of folds) {
    const [found, expected] = [await imported.loadFold(fold), await original.loadFold(fold)];
    if (!sameTensors(found, expected)) return exactOutcome(name, false, `the weights of fold ${fold} differ`);
  }
  return exactOutcome(name, true);
}

function sameText(a: unknown, b: unknown): boolean {
  const text = (value: unknown) =>
    JSON.stringify(value, (_, each) => (each instanceof Map ? [...each] : each));
  return text(a) === text(b);
}

function sameTensors(a: StateDict, b: StateDict): boolean {
  return (
    a.size === b.size &&
    [...b].every(([name, { shape, data }]) => {
      const found = a.get(name);
      return found?.shape.join() === shape.join() && largestDifference(found.data, data) === 0;
    })
  );
}

/** Two voxels where the network is deepest: WebGPU on a software adapter is slow. */
function withSmallestPatch(imported: ImportedModel): ImportedModel {
  const { configuration } = imported.model;
  const patchSize = configuration.patchSize.map(
    (_, axis) =>
      2 * configuration.architecture.strides.reduce((product, stride) => product * stride[axis], 1),
  );
  return { ...imported, model: { ...imported.model, configuration: { ...configuration, patchSize } } };
}

function inputShape({ model }: ImportedModel): readonly number[] {
  const { channelNames, labels, configuration } = model;
  return [networkInputChannels(channelNames.length, labels, configuration), ...configuration.patchSize];
}

function inputOf(imported: ImportedModel): Float32Array<ArrayBuffer> {
  return Float32Array.from(randomNormal(elementCount(inputShape(imported)), 7));
}

function repeated(values: Float32Array, times: number): Float32Array {
  const result = new Float32Array(values.length * times);
  for (let i = 0; i < times; i++) result.set(values, i * values.length);
  return result;
}

function meanOf(arrays: readonly Float32Array[]): Float32Array {
  return arrays[0].map((_, i) => arrays.reduce((sum, array) => sum + array[i], 0) / arrays.length);
}
