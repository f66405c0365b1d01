// Augmentation on the device that trains: patches go up once as they were cut, and what the network is fed never comes
// back. The CPU does, and sends up: the previous stage's labels; samples with a median filter among their transforms, or
// with transforms in an order that no recipe has.

import type { Gpu } from '@/gpu/device';
import type { GpuArray, PreparedDispatch } from '@/gpu/dispatch';
import { submit, warmUp } from '@/graph/submits';
import { FEED_WORDS, feedChannel, feedUniform } from '@/kernels/augmentation/feed';
import { SPATIAL_WORDS, spatialUniform, turnImage, turnLabels } from '@/kernels/augmentation/spatial';
import { packTarget, targetWords } from '@/kernels/augmentation/targets';
import {
  applyToAxes,
  applyTransforms,
  checkSample,
  previousStageChannels,
  type Sample,
  spatialOptions,
} from './applyAugmentation';
import { type AugmenterArrays, type AugmenterPlan, allocateAugmenter } from './augmenterMemory';
import { type ChannelKernels, channelKernels, preparing } from './channelKernels';
import { type DeviceTransforms, forDevice, IDENTITY, type Turn } from './deviceTransforms';
import type { AugmentationParameters } from './drawAugmentation';
import { channelOf, type ImagePatch, type LabelPatch, planeLength } from './patch';
import { applySpatial, cropStart, labelBorder, multiply, sourceMap } from './spatial';

/** What the training program reads. */
export interface AugmenterOutputs {
  /** `[n, c, z, y, x]`, f32 or f16; the previous stage's channels after the image's own. */
  readonly image: GpuArray;
  /** By head, packed; none where a head's loss has no weight. */
  readonly targets: readonly (GpuArray | undefined)[];
}

export interface Augmenter {
  readonly allocatedBytes: number;
  /** Queues all that makes a batch of these samples. Compiles, allocates and reads back nothing. */
  augment(samples: readonly Sample[], parameters: readonly AugmentationParameters[]): void;
  destroy(): void;
}

/**
 * Allocates and compiles what {@link planAugmenter} planned, once for a training run. What `outputs` held is lost.
 * Throws `GpuOutOfMemory` where there is no room; nothing stays allocated then.
 */
export async function createAugmenter(
  gpu: Gpu,
  plan: AugmenterPlan,
  outputs: AugmenterOutputs,
): Promise<Augmenter> {
  const arrays = await allocateAugmenter(gpu, plan);
  const ready = preparing(gpu);
  const destroy = () => {
    ready.release();
    arrays.destroy();
  };
  try {
    checkOutputs(plan, outputs);
    gpu.device.pushErrorScope('validation');
    const steps = { ...batchSteps(gpu, plan, arrays, outputs, ready), arrays, plan, gpu };
    const error = await gpu.device.popErrorScope();
    if (error) throw new Error(`createAugmenter: ${error.message}`);
    await warmUp(gpu, [ready.prepared]);
    return {
      allocatedBytes: arrays.allocatedBytes,
      augment: (samples, parameters) => augmentBatch(steps, samples, parameters),
      destroy,
    };
  } catch (error) {
    destroy();
    throw error;
  }
}

function checkOutputs({ settings, batch, bytesOfLabels }: AugmenterPlan, outputs: AugmenterOutputs): void {
  const { channels, previousStageLabels, patchSize, targetShapes } = settings;
  const size = batch * (channels + previousStageLabels.length) * planeLength({ shape: patchSize });
  if (outputs.image.size !== size) {
    throw new Error(`augmentation: an input of ${outputs.image.size} elements, expected ${size}`);
  }
  for (const [head, shape] of targetShapes.entries()) {
    const words = targetWords({ batch, shape, bytes: bytesOfLabels.length });
    const target = outputs.targets[head];
    if (target && target.size !== words) {
      throw new Error(`augmentation: target ${head} has ${target.size} words, expected ${words}`);
    }
  }
}

type Ready = ReturnType<typeof preparing>;

