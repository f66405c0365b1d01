import { describe, expect } from 'vitest';
import { applyAugmentation, packTargets, type Sample } from '@/core/augmentation/applyAugmentation';
import { planAugmenter } from '@/core/augmentation/augmenterMemory';
import {
  type AugmentationParameters,
  drawAugmentation,
  type Transform,
} from '@/core/augmentation/drawAugmentation';
import { createAugmenter } from '@/core/augmentation/gpuAugmenter';
import type { AugmentationSettings } from '@/core/augmentation/settings';
import { validationSettings } from '@/core/augmentation/settings';
import { labelSetOf } from '@/core/interop/labels';
import type { Gpu } from '@/gpu/device';
import { compileTraining, planTrainingStep } from '@/graph/trainingProgram';
import { diceAndCrossEntropyLoss } from '@/kernels/losses/lossOptions';
import { NNUNET_SGD } from '@/kernels/optimisers/optimiserOptions';
import { initialise } from '@/nn/initialise';
import { buildUNet } from '@/nn/unet';
import { keyedRandom } from '@/shared/random';
import { isotropicUNet } from '../../nn/architectures';
import { augmenterOutputs, augmentOnGpu } from '../../support/augmenter';
import { test } from '../../support/gpu';
import { narrowGpu } from '../../support/narrowGpu';
import { sampleFor, smallSettings } from './samples';

/** Of the golden README: coordinates of a spatial transform are f32. */
const SPATIAL_TOLERANCE = 5e-5;
/** Some last bits of intensities up to 10. */
const INTENSITY_TOLERANCE = 5e-6;
/** Labels may fall either way at ties. */
const TIE_SHARE = 1e-3;

const SPATIAL: Transform = { kind: 'spatial', angles: undefined, scales: undefined };

const KERNEL = { centre: [3, -2, 9], width: [4, 5, 6] } as const;

const TRANSFORMS: Readonly<Record<string, readonly Transform[]>> = {
  crop: [SPATIAL],
  rotation: [{ kind: 'spatial', angles: [0.4, -0.3, 0.2], scales: undefined }],
  scaling: [{ kind: 'spatial', angles: undefined, scales: [1.3, 1.3, 1.3] }],
  noise: [SPATIAL, { kind: 'gaussianNoise', sigma: 0.1, seed: 0xfedcba98 }],
  blur: [SPATIAL, { kind: 'gaussianBlur', sigmas: [undefined, [0.5, 0.7, 0.99]] }],
  brightness: [SPATIAL, { kind: 'brightness', factors: [0.8, 1.2] }],
  contrast: [SPATIAL, { kind: 'contrast', factors: [0.8, 1.2], preserveRange: true }],
  'contrast past the range': [SPATIAL, { kind: 'contrast', factors: [1.2, undefined], preserveRange: false }],
  'low resolution': [SPATIAL, { kind: 'simulateLowResolution', scales: [[0.5, 0.6, 0.7], undefined] }],
  gamma: [SPATIAL, { kind: 'gamma', gammas: [0.7, 1.5], invertImage: false, retainStats: true }],
  'inverted gamma': [SPATIAL, { kind: 'gamma', gammas: [1.4, 0.8], invertImage: true, retainStats: true }],
  'gamma with new statistics': [
    SPATIAL,
    { kind: 'gamma', gammas: [1.4, undefined], invertImage: true, retainStats: false },
  ],
  mirroring: [SPATIAL, { kind: 'mirror', axes: [0, 2] }],
  'quarter turn': [
    { kind: 'spatial', angles: [0.2, 0.1, -0.3], scales: [1.1, 0.9, 1.2] },
    { kind: 'rot90', turns: 1, axes: [0, 2] },
  ],
  'half turn': [SPATIAL, { kind: 'rot90', turns: 2, axes: [0, 2] }],
  'exchange, then three quarter turns': [
    SPATIAL,
    { kind: 'transposeAxes', order: [2, 1, 0] },
    { kind: 'rot90', turns: 3, axes: [0, 2] },
  ],
  'a shift': [SPATIAL, { kind: 'additiveBrightness', shifts: [undefined, -0.7] }],
  rectangles: [
    SPATIAL,
    {
      kind: 'blankRectangle',
      rectangles: [
        [
          { start: [1, 2, 0], size: [3, 4, 3] },
          { start: [2, 3, 1], size: [7, 5, 8] },
        ],
        undefined,
      ],
    },
  ],
  'a gradient': [
    SPATIAL,
    { kind: 'brightnessGradient', gradients: [{ kernel: KERNEL, strength: -3 }, undefined] },
  ],
  'a local gamma': [
    SPATIAL,
    {
      kind: 'localGamma',
      gammas: [
        { kernel: KERNEL, gamma: 3.5 },
        { kernel: KERNEL, gamma: 0.1 },
      ],
    },
  ],
  sharpening: [SPATIAL, { kind: 'sharpening', strengths: [0.4, undefined] }],
  'mirroring in between': [
    SPATIAL,
    { kind: 'mirror', axes: [0, 2] },
    { kind: 'brightnessGradient', gradients: [undefined, { kernel: KERNEL, strength: 2 }] },
    { kind: 'mirror', axes: [2, 1] },
    { kind: 'sharpening', strengths: [0.2, 0.3] },
  ],
  'two that change planes': [
    SPATIAL,
    { kind: 'gaussianBlur', sigmas: [[0, 0.6, 0], undefined] },
    {
      kind: 'simulateLowResolution',
      scales: [
        [0.7, 0.7, 0.7],
        [0.6, 0.6, 0.6],
      ],
    },
    { kind: 'mirror', axes: [1] },
  ],
};

