// The losses of nnU-Net's trainers as data: `diceWeight · soft Dice + crossEntropyWeight · cross entropy`.

/** What the logits are compared with; {@link packLabels} and {@link packRegions} make the arrays. */
export type LossTarget =
  | { readonly kind: 'labels'; readonly ignoreLabel: number | undefined }
  | { readonly kind: 'regions'; readonly hasIgnore: boolean };

export interface LossShape {
  /** Samples of the whole loss. */
  readonly batch: number;
  /** Output channels of the network: at most 256 labels or regions. */
  readonly classes: number;
  /** Of one sample. */
  readonly voxels: number;
}

export interface LossOptions {
  /** Labels: softmax and cross entropy. Regions: sigmoid and binary cross entropy. */
  readonly target: LossTarget;
  readonly diceWeight: number;
  readonly crossEntropyWeight: number;
  /** Percentage of voxels, those of the largest losses, that the cross entropy is the mean of; all if undefined. Labels only. */
  readonly topKPercent: number | undefined;
  /** Share of each label that is spread evenly over all classes. Labels only. */
  readonly labelSmoothing: number;
  /** Sums of the Dice loss run over the whole batch rather than over each sample. */
  readonly batchDice: boolean;
  /** Whether class 0 has a Dice. */
  readonly doBackground: boolean;
  /** Added to numerator and denominator of each Dice. */
  readonly smooth: number;
}

type Chosen = Pick<LossOptions, 'batchDice'>;
type WithIgnoreLabel = { readonly ignoreLabel: number | undefined };

const LABEL_DEFAULTS = {
  diceWeight: 1,
  crossEntropyWeight: 1,
  topKPercent: undefined,
  labelSmoothing: 0,
  doBackground: false,
  smooth: 1e-5,
} as const;

/** nnU-Net's `DC_and_CE_loss`, its default for labels. */
export function diceAndCrossEntropyLoss({ batchDice, ignoreLabel }: Chosen & WithIgnoreLabel): LossOptions {
  return { ...LABEL_DEFAULTS, target: { kind: 'labels', ignoreLabel }, batchDice };
}

/** nnU-Net's `DC_and_BCE_loss`, its default for regions. */
export function diceAndBinaryCrossEntropyLoss(
  options: Chosen & { readonly hasIgnore: boolean },
): LossOptions {
  const { batchDice, hasIgnore } = options;
  return { ...LABEL_DEFAULTS, target: { kind: 'regions', hasIgnore }, batchDice, doBackground: true };
}

/** Of `nnUNetTrainerDiceLoss`. */
export function diceLoss({ batchDice, target }: Chosen & Pick<LossOptions, 'target'>): LossOptions {
  const doBackground = target.kind === 'regions';
  return { ...LABEL_DEFAULTS, target, batchDice, doBackground, crossEntropyWeight: 0 };
}

/** Of `nnUNetTrainerCELoss`. */
export function crossEntropyLoss({ ignoreLabel }: WithIgnoreLabel): LossOptions {
  return { ...LABEL_DEFAULTS, target: { kind: 'labels', ignoreLabel }, batchDice: false, diceWeight: 0 };
}

/** Of `nnUNetTrainerTopk10Loss`, with `labelSmoothing` 0.1 of `nnUNetTrainerTopk10LossLS01`. */
export function topKLoss(options: WithIgnoreLabel & { readonly labelSmoothing?: number }): LossOptions {
  const { ignoreLabel, labelSmoothing = 0 } = options;
  return { ...crossEntropyLoss({ ignoreLabel }), topKPercent: 10, labelSmoothing };
}

/** `DC_and_topk_loss` of `nnUNetTrainerDiceTopK10Loss`. */
export function diceAndTopKLoss(options: Chosen & WithIgnoreLabel): LossOptions {
  return { ...diceAndCrossEntropyLoss(options), topKPercent: 10 };
}

/** Whether the loss is the mean of the losses of its samples, so that equal parts of a batch can be evaluated one by one. */
export function isMeanOverSamples({ target, diceWeight, topKPercent, batchDice }: LossOptions): boolean {
  const hasIgnore = target.kind === 'labels' ? target.ignoreLabel !== undefined : target.hasIgnore;
  const poolsDice = batchDice && diceWeight !== 0;
  return !hasIgnore && !poolsDice && topKPercent === undefined;
}

/**
 * How many of `voxels` voxel losses a top-k cross entropy is the mean of, ignored voxels counted in. Follows nnU-Net's
 * `TopKLoss`, except that fewer than ten voxels keep one: there the mean of none is NaN.
 */
export function rankedVoxels(voxels: number, topKPercent: number): number {
  return Math.max(1, Math.floor((voxels * topKPercent) / 100));
}
