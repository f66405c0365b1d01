import { integerBelow, type Random } from '@/shared/random';
import { type AdditiveBrightness, drawAdditiveBrightness } from './additiveBrightness';
import { type BlankRectangle, drawBlankRectangle } from './blankRectangle';
import { type Brightness, drawBrightness } from './brightness';
import { type BrightnessGradient, drawBrightnessGradient } from './brightnessGradient';
import { type Contrast, drawContrast } from './contrast';
import { drawGamma, type Gamma } from './gamma';
import { drawGaussianBlur, type GaussianBlur } from './gaussianBlur';
import { drawGaussianNoise, type GaussianNoise } from './gaussianNoise';
import { drawLocalGamma, type LocalGamma } from './localGamma';
import { drawMedianFilter, type MedianFilter } from './medianFilter';
import { drawMirror, type Mirror } from './mirror';
import { type BinaryOperation, drawRandomBinaryOperator } from './randomBinaryOperator';
import type { TransformRule } from './recipe';
import { type ComponentRemoval, drawRemoveComponent } from './removeComponent';
import { drawRot90, type Rot90 } from './rot90';
import type { AugmentationSettings } from './settings';
import { drawSharpening, type Sharpening } from './sharpening';
import { drawSimulateLowResolution, type SimulateLowResolution } from './simulateLowResolution';
import { drawSpatial, type Spatial } from './spatial';
import { drawTransposeAxes, type TransposeAxes } from './transposeAxes';

/** A transform as it was drawn for one sample. */
export type Transform =
  | Spatial
  | Rot90
  | TransposeAxes
  | MedianFilter
  | GaussianNoise
  | GaussianBlur
  | Brightness
  | AdditiveBrightness
  | Contrast
  | SimulateLowResolution
  | Gamma
  | Mirror
  | BlankRectangle
  | BrightnessGradient
  | LocalGamma
  | Sharpening;

/** All that chance decides about one sample; plain data. */
export interface AugmentationParameters {
  /** In the order in which they are applied. */
  readonly transforms: readonly Transform[];
  /** Of the previous stage's labels; none outside a cascade. */
  readonly binaryOperations: readonly BinaryOperation[];
  readonly componentRemovals: readonly ComponentRemoval[];
}

/**
 * Draws one sample's parameters. With `keyedRandom(seed, iteration, sample)` any thread draws the same for a sample.
 *
 * Follows the order and probabilities of nnU-Net's `get_training_transforms`.
 */
export function drawAugmentation(random: Random, settings: AugmentationSettings): AugmentationParameters {
  const transforms = settings.recipe.flatMap((entries) => {
    const { probability, rule } = entries[entries.length > 1 ? integerBelow(random, entries.length) : 0];
    return random.uniform() < probability ? [drawTransform(random, rule, settings)] : [];
  });
  const labelCount = settings.previousStageLabels.length;
  return {
    transforms,
    binaryOperations: drawRandomBinaryOperator(random, settings.randomBinaryOperator, labelCount),
    componentRemovals: drawRemoveComponent(random, settings.removeComponent, labelCount),
  };
}

function drawTransform(random: Random, rule: TransformRule, settings: AugmentationSettings): Transform {
  const { channels, dimension, isDummy2d } = settings;
  const isIn2d = dimension === 2 || isDummy2d;
  switch (rule.kind) {
    case 'spatial':
      return drawSpatial(random, rule, isIn2d);
    case 'gaussianNoise':
      return drawGaussianNoise(random, rule);
    case 'gaussianBlur':
      return drawGaussianBlur(random, rule, settings);
    case 'brightness':
      return drawBrightness(random, rule, channels);
    case 'contrast':
      return drawContrast(random, rule, channels);
    case 'simulateLowResolution':
      return drawSimulateLowResolution(random, rule, { channels, keepsFirstAxis: isIn2d });
    case 'gamma':
      return drawGamma(random, rule, channels);
    case 'mirror':
      return drawMirror(random, rule);
    case 'rot90':
      return drawRot90(random, rule);
    case 'transposeAxes':
      return drawTransposeAxes(random, rule);
    case 'medianFilter':
      return drawMedianFilter(random, rule, channels);
    case 'additiveBrightness':
      return drawAdditiveBrightness(random, rule, channels);
    case 'blankRectangle':
      return drawBlankRectangle(random, rule, settings);
    case 'brightnessGradient':
      return drawBrightnessGradient(random, rule, settings);
    case 'localGamma':
      return drawLocalGamma(random, rule, settings);
    case 'sharpening':
      return drawSharpening(random, rule, channels);
    default:
      return rule satisfies never;
  }
}