function parametersOf(transforms: readonly Transform[]): AugmentationParameters {
  return { transforms, binaryOperations: [], componentRemovals: [] };
}

async function compare(
  gpu: Gpu,
  settings: AugmentationSettings,
  samples: readonly Sample[],
  parameters: readonly AugmentationParameters[],
  tolerance = SPATIAL_TOLERANCE,
): Promise<void> {
  const found = await augmentOnGpu(gpu, settings, samples, parameters);
  const expected = samples.map((sample, i) => applyAugmentation(sample, parameters[i], settings));
  const image = expected.flatMap((sample) => [...sample.image.data]);
  expect(found.image.length).toBe(image.length);
  // A tie on the border of the masked region hides or shows a voxel.
  const masked = settings.maskedChannels.length > 0;
  const isOff = (value: number, i: number) => !(Math.abs(found.image[i] - value) <= tolerance);
  const off = image.filter(isOff).length / image.length;
  expect(off).toBeLessThanOrEqual(masked ? TIE_SHARE : 0);
  for (const head of settings.targetShapes.keys()) {
    const packed = packTargets(
      expected.map(({ targets }) => targets[head]),
      settings,
      head,
    );
    const bytes = new Uint8Array(packed.buffer);
    const different = bytes.filter((byte, i) => byte !== found.targets[head][i]).length;
    expect(found.targets[head].length).toBe(bytes.length);
    expect(different / bytes.length).toBeLessThanOrEqual(TIE_SHARE);
  }
}

describe.each(Object.entries(TRANSFORMS))('%s', (_, transforms) => {
  test('the device makes what the CPU makes', async ({ gpu }) => {
    const settings = smallSettings([9, 14, 9]);
    const samples = [sampleFor(settings, 1), sampleFor(settings, 2)];
    const parameters = [parametersOf(transforms), parametersOf([SPATIAL])];
    const isCropped = transforms[0] === SPATIAL;
    await compare(gpu, settings, samples, parameters, isCropped ? INTENSITY_TOLERANCE : SPATIAL_TOLERANCE);
  });
});

const WHOLE: Readonly<Record<string, AugmentationSettings>> = {
  '3D': smallSettings([12, 16, 14]),
  '2D': smallSettings([33, 30]),
  'dummy 2D': smallSettings([5, 20, 18]),
  regions: smallSettings([12, 10, 14], { hasRegions: true }),
  'nearest labels': smallSettings([12, 10, 14], { options: { labelSampling: 'nearest' } }),
  'the stronger recipe': smallSettings([10, 10, 12], { options: { recipe: 'da5' } }),
  cascade: smallSettings([12, 10, 14], { hasPreviousStage: true }),
  validation: validationSettings(smallSettings([7, 9, 11], { hasPreviousStage: true, hasRegions: true })),
};

describe.each(Object.entries(WHOLE))('%s', (_, settings) => {
  test('batches with drawn parameters agree', async ({ gpu }) => {
    for (let iteration = 0; iteration < 8; iteration++) {
      const samples = [0, 1, 2].map((i) => sampleFor(settings, 3 * iteration + i));
      const parameters = samples.map((_, i) => drawAugmentation(keyedRandom(7, iteration, i), settings));
      await compare(gpu, settings, samples, parameters);
    }
  });
});