/** All that a batch may need, compiled and bound. */
function batchSteps(
  gpu: Gpu,
  plan: AugmenterPlan,
  arrays: AugmenterArrays,
  outputs: AugmenterOutputs,
  ready: Ready,
) {
  const { limits } = gpu;
  const { settings, batch, sizes } = plan;
  const { patchSize: shape, previousStageLabels } = settings;
  const voxels = planeLength({ shape });
  const inputChannels = settings.channels + previousStageLabels.length;
  const labelsOf = (sample: number): GpuArray => ({
    ...arrays.labels,
    offset: arrays.labels.offset + 4 * sample * sizes.labelStride,
    size: voxels,
  });
  const spatial = ready.uniform(SPATIAL_WORDS);
  const samples = Array.from({ length: batch }, (_, sample) => ({
    labels: labelsOf(sample),
    turnLabels:
      arrays.sourceLabels &&
      ready.prepare(
        turnLabels({ limits, uniform: spatial, labels: arrays.sourceLabels, turned: labelsOf(sample) }),
      ),
    feed: Array.from({ length: inputChannels }, (_, channel) => {
      const uniform = ready.uniform(FEED_WORDS);
      const start = (sample * inputChannels + channel) * voxels;
      // Further channels pass through the planes of the first.
      const planes = arrays.planes[channel < settings.channels ? channel : 0];
      const from = planes.map((plane) =>
        ready.prepare(
          feedChannel({
            limits,
            shape,
            start,
            plane,
            labels: labelsOf(sample),
            fed: outputs.image,
            uniform,
          }),
        ),
      );
      return { from, uniform, start, fed: outputs.image };
    }),
  }));
  return {
    spatial,
    samples,
    turnImage: arrays.sources.map((image, c) =>
      ready.prepare(turnImage({ limits, uniform: spatial, image, turned: arrays.planes[c][0] })),
    ),
    channels: arrays.planes.map((_, c) => channelKernels(ready, arrays, shape, c)),
    targets: outputs.targets.flatMap((target, head) =>
      target
        ? packTarget({
            limits,
            batch,
            patchShape: shape,
            shape: settings.targetShapes[head],
            labels: arrays.labels,
            labelStride: sizes.labelStride,
            flips: arrays.flips,
            bytes: arrays.bytesOfLabels,
            nearest: arrays.nearest[head],
            target,
          }).map(ready.prepare)
        : [],
    ),
  };
}

type Steps = ReturnType<typeof batchSteps> & {
  readonly gpu: Gpu;
  readonly plan: AugmenterPlan;
  readonly arrays: AugmenterArrays;
};

function augmentBatch(
  steps: Steps,
  samples: readonly Sample[],
  parameters: readonly AugmentationParameters[],
): void {
  const { gpu, plan, arrays } = steps;
  if (samples.length !== plan.batch || parameters.length !== plan.batch) {
    throw new Error(`augmentation: ${samples.length} samples for a batch of ${plan.batch}`);
  }
  const flips = new Uint32Array(4 * plan.batch);
  for (const [i, sample] of samples.entries()) {
    checkSample(sample, plan.settings);
    const mirrored = augmentSample(steps, i, sample, parameters[i]);
    for (const axis of mirrored) flips[4 * i + axis] = 1;
  }
  gpu.device.queue.writeBuffer(arrays.flips.buffer, arrays.flips.offset, flips);
  submit(gpu, [steps.targets]);
}

/** Feeds one sample; its label patch stays unflipped. Returns the axes along which its targets are to be flipped. */
function augmentSample(
  steps: Steps,
  index: number,
  sample: Sample,
  parameters: AugmentationParameters,
): readonly number[] {
  const { settings } = steps.plan;
  const drawn = forDevice(parameters.transforms);
  if (drawn?.turn) turn(steps, index, sample, drawn.turn);
  else sendPatch(steps, index, drawn ? sample : applyTransforms(sample, parameters, settings));
  for (const transform of drawn?.ofChannels ?? []) {
    const dispatches = steps.channels.flatMap((channel) => channel.apply(transform));
    if (dispatches.length > 0) submit(steps.gpu, [dispatches]);
  }
  const labelFlippedAxes = drawn?.labelFlippedAxes ?? [];
  feedImage(steps, index, { flippedAxes: drawn?.flippedAxes ?? [], labelFlippedAxes });
  feedPreviousStage(steps, index, sample, parameters);
  return labelFlippedAxes;
}

