// The optimisers of nnU-Net's trainers as data.

/** PyTorch's `SGD` without dampening. */
export interface Sgd {
  readonly kind: 'sgd';
  readonly momentum: number;
  readonly isNesterov: boolean;
  /** Added to the gradient, times the parameter. */
  readonly weightDecay: number;
}

/** PyTorch's `Adam` and `AdamW` (Kingma & Ba 2014; Loshchilov & Hutter 2017; amsgrad: Reddi et al. 2018). */
export interface Adam {
  readonly kind: 'adam' | 'adamW';
  readonly betas: readonly [number, number];
  readonly eps: number;
  /** `adam`: added to the gradient, times the parameter; `adamW`: taken off the parameter, times the learning rate. */
  readonly weightDecay: number;
  readonly isAmsgrad: boolean;
}

/**
 * Adan (Xie et al. 2022) as in the package `adan-pytorch` that nnU-Net's Adan trainers import: `betas` are the weights
 * of the newest value (the paper's one minus beta), and the first step only applies the weight decay.
 */
export interface Adan {
  readonly kind: 'adan';
  readonly betas: readonly [number, number, number];
  readonly eps: number;
  /** The parameter is divided by one plus this times the learning rate. */
  readonly weightDecay: number;
}

export type Optimiser = Sgd | Adam | Adan;

const WEIGHT_DECAY = 3e-5;
const ADAM_DEFAULTS = { betas: [0.9, 0.999], eps: 1e-8, weightDecay: WEIGHT_DECAY } as const;

/** nnU-Net's default. */
export const NNUNET_SGD: Sgd = { kind: 'sgd', momentum: 0.99, isNesterov: true, weightDecay: WEIGHT_DECAY };
/** Of `nnUNetTrainerVanillaAdam`. */
export const NNUNET_ADAM: Adam = { kind: 'adam', ...ADAM_DEFAULTS, isAmsgrad: false };
/** AdamW with nnU-Net's weight decay. */
export const NNUNET_ADAMW: Adam = { kind: 'adamW', ...ADAM_DEFAULTS, isAmsgrad: false };
/** Of `nnUNetTrainerAdam`, which is AdamW with amsgrad. */
export const NNUNET_ADAMW_AMSGRAD: Adam = { ...NNUNET_ADAMW, isAmsgrad: true };
/** Of `nnUNetTrainerAdan`. */
export const NNUNET_ADAN: Adan = {
  kind: 'adan',
  betas: [0.02, 0.08, 0.01],
  eps: 1e-8,
  weightDecay: WEIGHT_DECAY,
};

/** The norm that nnU-Net clips all gradients together to. */
export const NNUNET_CLIP_NORM = 12;

/** How the loss scale follows overflows; {@link DYNAMIC_LOSS_SCALING} is PyTorch's `GradScaler`. */
export interface LossScaling {
  readonly initialScale: number;
  /** Steps without overflow after which the scale grows. */
  readonly growthInterval: number;
  readonly growthFactor: number;
  readonly backoffFactor: number;
}

export const DYNAMIC_LOSS_SCALING: LossScaling = {
  initialScale: 65_536,
  growthInterval: 2000,
  growthFactor: 2,
  backoffFactor: 0.5,
};

/** Arrays that an optimiser keeps besides the parameters, each of their layout, all zero before the first step. */
export function optimiserStateCount(optimiser: Optimiser): number {
  switch (optimiser.kind) {
    case 'sgd':
      return 1;
    case 'adam':
    case 'adamW':
      return optimiser.isAmsgrad ? 3 : 2;
    case 'adan':
      return 4;
    default:
      return optimiser satisfies never;
  }
}