test('an order that the kernels do not know is left to the CPU', async ({ gpu }) => {
  const settings = smallSettings([6, 8, 7]);
  const transforms: Transform[] = [
    SPATIAL,
    { kind: 'mirror', axes: [1, 2] },
    { kind: 'medianFilter', sizes: [3, undefined] },
    { kind: 'transposeAxes', order: [0, 1, 2] },
    { kind: 'mirror', axes: [2] },
  ];
  await compare(gpu, settings, [sampleFor(settings, 1)], [parametersOf(transforms)], 0);
});

test('an input of halves holds the rounded numbers', async ({ gpu }) => {
  const settings = smallSettings([6, 7, 5]);
  const samples = [sampleFor(settings, 1), sampleFor(settings, 2)];
  const parameters = samples.map(() => parametersOf([SPATIAL]));
  const halves = await augmentOnGpu(gpu, settings, samples, parameters, 'f16');
  const floats = await augmentOnGpu(gpu, settings, samples, parameters);
  for (const [i, value] of floats.image.entries()) {
    expect(Math.abs(halves.image[i] - value)).toBeLessThanOrEqual(Math.abs(value) * 2 ** -11);
  }
});

test('a step compiles and allocates nothing, and the plan knows the bytes', async ({ gpu }) => {
  const settings = smallSettings([8, 8, 8]);
  const outputs = await augmenterOutputs(gpu, settings, 2);
  const before = gpu.memory.currentBytes;
  const plan = planAugmenter(settings, 2, gpu.limits);
  const augmenter = await createAugmenter(gpu, plan, outputs);
  expect(augmenter.allocatedBytes).toBe(plan.bytes);
  expect(gpu.memory.currentBytes - before).toBe(plan.bytes);
  const samples = [sampleFor(settings, 1), sampleFor(settings, 2)];
  const compiled = gpu.pipelines.compiledCount;
  const made: string[] = [];
  const { device } = gpu;
  const [createBuffer, createBindGroup] = [device.createBuffer, device.createBindGroup];
  device.createBuffer = (descriptor) => {
    made.push('buffer');
    return createBuffer.call(device, descriptor);
  };
  device.createBindGroup = (descriptor) => {
    made.push('bind group');
    return createBindGroup.call(device, descriptor);
  };
  for (let i = 0; i < 20; i++) {
    augmenter.augment(
      samples,
      samples.map((_, sample) => drawAugmentation(keyedRandom(1, i, sample), settings)),
    );
  }
  device.createBuffer = createBuffer;
  device.createBindGroup = createBindGroup;
  await device.queue.onSubmittedWorkDone();
  expect(made).toEqual([]);
  expect(gpu.pipelines.compiledCount).toBe(compiled);
  augmenter.destroy();
  expect(gpu.memory.currentBytes).toBe(before);
});

test('grids that fold give the same bits', async ({ gpu }) => {
  const { maxBufferSize, maxStorageBufferBindingSize } = gpu.limits;
  const narrow = { maxBufferSize, maxStorageBufferBindingSize, maxComputeWorkgroupsPerDimension: 3 };
  const settings = smallSettings([33, 30], { options: { recipe: 'da5' } });
  const samples = [sampleFor(settings, 1), sampleFor(settings, 2)];
  const transforms: Transform[] = [
    { kind: 'spatial', angles: [0.3], scales: [1.2, 0.9] },
    { kind: 'gaussianNoise', sigma: 0.1, seed: 5 },
    { kind: 'gaussianBlur', sigmas: [[0, 0.7, 0.8], undefined] },
    { kind: 'simulateLowResolution', scales: [[1, 0.7, 0.7], undefined] },
    { kind: 'gamma', gammas: [0.8, 1.2], invertImage: true, retainStats: true },
    { kind: 'sharpening', strengths: [0.3, 0.3] },
    { kind: 'mirror', axes: [1] },
  ];
  const parameters = samples.map(() => parametersOf(transforms));
  const wide = await augmentOnGpu(gpu, settings, samples, parameters);
  const folded = await augmentOnGpu(
    { ...gpu, limits: narrow as GPUSupportedLimits },
    settings,
    samples,
    parameters,
  );
  expect(folded).toEqual(wide);
});

