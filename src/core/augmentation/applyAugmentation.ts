import { packLabels, packRegions } from '@/kernels/losses/target';
import { applyAdditiveBrightness } from './additiveBrightness';
import { applyBlankRectangle } from './blankRectangle';
import { applyBrightness } from './brightness';
import { applyBrightnessGradient } from './brightnessGradient';
import { applyContrast } from './contrast';
import type { AugmentationParameters, Transform } from './drawAugmentation';
import { applyGamma } from './gamma';
import { applyGaussianBlur } from './gaussianBlur';
import { applyGaussianNoise } from './gaussianNoise';
import { applyLocalGamma } from './localGamma';
import { applyMedianFilter } from './medianFilter';
import { applyMirror } from './mirror';
import { type ImagePatch, type LabelPatch, planeLength } from './patch';
import { applyRandomBinaryOperator } from './randomBinaryOperator';
import { applyRemoveComponent } from './removeComponent';
import { applyRot90 } from './rot90';
import {
  appendChannels,
  deepSupervisionTargets,
  maskOutside,
  oneHot,
  regionMasks,
  removeOutsideLabel,
} from './segmentationOps';
import type { AugmentationSettings } from './settings';
import { applySharpening } from './sharpening';
import { applySimulateLowResolution } from './simulateLowResolution';
import { applySpatial, type Spatial, type SpatialOptions } from './spatial';
import { applyTransposeAxes } from './transposeAxes';

/** A patch as the loader cuts it, of the settings' initial size. */
export interface Sample {
  readonly image: ImagePatch;
  /** One channel, and in a cascade the previous stage's segmentation as the second; −1 outside the image. */
  readonly labels: LabelPatch;
}

/** What the network and its loss are fed. */
export interface AugmentedSample {
  /** With the previous stage's one-hot channels, if any, after the image's own. */
  readonly image: ImagePatch;
  /** By head, finest first: `[z, y, x]` labels, or `[regions, z, y, x]` zeros and ones, the ignore label's last. */
  readonly targets: readonly Uint8Array[];
}

/** The reference of augmentation, in f64 where it counts. What is handed in stays as it is. */
export function applyAugmentation(
  sample: Sample,
  parameters: AugmentationParameters,
  settings: AugmentationSettings,
): AugmentedSample {
  const { image, labels } = applyTransforms(sample, parameters, settings);
  maskOutside(image, labels, settings.maskedChannels);
  removeOutsideLabel(labels);
  const previous = previousStageChannels(labels, parameters, settings);
  return {
    image: previous ? appendChannels(image, previous.data) : image,
    targets: deepSupervisionTargets(labels, settings.target, settings.targetShapes),
  };
}

/** What was drawn from the recipe, without the steps that follow in every sample. Labels keep their −1. */
export function applyTransforms(
  sample: Sample,
  { transforms }: Pick<AugmentationParameters, 'transforms'>,
  settings: AugmentationSettings,
): Sample {
  checkSample(sample, settings);
  let { image, labels } = copyOf(sample);
  for (const transform of transforms) {
    if (transform.kind === 'spatial') {
      ({ image, labels } = applySpatial(image, labels, transform, spatialOptions(settings)));
    } else {
      applyTransform({ image, labels }, transform, settings);
    }
  }
  return { image, labels };
}

/** The previous stage's one-hot channels with what was drawn for them, from labels without −1; `undefined` outside a cascade. */
export function previousStageChannels(
  labels: LabelPatch,
  parameters: AugmentationParameters,
  { previousStageLabels, dimension }: AugmentationSettings,
): ImagePatch | undefined {
  if (previousStageLabels.length === 0) return undefined;
  const channels = {
    data: oneHot(labels, labels.channels - 1, previousStageLabels),
    channels: previousStageLabels.length,
    shape: labels.shape,
  };
  for (const operation of parameters.binaryOperations) {
    applyRandomBinaryOperator(channels, operation, dimension === 2);
  }
  for (const removal of parameters.componentRemovals) applyRemoveComponent(channels, removal);
  return channels;
}

