import { foregroundLabels, type LabelSet } from '@/core/interop/labels';
import type { Zyx } from '@/shared/geometry';
import { roundHalfEven } from '@/shared/numeric';
import { initialPatchSize, rotationRule } from './initialPatchSize';
import type { RandomBinaryOperatorRule } from './randomBinaryOperator';
import { da5Recipe, defaultRecipe, type Recipe, type RecipeFacts } from './recipe';
import type { RemoveComponentRule } from './removeComponent';
import type { TargetRule } from './segmentationOps';
import type { Sampling } from './spatial';

/** What differs between the trainers' recipes. */
interface RecipeKind {
  readonly recipe: (facts: RecipeFacts) => Recipe;
  /** Of the patch that is cut, see {@link initialPatchSize}. */
  readonly smallestScale: number;
  /** Of a label of the previous stage to be changed, once its sample is. */
  readonly labelProbability: number;
}

const RECIPES = {
  default: { recipe: defaultRecipe, smallestScale: 0.85, labelProbability: 0.5 },
  da5: { recipe: da5Recipe, smallestScale: 0.7, labelProbability: 1 },
} satisfies Record<string, RecipeKind>;

/** What trainer variants change. */
export interface AugmentationOptions {
  /**
   * `da5` is `nnUNetTrainerDA5`; `none` is `nnUNetTrainerNoDA`: patches as they are, no mirroring, no larger patch to
   * cut.
   */
  readonly recipe?: keyof typeof RECIPES | 'none';
  /** `none`: `NoMirroring`; `firstAxes`: `onlyMirror01`, the first two axes in 3D and the first in 2D. */
  readonly mirroring?: 'all' | 'firstAxes' | 'none';
  /** False: `noDummy2DDA`. */
  readonly canBeDummy2d?: boolean;
  /** `nearest`: `DASegOrd0`. */
  readonly labelSampling?: Sampling;
  readonly imageSampling?: Sampling;
}

/** What augmentation has to know of plans, dataset and network. */
export interface AugmentationRequest {
  /** `[z, y, x]` or `[y, x]`, as in the plans. */
  readonly patchSize: readonly number[];
  /** Of the images, without the previous stage. */
  readonly channels: number;
  readonly useMaskForNorm: readonly boolean[];
  readonly labels: Pick<LabelSet, 'allLabels' | 'hasRegions' | 'foregroundRegions' | 'ignoreLabel'>;
  /** The second channel of the labels holds the previous stage's segmentation. */
  readonly hasPreviousStage: boolean;
  /** Per stage of the network, as in the plans; `undefined` without deep supervision. */
  readonly strides: readonly (readonly number[])[] | undefined;
  readonly options?: AugmentationOptions;
}

/** Everything that drawing and applying need; plain data that crosses threads. Sizes are `[z, y, x]`, z = 1 in 2D. */
export interface AugmentationSettings {
  readonly dimension: 2 | 3;
  readonly channels: number;
  readonly patchSize: Zyx;
  /** Of the patches that are handed in. */
  readonly initialPatchSize: Zyx;
  /** A 3D patch whose slices are turned and scaled in their plane only. */
  readonly isDummy2d: boolean;
  /** As nnU-Net numbers and stores them for inference: axes of the plans' patch size. */
  readonly mirrorAxes: readonly number[];
  readonly recipe: Recipe;
  readonly imageSampling: Sampling;
  readonly labelSampling: Sampling;
  /** Channels that are 0 outside the image. */
  readonly maskedChannels: readonly number[];
  /** Foreground labels of the previous stage, a channel of the network's input each; none outside a cascade. */
  readonly previousStageLabels: readonly number[];
  readonly randomBinaryOperator: RandomBinaryOperatorRule;
  readonly removeComponent: RemoveComponentRule;
  readonly target: TargetRule;
  /** Of each head's target, finest first. */
  readonly targetShapes: readonly Zyx[];
}

