// Recipes: which transforms, how likely, in which order. A recipe is data; the tail that follows it is fixed.

import type { BrightnessRule } from './brightness';
import type { ContrastRule } from './contrast';
import type { GammaRule } from './gamma';
import type { GaussianBlurRule } from './gaussianBlur';
import type { GaussianNoiseRule } from './gaussianNoise';
import type { MirrorRule } from './mirror';
import type { SimulateLowResolutionRule } from './simulateLowResolution';
import type { SpatialRule } from './spatial';

export type TransformRule =
  | SpatialRule
  | GaussianNoiseRule
  | GaussianBlurRule
  | BrightnessRule
  | ContrastRule
  | SimulateLowResolutionRule
  | GammaRule
  | MirrorRule;

/** A transform and how likely a sample gets it. */
export interface RecipeEntry {
  readonly probability: number;
  readonly rule: TransformRule;
}

/** One entry of each step has its chance, all equally likely. */
export type Recipe = readonly (readonly RecipeEntry[])[];

/** What a recipe depends on. */
export interface RecipeFacts {
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