/** What {@link applySpatial} is told in every sample. */
export function spatialOptions({
  dimension,
  isDummy2d,
  patchSize,
  imageSampling,
  labelSampling,
}: AugmentationSettings): SpatialOptions {
  return { isIn2d: dimension === 2 || isDummy2d, patchSize, imageSampling, labelSampling };
}

/**
 * The targets of one head of a batch, one after the other, as the loss kernels read them. See `kernels/losses/target`.
 */
export function packTargets(
  targets: readonly Uint8Array[],
  { target, targetShapes }: AugmentationSettings,
  head: number,
): Uint32Array {
  const batch = new Uint8Array(targets.length * targets[0].length);
  for (const [i, sample] of targets.entries()) batch.set(sample, i * sample.length);
  if (target.kind === 'labels') return packLabels(batch);
  return packRegions(batch, regionMasks(target).length, planeLength({ shape: targetShapes[head] }));
}

/** In place: everything but cutting, turning and scaling. */
export function applyTransform(
  { image, labels }: Sample,
  transform: Exclude<Transform, Spatial>,
  { dimension }: Pick<AugmentationSettings, 'dimension'>,
): void {
  applyToAxes(image, transform);
  applyToAxes(labels, transform);
  switch (transform.kind) {
    case 'gaussianNoise':
      applyGaussianNoise(image, transform);
      break;
    case 'gaussianBlur':
      applyGaussianBlur(image, transform);
      break;
    case 'medianFilter':
      applyMedianFilter(image, transform, dimension);
      break;
    case 'brightness':
      applyBrightness(image, transform);
      break;
    case 'additiveBrightness':
      applyAdditiveBrightness(image, transform);
      break;
    case 'contrast':
      applyContrast(image, transform);
      break;
    case 'simulateLowResolution':
      applySimulateLowResolution(image, transform);
      break;
    case 'gamma':
      applyGamma(image, transform);
      break;
    case 'blankRectangle':
      applyBlankRectangle(image, transform);
      break;
    case 'brightnessGradient':
      applyBrightnessGradient(image, transform);
      break;
    case 'localGamma':
      applyLocalGamma(image, transform);
      break;
    case 'sharpening':
      applySharpening(image, transform);
      break;
    case 'mirror':
    case 'rot90':
    case 'transposeAxes':
      break;
    default:
      transform satisfies never;
  }
}

/** In place: what flips or exchanges axes, of images and labels alike; other transforms do nothing here. */
export function applyToAxes(patch: ImagePatch | LabelPatch, transform: Transform): void {
  if (transform.kind === 'mirror') applyMirror(patch, transform);
  else if (transform.kind === 'rot90') applyRot90(patch, transform);
  else if (transform.kind === 'transposeAxes') applyTransposeAxes(patch, transform);
}

function copyOf({ image, labels }: Sample): Sample {
  return {
    image: { ...image, data: image.data.slice() },
    labels: { ...labels, data: labels.data.slice() },
  };
}

/** Throws where a sample is not of the settings' shape. */
export function checkSample({ image, labels }: Sample, settings: AugmentationSettings): void {
  const expected = `${settings.initialPatchSize}`;
  const labelChannels = settings.previousStageLabels.length > 0 ? 2 : 1;
  const fits =
    `${image.shape}` === expected &&
    `${labels.shape}` === expected &&
    image.channels === settings.channels &&
    labels.channels === labelChannels &&
    image.data.length === image.channels * planeLength(image) &&
    labels.data.length === labels.channels * planeLength(labels);
  if (!fits) {
    throw new Error(
      `augmentation: expected ${settings.channels} and ${labelChannels} channels of ${expected}, got ${image.channels} of ${image.shape} and ${labels.channels} of ${labels.shape}`,
    );
  }
}
