// Recipes: which transforms, how likely, in which order. A recipe is data; the tail that follows it is fixed.

import type { AdditiveBrightnessRule } from './additiveBrightness';
import type { BlankRectangleRule } from './blankRectangle';
import type { BrightnessRule } from './brightness';
import type { BrightnessGradientRule } from './brightnessGradient';
import type { ContrastRule } from './contrast';
import type { GammaRule } from './gamma';
import type { GaussianBlurRule } from './gaussianBlur';
import type { GaussianNoiseRule } from './gaussianNoise';
import type { LocalGammaRule } from './localGamma';
import type { MedianFilterRule } from './medianFilter';
import type { MirrorRule } from './mirror';
import type { Rot90Rule } from './rot90';
import type { SharpeningRule } from './sharpening';
import type { SimulateLowResolutionRule } from './simulateLowResolution';
import type { SpatialRule } from './spatial';
import type { TransposeAxesRule } from './transposeAxes';

export type TransformRule =
  | SpatialRule
  | Rot90Rule
  | TransposeAxesRule
  | MedianFilterRule
  | GaussianNoiseRule
  | GaussianBlurRule
  | BrightnessRule
  | AdditiveBrightnessRule
  | ContrastRule
  | SimulateLowResolutionRule
  | GammaRule
  | MirrorRule
  | BlankRectangleRule
  | BrightnessGradientRule
  | LocalGammaRule
  | SharpeningRule;

/** A transform and how likely a sample gets it. */
interface RecipeEntry {
  readonly probability: number;
  readonly rule: TransformRule;
}

/** One entry of each step has its chance, all equally likely. */
export type Recipe = readonly (readonly RecipeEntry[])[];

/** What a recipe depends on. */
export interface RecipeFacts {
  /** As in the plans: `[z, y, x]` or `[y, x]`. */
  readonly patchSize: readonly number[];
  /** Radians. */
  readonly maxAngle: number;
  /** Axes of `[z, y, x]`. */
  readonly mirrorAxes: readonly number[];
}

const BRIGHTER = [0.75, 1.25] as const;

/** Follows nnU-Net's `nnUNetTrainer.get_training_transforms`. */
export function defaultRecipe({ maxAngle, mirrorAxes }: RecipeFacts): Recipe {
  const gamma = { kind: 'gamma', channelProbability: 1, gammaRange: [0.7, 1.5], retainStats: true } as const;
  const steps: RecipeEntry[] = [
    {
      probability: 1,
      rule: {
        kind: 'spatial',
        rotationProbability: 0.2,
        maxAngle,
        axisProbability: 1,
        scalingProbability: 0.2,
        scaleRange: [0.7, 1.4],
        isScaleShared: true,
      },
    },
    { probability: 0.1, rule: { kind: 'gaussianNoise', sigmaRange: [0, 0.1] } },
    {
      probability: 0.2,
      rule: { kind: 'gaussianBlur', channelProbability: 0.5, sigmaRange: [0.5, 1], isSigmaShared: false },
    },
    { probability: 0.15, rule: { kind: 'brightness', channelProbability: 1, factorRange: BRIGHTER } },
    {
      probability: 0.15,
      rule: { kind: 'contrast', channelProbability: 1, factorRange: BRIGHTER, preserveRange: true },
    },
    {
      probability: 0.25,
      rule: { kind: 'simulateLowResolution', channelProbability: 0.5, scaleRange: [0.5, 1] },
    },
    { probability: 0.1, rule: { ...gamma, invertImage: true } },
    { probability: 0.3, rule: { ...gamma, invertImage: false } },
    ...mirrorSteps(mirrorAxes),
  ];
  return steps.map((step) => [step]);
}

function mirrorSteps(axes: readonly number[]): RecipeEntry[] {
  return axes.length > 0 ? [{ probability: 1, rule: { kind: 'mirror', axes } }] : [];
}

/** Follows `nnUNetTrainerDA5.get_training_transforms`. */
export function da5Recipe({ maxAngle, mirrorAxes, patchSize }: RecipeFacts): Recipe {
  const perChannel = { channelProbability: 0.5 } as const;
  const contrast = { kind: 'contrast', ...perChannel, factorRange: [0.5, 2] } as const;
  const invertedGamma: RecipeEntry = {
    probability: 0.1,
    rule: {
      kind: 'gamma',
      channelProbability: 1,
      gammaRange: [0.7, 1.5],
      invertImage: true,
      retainStats: true,
    },
  };
  return [
    [
      {
        probability: 1,
        rule: {
          kind: 'spatial',
          rotationProbability: 0.4,
          maxAngle,
          axisProbability: 0.5,
          scalingProbability: 0.2,
          scaleRange: [0.7, 1.43],
          isScaleShared: false,
        },
      },
    ],
    ...exchangeSteps(patchSize),
    [
      { probability: 0.2, rule: { kind: 'medianFilter', ...perChannel, sizeRange: [2, 8] } },
      {
        probability: 0.2,
        rule: { kind: 'gaussianBlur', ...perChannel, sigmaRange: [0.3, 1.5], isSigmaShared: true },
      },
    ],
    [{ probability: 0.1, rule: { kind: 'gaussianNoise', sigmaRange: [0, 0.1] } }],
    [{ probability: 0.1, rule: { kind: 'additiveBrightness', ...perChannel, sigma: 0.5 } }],
    [
      { probability: 0.2, rule: { ...contrast, preserveRange: true } },
      { probability: 0.2, rule: { ...contrast, preserveRange: false } },
    ],
    [
      {
        probability: 0.15,
        rule: { kind: 'simulateLowResolution', ...perChannel, scaleRange: [0.25, 1] },
      },
    ],
    [invertedGamma],
    [invertedGamma],
    ...mirrorSteps(mirrorAxes).map((step) => [step]),
    [{ probability: 0.4, rule: { kind: 'blankRectangle', ...perChannel, countRange: [1, 5] } }],
    [{ probability: 0.3, rule: { kind: 'brightnessGradient', ...perChannel, strengthRange: [1, 5] } }],
    [
      {
        probability: 0.3,
        rule: {
          kind: 'localGamma',
          ...perChannel,
          gammaRanges: [
            [0.01, 0.8],
            [1.5, 4],
          ],
        },
      },
    ],
    [{ probability: 0.2, rule: { kind: 'sharpening', ...perChannel, strengthRange: [0.1, 1] } }],
  ];
}

/** Quarter turns and permutations of the axes of the size that most axes have, where that is more than one. */
function exchangeSteps(patchSize: readonly number[]): RecipeEntry[][] {
  const matches = patchSize.map((size) => patchSize.filter((other) => other === size).length);
  const most = Math.max(...matches);
  if (most === 1) return [];
  const axes = matches.flatMap((count, axis) => (count === most ? [axis + 3 - patchSize.length] : []));
  return [
    [{ probability: 0.5, rule: { kind: 'rot90', axes } }],
    [{ probability: 0.5, rule: { kind: 'transposeAxes', axes } }],
  ];
}