test.for([
  [0, 24_000],
  [40, 24_000],
  // One sample's target alone is more.
  [128, 20_000],
] as const)(
  'targets beyond the binding limit give the same bits: %i regions',
  async ([count, bindingBytes], { gpu }) => {
    const orders = Array.from({ length: count }, (_, i) => i + 1);
    const regions = orders.map((i) => [`region ${i}`, [1 + (i % 3), 3]] as const);
    const declared = new Map<string, number | readonly number[]>([['background', 0], ...regions]);
    const labels = count > 0 ? { labels: labelSetOf(declared, orders) } : {};
    const settings = smallSettings([9, 11, 13], {
      strides: [
        [1, 1, 1],
        [1, 1, 1],
        [2, 2, 2],
      ],
      ...labels,
    });
    const samples = [0, 1, 2, 3, 4].map((i) => sampleFor(settings, i));
    const parameters = samples.map((_, i) => drawAugmentation(keyedRandom(3, i), settings));
    const wide = await augmentOnGpu(gpu, settings, samples, parameters);
    const narrow = narrowGpu(gpu, bindingBytes);
    const inParts = await augmentOnGpu(narrow.gpu, settings, samples, parameters).finally(narrow.restore);
    expect(narrow.excesses).toEqual([]);
    expect(inParts).toEqual(wide);
  },
);

test('the same draws give the same bits', async ({ gpu }) => {
  const settings = smallSettings([10, 12, 9]);
  const samples = [sampleFor(settings, 1), sampleFor(settings, 2)];
  const parameters = samples.map((_, i) => drawAugmentation(keyedRandom(3, i), settings));
  const first = await augmentOnGpu(gpu, settings, samples, parameters);
  const second = await augmentOnGpu(gpu, settings, samples, parameters);
  expect(second).toEqual(first);
});

test('samples of another shape are refused', async ({ gpu }) => {
  const settings = smallSettings([8, 8, 8]);
  const outputs = await augmenterOutputs(gpu, settings, 1);
  const augmenter = await createAugmenter(gpu, planAugmenter(settings, 1, gpu.limits), outputs);
  const sample = sampleFor({ ...settings, initialPatchSize: [8, 8, 8] }, 1);
  expect(() => augmenter.augment([sample], [parametersOf([SPATIAL])])).toThrow('expected 2 and 1 channels');
  expect(() => augmenter.augment([], [])).toThrow('0 samples for a batch of 1');
  augmenter.destroy();
});

test('outputs of another size are refused, and nothing stays allocated', async ({ gpu }) => {
  const settings = smallSettings([8, 8, 8]);
  const outputs = await augmenterOutputs(gpu, settings, 2);
  const before = gpu.memory.currentBytes;
  const plan = planAugmenter(settings, 1, gpu.limits);
  await expect(createAugmenter(gpu, plan, outputs)).rejects.toThrow(
    'an input of 2048 elements, expected 1024',
  );
  expect(gpu.memory.currentBytes).toBe(before);
});

test('a training program learns from what the augmenter leaves in its arrays', async ({ gpu }) => {
  const architecture = isotropicUNet([4, 4, 4]);
  const patchSize = [8, 12, 8];
  const settings = smallSettings(patchSize, { strides: architecture.strides });
  const size = { inputChannels: 2, outputChannels: 4, batch: 2, patchSize, deepSupervision: true };
  const graph = buildUNet(architecture, size);
  const setup = {
    graph,
    loss: diceAndCrossEntropyLoss({ batchDice: false, ignoreLabel: undefined }),
    headWeights: [1, 0],
    optimiser: NNUNET_SGD,
    clipNorm: undefined,
    lossScaling: undefined,
  };
  const planned = planTrainingStep(setup, gpu);
  const program = await compileTraining(gpu, planned);
  program.setParameters(initialise(graph.parameters, 1));
  const [image] = program.inputs.values();
  const outputs = { image, targets: program.targets };
  const augmenter = await createAugmenter(gpu, planAugmenter(settings, 2, gpu.limits), outputs);
  const samples = [sampleFor(settings, 1), sampleFor(settings, 2)];
  const parameters = samples.map((_, i) => drawAugmentation(keyedRandom(5, i), settings));

  augmenter.augment(samples, parameters);
  program.computeGradients();
  const onGpu = await program.readLoss();

  const expected = samples.map((sample, i) => applyAugmentation(sample, parameters[i], settings));
  const data = Float32Array.from(expected.flatMap((sample) => [...sample.image.data]));
  const { queue } = gpu.device;
  queue.writeBuffer(image.buffer, image.offset, data);
  for (const [head, target] of program.targets.entries()) {
    const packed = packTargets(
      expected.map(({ targets }) => targets[head]),
      settings,
      head,
    );
    if (target) queue.writeBuffer(target.buffer, target.offset, packed as GPUAllowSharedBufferSource);
  }
  program.computeGradients();
  expect(program.targets[1]).toBeUndefined();
  expect(Math.abs(onGpu - (await program.readLoss()))).toBeLessThan(1e-4);
  expect(Number.isFinite(onGpu)).toBe(true);
  augmenter.destroy();
  program.destroy();
});