/** Follows nnU-Net's trainer: `configure_rotation_dummyDA_mirroring_and_inital_patch_size` and `get_training_transforms`. */
export function augmentationSettings(request: AugmentationRequest): AugmentationSettings {
  const { patchSize, options = {}, labels, strides } = request;
  const dimension = patchSize.length === 2 ? 2 : 3;
  const isAugmented = options.recipe !== 'none';
  const { recipe, smallestScale, labelProbability } = RECIPES[options.recipe === 'da5' ? 'da5' : 'default'];
  const rule = rotationRule(patchSize, options.canBeDummy2d ?? true);
  const mirrorAxes = isAugmented ? mirrorAxesOf(dimension, options.mirroring ?? 'all') : [];
  const arrayAxes = mirrorAxes.map((axis) => axis + 3 - dimension);
  const foreground = foregroundLabels(labels);
  return {
    dimension,
    channels: request.channels,
    patchSize: inArrayOrder(patchSize),
    initialPatchSize: inArrayOrder(
      isAugmented ? initialPatchSize(patchSize, rule, smallestScale) : patchSize,
    ),
    isDummy2d: isAugmented && rule.isDummy2d,
    mirrorAxes,
    recipe: isAugmented ? recipe({ maxAngle: rule.maxAngle, mirrorAxes: arrayAxes, patchSize }) : [],
    imageSampling: options.imageSampling ?? 'linear',
    labelSampling: options.labelSampling ?? 'linear',
    maskedChannels: isAugmented ? request.useMaskForNorm.flatMap((use, c) => (use ? [c] : [])) : [],
    previousStageLabels: request.hasPreviousStage ? foreground : [],
    randomBinaryOperator: {
      probability: isAugmented ? 0.4 : 0,
      labelProbability,
      radiusRange: [1, 8],
    },
    removeComponent: { probability: isAugmented ? 0.2 : 0, labelProbability },
    target: labels.hasRegions
      ? { kind: 'regions', regions: labels.foregroundRegions, ignoreLabel: labels.ignoreLabel }
      : { kind: 'labels' },
    targetShapes: deepSupervisionScales(strides, dimension).map((scales) => targetShape(patchSize, scales)),
  };
}

/** The same for validation patches, which are cut at their final size and not changed. Follows `get_validation_transforms`. */
export function validationSettings(settings: AugmentationSettings): AugmentationSettings {
  return {
    ...settings,
    initialPatchSize: settings.patchSize,
    isDummy2d: false,
    recipe: [],
    maskedChannels: [],
    randomBinaryOperator: { ...settings.randomBinaryOperator, probability: 0 },
    removeComponent: { ...settings.removeComponent, probability: 0 },
  };
}

function mirrorAxesOf(dimension: 2 | 3, mirroring: 'all' | 'firstAxes' | 'none'): number[] {
  if (mirroring === 'none') return [];
  const axes = Array.from({ length: dimension }, (_, axis) => axis);
  return mirroring === 'all' ? axes : axes.slice(0, -1);
}

function inArrayOrder(size: readonly number[]): Zyx {
  return size.length === 2 ? [1, size[0], size[1]] : [size[0], size[1], size[2]];
}

/**
 * Size of each head's output as a share of the patch, finest first: the inverse of the strides so far, the deepest
 * stage left out. Without deep supervision the full resolution alone.
 *
 * Follows nnU-Net's `_get_deep_supervision_scales`.
 */
export function deepSupervisionScales(
  strides: readonly (readonly number[])[] | undefined,
  dimension: 2 | 3,
): number[][] {
  let scales: number[] = Array.from({ length: dimension }, () => 1);
  if (!strides) return [scales];
  return strides.slice(0, -1).map((stride) => {
    scales = scales.map((scale, axis) => scale / stride[axis]);
    return scales;
  });
}

function targetShape(patchSize: readonly number[], scales: readonly number[]): Zyx {
  return inArrayOrder(patchSize.map((size, axis) => roundHalfEven(size * scales[axis])));
}
