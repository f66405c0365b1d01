// Makes `public/sample/`: a phantom image and a model that segments it, both by this project's own code.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { GpuPredictor } from '@/core/inference/predictor';
import { importModel } from '@/core/interop/importModel';
import type { MedicalImage } from '@/core/io/medicalImage';
import { newGeometry, writeSegmentation } from '@/core/io/niftiWriter';
import { memoryFile } from '@/core/io/sourceFile';
import { configurationOf, readPlans } from '@/core/planning/readPlans';
import { preprocessCase } from '@/core/preprocessing/preprocessCase';
import {
  makePhantom,
  PHANTOM_LABELS,
  PHANTOM_SHAPE,
  PHANTOM_SPACING,
  type Phantom,
  phantomGeometry,
} from '@/core/sample/phantom';
import type { Gpu } from '@/gpu/device';
import { openNodeGpu } from '@/gpu/nodeGpu';
import { buildUNet, toZyx } from '@/nn/unet';
import { elementCount, type Zyx } from '@/shared/geometry';
import { formatBytes } from '@/shared/numeric';
import { type Random, seededRandom } from '@/shared/random';
import { fitLayers, type TrainingWindow } from './fitLayers';
import { PHANTOM_PLANS, phantomModelZip } from './phantomModel';

/** Seeds of phantoms; no two sets overlap. */
const TRAINING_SEEDS = Array.from({ length: 16 }, (_, i) => 100 + i);
const VALIDATION_SEEDS = Array.from({ length: 3 }, (_, i) => 200 + i);
const SHIPPED_SEED = 300;
const WEIGHT_SEED = 1;
/** Training phantoms are shaded more than others, so that the model learns not to mind. */
const TRAINING_BIAS_FIELD = 0.1;
const CLASSES = Object.keys(PHANTOM_LABELS).length;

/** Writes the two files below `folder`; prints the Dice on phantoms that the model was not fitted on. */
export async function makeSample(folder: string): Promise<void> {
  const gpu = await openNodeGpu();
  const image = await imageFile(makePhantom(SHIPPED_SEED));
  const weights = await fitPhantomModel(gpu);
  const unscored = phantomModelZip({ weights, trainingCases: TRAINING_SEEDS.length, validationDice: {} });
  const validationDice = await diceOf(gpu, unscored, VALIDATION_SEEDS);
  const shippedDice = await diceOf(gpu, unscored, [SHIPPED_SEED]);
  const model = phantomModelZip({ weights, trainingCases: TRAINING_SEEDS.length, validationDice });
  console.log(`Dice on ${VALIDATION_SEEDS.length} validation phantoms: ${diceText(validationDice)}`);
  console.log(`Dice on the shipped phantom: ${diceText(shippedDice)}`);

  mkdirSync(folder, { recursive: true });
  for (const [name, bytes] of [
    ['phantom_0000.nii.gz', image],
    ['phantom-model.zip', model],
  ] as const) {
    writeFileSync(path.join(folder, name), bytes);
    console.log(`${name}: ${formatBytes(bytes.length)}`);
  }
}

function imageFile({ image }: Phantom): Promise<Uint8Array> {
  return writeSegmentation(image, PHANTOM_SHAPE, phantomGeometry());
}

function medicalImage({ image }: Phantom): MedicalImage {
  const geometry = newGeometry(PHANTOM_SHAPE, PHANTOM_SPACING);
  const data = Float32Array.from(image);
  return { data, channels: 1, shape: PHANTOM_SHAPE, spacing: PHANTOM_SPACING, geometry, warnings: [] };
}

async function fitPhantomModel(gpu: Gpu) {
  const plans = readPlans(JSON.stringify(PHANTOM_PLANS), 'plans.json');
  const configuration = configurationOf(plans, '3d_fullres', 'plans.json');
  const patchSize = toZyx(configuration.patchSize);
  const random = seededRandom(WEIGHT_SEED);
  const windows: TrainingWindow[] = [];
  for (const seed of TRAINING_SEEDS) {
    const phantom = makePhantom(seed, TRAINING_BIAS_FIELD);
    const { data } = await preprocessCase({ image: medicalImage(phantom), plans, configuration });
    windows.push(cornerWindow(data, phantom.labels, patchSize, random));
  }
  const graph = buildUNet(configuration.architecture, {
    inputChannels: 1,
    outputChannels: CLASSES,
    batch: 1,
    patchSize,
    deepSupervision: true,
  });
  return fitLayers(gpu, graph, windows, {
    classes: CLASSES,
    seed: WEIGHT_SEED,
    onLayer: (name) => console.log(`fitting ${name}`),
  });
}

/** A window in a corner of the image: where prediction, which has two windows per axis, will place them. */
function cornerWindow(data: Float32Array, labels: Uint8Array, size: Zyx, random: Random): TrainingWindow {
  const start = size.map((length, axis) => (random.uniform() < 0.5 ? 0 : PHANTOM_SHAPE[axis] - length));
  const window = { data: new Float32Array(elementCount(size)), labels: new Uint8Array(elementCount(size)) };
  for (let z = 0; z < size[0]; z++) {
    for (let y = 0; y < size[1]; y++) {
      const from = ((z + start[0]) * PHANTOM_SHAPE[1] + y + start[1]) * PHANTOM_SHAPE[2] + start[2];
      const to = (z * size[1] + y) * size[2];
      window.data.set(data.subarray(from, from + size[2]), to);
      window.labels.set(labels.subarray(from, from + size[2]), to);
    }
  }
  return window;
}

/** Dice of each foreground label over the phantoms of these seeds, by the real import and prediction. */
async function diceOf(gpu: Gpu, zip: Uint8Array, seeds: readonly number[]): Promise<Record<number, number>> {
  const [{ model, loadFold }] = await importModel([memoryFile(zip, 'phantom-model.zip')]);
  const settings = {
    folds: ['0'],
    tileStepSize: 0.5,
    useGaussian: true,
    useMirroring: true,
    saveProbabilities: false,
  };
  const predictor = await GpuPredictor.open({ gpu, model, loadFold, settings });
  const overlap = new Float64Array(CLASSES);
  const total = new Float64Array(CLASSES);
  try {
    for (const seed of seeds) {
      const phantom = makePhantom(seed);
      const { segmentation } = await predictor.predict(await predictor.prepare(medicalImage(phantom)));
      phantom.labels.forEach((label, i) => {
        total[label]++;
        total[segmentation[i]]++;
        if (label === segmentation[i]) overlap[label]++;
      });
    }
  } finally {
    predictor.close();
  }
  return Object.fromEntries(Array.from(total, (sum, k) => [k, (2 * overlap[k]) / sum] as const).slice(1));
}

function diceText(dice: Readonly<Record<number, number>>): string {
  return Object.entries(PHANTOM_LABELS)
    .filter(([, label]) => label in dice)
    .map(([name, label]) => `${name} ${dice[label].toFixed(3)}`)
    .join(', ');
}