function turn(steps: Steps, index: number, { image, labels }: Sample, { spatial, exchange }: Turn): void {
  const { gpu, arrays, plan } = steps;
  const { isIn2d, patchSize, imageSampling, labelSampling } = spatialOptions(plan.settings);
  const map = sourceMap(spatial, isIn2d, image.shape);
  const start = cropStart(image.shape, patchSize);
  const { matrix, centre } = map ?? {
    matrix: IDENTITY,
    centre: patchSize.map((size, axis) => start[axis] + (size - 1) / 2),
  };
  const numbers = {
    matrix: multiply(matrix, exchange),
    centre,
    sourceShape: image.shape,
    patchShape: patchSize,
  };
  const { queue } = gpu.device;
  for (const [c, source] of arrays.sources.entries()) write(queue, source, channelOf(image, c));
  if (arrays.sourceLabels) writeLabels(queue, arrays.sourceLabels, labels);
  const whole = [0, 0, 0] as const;
  const forImage = spatialUniform({ ...numbers, border: whole, isNearest: imageSampling === 'nearest' });
  queue.writeBuffer(steps.spatial, 0, forImage);
  submit(gpu, [steps.turnImage]);
  const border = map ? labelBorder(image.shape, isIn2d) : whole;
  const forLabels = spatialUniform({ ...numbers, border, isNearest: labelSampling === 'nearest' });
  queue.writeBuffer(steps.spatial, 0, forLabels);
  const { turnLabels } = steps.samples[index];
  submit(gpu, [turnLabels ? [turnLabels] : []]);
  for (const channel of steps.channels) channel.begin();
}

/** A patch that has its final size. */
function sendPatch(steps: Steps, index: number, { image, labels }: Sample): void {
  const { gpu, arrays } = steps;
  for (const [c, [plane]] of arrays.planes.entries()) write(gpu.device.queue, plane, channelOf(image, c));
  const target = Int32Array.from(labels.data.subarray(0, planeLength(labels)));
  write(gpu.device.queue, steps.samples[index].labels, target);
  for (const channel of steps.channels) channel.begin();
}

function feedImage(
  steps: Steps,
  index: number,
  flips: Pick<DeviceTransforms, 'flippedAxes' | 'labelFlippedAxes'>,
): void {
  const { patchSize: shape, maskedChannels } = steps.plan.settings;
  const dispatches = steps.channels.map(({ current }: ChannelKernels, c): PreparedDispatch => {
    const { from, uniform, start, fed } = steps.samples[index].feed[c];
    const isMasked = maskedChannels.includes(c);
    const words = feedUniform(fed, { shape, start, isMasked, ...flips });
    steps.gpu.device.queue.writeBuffer(uniform, 0, words as GPUAllowSharedBufferSource);
    return from[current];
  });
  submit(steps.gpu, [dispatches]);
}

function feedPreviousStage(
  steps: Steps,
  index: number,
  { labels }: Sample,
  parameters: AugmentationParameters,
): void {
  const { settings } = steps.plan;
  if (settings.previousStageLabels.length === 0) return;
  const oneHot = previousStageChannels(previousStage(labels, parameters, settings), parameters, settings);
  for (let c = 0; oneHot && c < oneHot.channels; c++) {
    const { from, uniform, start, fed } = steps.samples[index].feed[settings.channels + c];
    const words = feedUniform(fed, { shape: oneHot.shape, start, flippedAxes: [], isMasked: false });
    const { queue } = steps.gpu.device;
    queue.writeBuffer(uniform, 0, words as GPUAllowSharedBufferSource);
    write(queue, steps.arrays.planes[0][0], channelOf(oneHot, c));
    submit(steps.gpu, [[from[0]]]);
  }
}

/** The second label channel, turned and flipped. */
function previousStage(
  labels: LabelPatch,
  { transforms }: AugmentationParameters,
  settings: AugmenterPlan['settings'],
): LabelPatch {
  const data = labels.data.slice(planeLength(labels));
  let previous: LabelPatch = { data, channels: 1, shape: labels.shape };
  const noImage: ImagePatch = { data: new Float32Array(), channels: 0, shape: labels.shape };
  for (const transform of transforms) {
    if (transform.kind === 'spatial') {
      previous = applySpatial(noImage, previous, transform, spatialOptions(settings)).labels;
    } else applyToAxes(previous, transform);
  }
  return previous;
}

function write(queue: GPUQueue, array: GpuArray, data: Float32Array | Int32Array): void {
  queue.writeBuffer(array.buffer, array.offset, data as GPUAllowSharedBufferSource);
}

/** The first channel, two labels a word. */
function writeLabels(queue: GPUQueue, array: GpuArray, labels: LabelPatch): void {
  const length = planeLength(labels);
  const whole = length - (length % 2);
  const data = labels.data as Int16Array<ArrayBuffer>;
  queue.writeBuffer(array.buffer, array.offset, data, 0, whole);
  if (whole < length) {
    queue.writeBuffer(array.buffer, array.offset + 2 * whole, Int16Array.of(data[whole], 0));
  }
}
