// Trained models of the real nnU-Net on its own test images: bare network outputs, logits and segmentations, for every
// model, image and setting found in the folder. Segmentations: at most 0.02 % of voxels differ, and Dice ≥ 0.999 for
// each label of more than 500 voxels (nnU-Net's own float16 sums flip up to four voxels a case).
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { GpuPredictor } from '@/core/inference/predictor';
import type { PreparedCase } from '@/core/inference/prepareCase';
import type { LabelMap } from '@/core/inference/previousStage';
import type { PredictSettings } from '@/core/inference/settings';
import { openWindowNetwork } from '@/core/inference/windowNetwork';
import { type ImportedModel, importModel } from '@/core/interop/importModel';
import { groupIntoCases } from '@/core/io/cases';
import type { MedicalImage } from '@/core/io/medicalImage';
import { readNpz } from '@/core/io/npy';
import { readCase } from '@/core/io/readers';
import { memoryFile, type SourceFile } from '@/core/io/sourceFile';
import { readFloats } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import { openNodeGpu } from '@/gpu/nodeGpu';
import { toZyx } from '@/nn/unet';
import { elementCount } from '@/shared/geometry';
import { floats, largestDifference, type Outcome, openArrays, summarise } from '../support/golden';
import type { RunTopic, TopicResult } from './topic';

const FORWARD_TOLERANCE = 1e-4;
const FLOAT32_LOGITS_TOLERANCE = 1e-3;
/** On average; single voxels in the image's corners may be off by more, see the golden README. */
const FLOAT16_LOGITS_TOLERANCE = 1e-2;
/** Away from the corners of the crop: there nnU-Net's float16 sums round logits to whole numbers. */
const PROBABILITIES_TOLERANCE = 5e-3;
/** Voxels from two faces of the crop at once that count as its corners and edges. */
const CORNER_VOXELS = 4;
const MAX_DIFFERENT_SHARE = 2e-4;
const MIN_DICE = 0.999;
const SMALLEST_JUDGED_LABEL = 500;

