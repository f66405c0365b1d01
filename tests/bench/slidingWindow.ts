// A whole case through the sliding window: seconds per stage, windows, and memory planned beside memory held. The network
// is narrow, so that the window's own work (accumulating, exporting) is a visible part.
import { GpuPredictor, type Prediction } from '@/core/inference/predictor';
import type { NnunetModel, StateDict } from '@/core/interop/model';
import { expectedParameters } from '@/core/interop/stateDict';
import type { MedicalImage } from '@/core/io/medicalImage';
import { newGeometry } from '@/core/io/niftiWriter';
import type { Gpu } from '@/gpu/device';
import { openNodeGpu } from '@/gpu/nodeGpu';
import { elementCount, formatShape, type Zyx } from '@/shared/geometry';
import { formatBytes } from '@/shared/numeric';
import { randomNormal } from '@/shared/random';
import { labelSet } from '../support/labels';
import { testConfiguration, testPlans } from '../support/plans';
import type { BenchOptions } from './bench';

interface BenchCase {
  readonly shape: Zyx;
  readonly labels: number;
  readonly patchSize: Zyx;
  readonly tileStepSize: number;
  /** Takes minutes on a software adapter. */
  readonly isLarge: boolean;
}

const CASES: readonly BenchCase[] = [
  { shape: [120, 256, 256], labels: 5, patchSize: [64, 96, 96], tileStepSize: 0.5, isLarge: false },
  { shape: [600, 512, 512], labels: 20, patchSize: [96, 160, 160], tileStepSize: 1, isLarge: true },
];

const FEATURES = [4, 8];
const MEMORY_INTERVAL_MS = 50;

export async function run({ isExhaustive }: BenchOptions): Promise<void> {
  const gpu = await openNodeGpu();
  console.log(`Sliding window, features ${FEATURES.join('-')}, ${gpu.facts.description}`);
  for (const benchCase of CASES) if (isExhaustive || !benchCase.isLarge) await measure(gpu, benchCase);
  gpu.close();
}

async function measure(gpu: Gpu, { shape, labels, patchSize, tileStepSize }: BenchCase): Promise<void> {
  const model = modelOf(labels, patchSize);
  const settings = {
    folds: ['0'],
    tileStepSize,
    useGaussian: true,
    useMirroring: false,
    saveProbabilities: false,
  };
  const before = process.memoryUsage().rss;
  let peak = before;
  const timer = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss);
  }, MEMORY_INTERVAL_MS);
  const predictor = await GpuPredictor.open({
    gpu,
    model,
    settings,
    loadFold: async () => randomWeights(model),
  });
  const result = await predictor.predict(await predictor.prepare(noise(shape)));
  predictor.close();
  clearInterval(timer);
  print({ shape, labels, patchSize, tileStepSize }, result, peak - before);
}

function print(
  { shape, labels, patchSize, tileStepSize }: Omit<BenchCase, 'isLarge'>,
  { memory, windows, timings }: Prediction,
  processBytes: number,
): void {
  const { preprocessing, network, exporting } = timings;
  const perWindow = (1000 * network) / (windows.computed + windows.repeated);
  console.log(
    `  ${formatShape(shape)}, ${labels} labels, patch ${formatShape(patchSize)}, step ${tileStepSize}\n` +
      `    ${windows.computed} windows, ${windows.repeated} of them repeated; ${perWindow.toFixed(0)} ms a window\n` +
      `    preprocessing ${preprocessing.toFixed(1)} s, windows ${network.toFixed(1)} s, exporting ${exporting.toFixed(1)} s\n` +
      `    planned ${formatBytes(memory.plannedBytes)}, held at most ${formatBytes(memory.peakBytes)}; ` +
      `the process grew by ${formatBytes(processBytes)}, the driver's and the preprocessing's memory included`,
  );
}

function modelOf(labels: number, patchSize: Zyx): NnunetModel {
  const shared = testConfiguration();
  const configuration = testConfiguration({
    patchSize,
    architecture: { ...shared.architecture, featuresPerStage: FEATURES },
  });
  return {
    plans: testPlans({ configurations: { [configuration.name]: configuration } }),
    configuration,
    labels: labelSet(
      Object.fromEntries(Array.from({ length: labels + 1 }, (_, label) => [`label ${label}`, label])),
      undefined,
    ),
    channelNames: ['CT'],
    fileEnding: '.nii.gz',
    datasetName: 'Dataset001_Noise',
    trainerName: 'nnUNetTrainer',
    folds: [{ fold: '0', checkpointName: 'checkpoint_final.pth' }],
    mirrorAxes: [],
  };
}

function randomWeights({ configuration, labels, channelNames }: NnunetModel): StateDict {
  const shapes = expectedParameters(configuration.architecture, channelNames.length, labels.outputChannels);
  return new Map(
    [...shapes].map(([name, shape], seed) => [
      name,
      { shape, data: randomNormal(elementCount(shape), seed) },
    ]),
  );
}

function noise(shape: Zyx): MedicalImage {
  const spacing = [1, 1, 1] as const;
  const data = randomNormal(elementCount(shape), 1);
  return { data, channels: 1, shape, spacing, geometry: newGeometry(shape, spacing), warnings: [] };
}