export const run: RunTopic = async (goldenFolder, print): Promise<TopicResult> => {
  const gpu = await openNodeGpu();
  const groups: Record<string, Outcome[]> = {};
  try {
    for (const folder of modelFolders(path.join(goldenFolder, 'checkpoint'))) {
      const name = path.relative(path.join(goldenFolder, 'checkpoint'), folder);
      const [model] = await importModel(folderFiles(folder));
      const start = performance.now();
      const outcomes = await checkModel(gpu, folder, model);
      print(`${name}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
      for (const [group, more] of Object.entries(outcomes)) {
        groups[group] = [...(groups[group] ?? []), ...more.map(named(name))];
      }
      for (const outcome of Object.values(outcomes).flat()) print(`  ${lineOf(outcome)}`);
    }
  } finally {
    gpu.close();
  }
  return summarise('checkpoint', groups);
};

const named =
  (model: string) =>
  (outcome: Outcome): Outcome => ({ ...outcome, name: `${model} ${outcome.name}` });

function lineOf({ name, error, note }: Outcome): string {
  return `${name}: ${error.toExponential(2)} ${note ?? ''}`;
}

/** Every folder with plans and at least one `predictions_…` folder. */
function modelFolders(root: string): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.name === 'plans.json')
    .map((entry) => entry.parentPath)
    .filter((folder) => readdirSync(folder).some((name) => name.startsWith('predictions_')))
    .sort();
}

function folderFiles(folder: string): SourceFile[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .map((file) => memoryFile(readFileSync(file), path.relative(path.dirname(folder), file)));
}

type Outcomes = Record<'forward' | 'logits' | 'probabilities' | 'segmentation', Outcome[]>;

async function checkModel(gpu: Gpu, folder: string, imported: ImportedModel): Promise<Outcomes> {
  const outcomes: Outcomes = { forward: [], logits: [], probabilities: [], segmentation: [] };
  const forward = path.join(folder, 'forward_fold0.npz');
  if (existsSync(forward)) outcomes.forward.push(await checkForward(gpu, forward, imported));
  const cases = await testCases(folder, imported);
  for (const variant of readdirSync(folder).filter((name) => name.startsWith('predictions_'))) {
    const settings = settingsOf(variant, imported);
    const predictor = await GpuPredictor.open({ ...imported, gpu, settings });
    for (const [caseId, input] of cases) {
      await evaluateCase(predictor, path.join(folder, variant, caseId), input, outcomes, imported);
    }
    predictor.close();
    await checkProbabilities(gpu, path.join(folder, variant), cases, settings, imported, outcomes);
  }
  return outcomes;
}

/** `predictions_tta_ensemble`, `predictions_notta_nogaussian`, `predictions_notta_step075`, … */
function settingsOf(variant: string, { model }: ImportedModel): PredictSettings {
  const words = variant.split('_').slice(1);
  const step = words.find((word) => word.startsWith('step'));
  const folds = model.folds.map(({ fold }) => fold);
  return {
    folds: words.includes('ensemble') ? folds : folds.slice(0, 1),
    tileStepSize: step ? Number(`0.${step.slice('step0'.length)}`) : 0.5,
    useGaussian: !words.includes('nogaussian'),
    useMirroring: words.includes('tta'),
    saveProbabilities: false,
  };
}

/** An image and, for the second stage of a cascade, nnU-Net's own segmentation by the first. */
interface TestCase {
  readonly image: MedicalImage;
  readonly previousStage?: LabelMap;
}

async function testCases(folder: string, { model }: ImportedModel): Promise<Map<string, TestCase>> {
  const { configuration, plans, fileEnding } = model;
  const previous =
    configuration.previousStage === undefined
      ? undefined
      : readdirSync(path.dirname(folder)).find((name) => name.endsWith(`__${configuration.previousStage}`));
  const { cases } = groupIntoCases(folderFiles(path.join(folder, '..', 'imagesTs')));
  const found = new Map<string, TestCase>();
  for (const { caseId, files } of cases) {
    const image = await readCase(files, plans.imageReaderWriter);
    const seg = previous && path.join(folder, '..', previous, 'predictions_notta', `${caseId}${fileEnding}`);
    found.set(caseId, {
      image,
      ...(seg && { previousStage: await readCase([fileAt(seg)], plans.imageReaderWriter) }),
    });
  }
  return found;
}

function fileAt(location: string): SourceFile {
  return memoryFile(readFileSync(location), location);
}

async function checkForward(gpu: Gpu, file: string, imported: ImportedModel): Promise<Outcome> {
  const arrays = await openArrays(file);
  const [input, output] = [arrays('input'), arrays('output')];
  const { model } = imported;
  const spatial = input.shape.slice(2);
  const network = await openWindowNetwork({
    ...imported,
    gpu,
    model: { ...model, configuration: { ...model.configuration, patchSize: spatial } },
    settings: { folds: [model.folds[0].fold] },
  });
  const size = network.input.size;
  const outputSize = network.output.size;
  let error = 0;
  for (let n = 0; n < input.shape[0]; n++) {
    const sample = floats(input).slice(n * size, (n + 1) * size);
    gpu.device.queue.writeBuffer(network.input.buffer, network.input.offset, sample);
    network.run(0);
    const expected = floats(output).subarray(n * outputSize, (n + 1) * outputSize);
    error = Math.max(error, largestDifference(await readFloats(gpu, network.output), expected));
  }
  network.destroy();
  return { name: 'forward', error, tolerance: FORWARD_TOLERANCE, note: `on ${toZyx(spatial).join(' × ')}` };
}

async function evaluateCase(
  predictor: GpuPredictor,
  stem: string,
  { image, previousStage }: TestCase,
  outcomes: Outcomes,
  { model }: ImportedModel,
): Promise<void> {
  const reference = [model.fileEnding].map((ending) => `${stem}${ending}`).find(existsSync);
  if (!reference) return;
  const name = `${path.basename(path.dirname(stem))} ${path.basename(stem)}`;
  const prepared = await predictor.prepare(image, { previousStage });
  const { segmentation } = await predictor.predict(prepared);
  const golden = await readCase([fileAt(reference)], model.plans.imageReaderWriter);
  outcomes.segmentation.push(checkSegmentation(name, segmentation, golden.data));
  if (existsSync(`${stem}_logits.npz`)) {
    const logits = await predictor.predictLogits(prepared);
    outcomes.logits.push(...(await checkLogits(name, logits, `${stem}_logits.npz`)));
  }
}

/** Saved probabilities, for the cases that have them, and that asking for them changes no label. */
async function checkProbabilities(
  gpu: Gpu,
  folder: string,
  cases: ReadonlyMap<string, TestCase>,
  settings: PredictSettings,
  imported: ImportedModel,
  outcomes: Outcomes,
): Promise<void> {
  const saved = [...cases].filter(([caseId]) => existsSync(path.join(folder, `${caseId}.npz`)));
  if (saved.length === 0) return;
  const predictor = await GpuPredictor.open({
    ...imported,
    gpu,
    settings: { ...settings, saveProbabilities: true },
  });
  for (const [caseId, { image, previousStage }] of saved) {
    const name = `${path.basename(folder)} ${caseId}`;
    const prepared = await predictor.prepare(image, { previousStage });
    const { segmentation, probabilities } = await predictor.predict(prepared);
    const golden = floats((await openArrays(path.join(folder, `${caseId}.npz`)))('probabilities'));
    if (!probabilities) throw new Error(`${name}: no probabilities came back`);
    const error = differenceAwayFromCorners(probabilities, golden, image, prepared, imported);
    outcomes.probabilities.push({ name: `${name} probabilities`, error, tolerance: PROBABILITIES_TOLERANCE });
    const reference = path.join(folder, `${caseId}${imported.model.fileEnding}`);
    const labels = await readCase([fileAt(reference)], imported.model.plans.imageReaderWriter);
    outcomes.segmentation.push(checkSegmentation(`${name} with probabilities`, segmentation, labels.data));
  }
  predictor.close();
}

function differenceAwayFromCorners(
  found: Float32Array,
  golden: Float32Array,
  { shape }: MedicalImage,
  { properties }: PreparedCase,
  { model }: ImportedModel,
): number {
  if (found.length !== golden.length) return Number.POSITIVE_INFINITY;
  const box = model.plans.transposeBackward.map((axis) => properties.bboxUsedForCropping[axis]);
  const size = elementCount(shape);
  let worst = 0;
  for (let i = 0; i < found.length; i++) {
    const voxel = i % size;
    const at = [
      Math.floor(voxel / (shape[1] * shape[2])),
      Math.floor(voxel / shape[2]) % shape[1],
      voxel % shape[2],
    ];
    const nearFaces = at.filter(
      (p, axis) => Math.min(p - box[axis][0], box[axis][1] - 1 - p) < CORNER_VOXELS,
    ).length;
    if (nearFaces < 2) worst = Math.max(worst, Math.abs(found[i] - golden[i]));
  }
  return worst;
}

/** The share of voxels that differ; above any tolerance where a label's Dice is too low. */
function checkSegmentation(name: string, found: ArrayLike<number>, golden: ArrayLike<number>): Outcome {
  let different = found.length === golden.length ? 0 : golden.length;
  const counts = new Map<number, { both: number; found: number; golden: number }>();
  const countOf = (label: number) => {
    const count = counts.get(label) ?? { both: 0, found: 0, golden: 0 };
    counts.set(label, count);
    return count;
  };
  for (let i = 0; i < golden.length; i++) {
    if (found[i] !== golden[i]) different++;
    else countOf(found[i]).both++;
    countOf(found[i]).found++;
    countOf(golden[i]).golden++;
  }
  const dice = [...counts]
    .filter(([label, count]) => label !== 0 && count.golden > SMALLEST_JUDGED_LABEL)
    .map(([, count]) => (2 * count.both) / (count.found + count.golden));
  const lowest = Math.min(1, ...dice);
  return {
    name: `${name} segmentation`,
    error: lowest >= MIN_DICE ? different / golden.length : 1,
    tolerance: MAX_DIFFERENT_SHARE,
    note: `${different} of ${golden.length} voxels differ, lowest Dice ${lowest.toFixed(5)}`,
  };
}

async function checkLogits(name: string, logits: Float32Array, file: string): Promise<Outcome[]> {
  const arrays = await readNpz(new Uint8Array(readFileSync(file)));
  const half = arrays.get('logits')?.data ?? [];
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.abs(logits[i] - Number(half[i]));
  const mean = logits.length === half.length ? sum / logits.length : Number.POSITIVE_INFINITY;
  const outcomes: Outcome[] = [
    { name: `${name} logits, mean against float16`, error: mean, tolerance: FLOAT16_LOGITS_TOLERANCE },
  ];
  const single = arrays.get('logits_float32_accumulation');
  if (single) {
    const error = largestDifference(logits, floats(single));
    outcomes.push({ name: `${name} logits, float32`, error, tolerance: FLOAT32_LOGITS_TOLERANCE });
  }
  return outcomes;
}
