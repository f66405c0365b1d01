// nnU-Net's trainers, each as what it changes of the default. A new one is an entry of `VARIANTS` with its sentence, and
// the command and the studio have it.

import type { AugmentationOptions } from '@/core/augmentation/settings';
import type { LabelSet } from '@/core/interop/labels';
import { NNUNET_SCHEDULE, type TrainingSchedule } from '@/core/planning/trainingSchedule';
import {
  crossEntropyLoss,
  diceAndBinaryCrossEntropyLoss,
  diceAndCrossEntropyLoss,
  diceAndTopKLoss,
  diceLoss,
  type LossOptions,
  topKLoss,
} from '@/kernels/losses/lossOptions';
import {
  NNUNET_ADAM,
  NNUNET_ADAMW_AMSGRAD,
  NNUNET_ADAN,
  NNUNET_SGD,
  type Optimiser,
} from '@/kernels/optimisers/optimiserOptions';
import { type Architecture, withBatchNorm } from '@/nn/architecture';
import { StudioError } from '@/shared/errors';
import { closestMatches } from '@/shared/nearest';
import { cosineLearningRate, type LearningRateSchedule, warmupLearningRate } from './learningRates';
import type { Oversampling } from './patchPosition';
import { polyLearningRate } from './polyLearningRate';
import { outsideTrainer, type TrainerNameParts, trainerNameParts } from './trainerName';

/** What a loss is chosen by. */
interface TrainerLossOptions {
  readonly labels: LabelSet;
  readonly batchDice: boolean;
}

/** What trainers may change, in the order in which choices show it. */
const TRAINER_GROUPS = [
  'nnU-Net’s own',
  'Learning rate and optimiser',
  'Augmentation',
  'Loss',
  'Sampling and network',
] as const;

/** How a network is trained: nnU-Net's `nnUNetTrainer` or a variant of it. */
export interface Trainer {
  readonly name: string;
  /** A sentence for people: what it changes of the default. */
  readonly summary: string;
  /** Under which heading choices show it. */
  readonly group: (typeof TRAINER_GROUPS)[number];
  readonly schedule: TrainingSchedule;
  readonly optimiser: Optimiser;
  readonly initialLearningRate: number;
  readonly learningRate: LearningRateSchedule;
  /** Throws `UnsupportedTrainer` where the labels do not suit it. */
  readonly loss: (question: TrainerLossOptions) => LossOptions;
  readonly usesDeepSupervision: boolean;
  /** The network that it makes of what the plans say. */
  readonly network: (architecture: Architecture) => Architecture;
  readonly oversampling: Oversampling;
  readonly augmentation: AugmentationOptions;
  /** Instead of the plans' own. */
  readonly batchSize?: number;
  /** Only measured: no checkpoints are written, and nothing is validated at its end. */
  readonly isBenchmark: boolean;
  /** Trains on the same random batch again and again, so that nothing but the network's time is measured. */
  readonly usesRandomBatch: boolean;
}

const DEFAULT_TRAINER: Trainer = {
  name: 'nnUNetTrainer',
  summary: 'SGD with momentum, Dice and cross-entropy, all augmentation: the default.',
  group: 'nnU-Net’s own',
  schedule: NNUNET_SCHEDULE,
  optimiser: NNUNET_SGD,
  initialLearningRate: 1e-2,
  learningRate: polyLearningRate,
  loss: defaultLoss,
  usesDeepSupervision: true,
  network: (architecture) => architecture,
  oversampling: { kind: 'lastOfBatch' },
  augmentation: {},
  isBenchmark: false,
  usesRandomBatch: false,
};

/** Follows nnU-Net's `nnUNetTrainer._build_loss`. */
function defaultLoss({ labels, batchDice }: TrainerLossOptions): LossOptions {
  const { ignoreLabel } = labels;
  return labels.hasRegions
    ? diceAndBinaryCrossEntropyLoss({ batchDice, hasIgnore: ignoreLabel !== undefined })
    : diceAndCrossEntropyLoss({ batchDice, ignoreLabel });
}

/** The Dice part of the default loss. */
function diceAlone(question: TrainerLossOptions): LossOptions {
  const { target } = defaultLoss(question);
  return diceLoss({ batchDice: question.batchDice, target });
}

/** A loss that nnU-Net refuses for regions. */
function withoutRegions(
  loss: (question: { readonly batchDice: boolean; readonly ignoreLabel: number | undefined }) => LossOptions,
): Trainer['loss'] {
  return ({ labels, batchDice }) => {
    if (!labels.hasRegions) return loss({ batchDice, ignoreLabel: labels.ignoreLabel });
    throw new StudioError(
      'UnsupportedTrainer',
      'This trainer cannot train regions.',
      'Take one with another loss, such as nnUNetTrainer or nnUNetTrainerDiceLoss.',
    );
  };
}

function epochs(count: number): Pick<Trainer, 'schedule'> {
  return { schedule: { ...NNUNET_SCHEDULE, epochs: count } };
}

const ADAMW = { optimiser: NNUNET_ADAMW_AMSGRAD } as const;
const ADAM = { optimiser: NNUNET_ADAM } as const;
const ADAN = { optimiser: NNUNET_ADAN } as const;
const NO_MIRRORING = { mirroring: 'none' } as const;
const MIRROR_01 = { mirroring: 'firstAxes' } as const;
const DA5 = { recipe: 'da5' } as const;
const NEAREST_LABELS = { labelSampling: 'nearest' } as const;

/** What a trainer is called by in choices, and what it changes of the default. */
type Variant = Pick<Trainer, 'summary' | 'group'> & Partial<Trainer>;

const variantsOf =
  (group: Trainer['group']) =>
  (summary: string, changes: Partial<Trainer>): Variant => ({
    group,
    summary,
    ...changes,
  });
const optimisation = variantsOf('Learning rate and optimiser');
const augmentation = variantsOf('Augmentation');
const loss = variantsOf('Loss');
const sampling = variantsOf('Sampling and network');

/** Every trainer, by nnU-Net's name. */
const VARIANTS: Readonly<Record<string, Variant>> = {
  nnUNetTrainer: DEFAULT_TRAINER,

  nnUNetTrainerAdam1en3: optimisation('AdamW at 0.001: gets further than SGD where there are few epochs.', {
    ...ADAMW,
    initialLearningRate: 1e-3,
  }),
  nnUNetTrainerAdam3en4: optimisation('AdamW at 0.0003.', { ...ADAMW, initialLearningRate: 3e-4 }),
  nnUNetTrainerAdam: optimisation('AdamW at the learning rate of SGD, 0.01.', ADAMW),
  nnUNetTrainerVanillaAdam: optimisation('Adam without decoupled weight decay, at 0.01.', ADAM),
  nnUNetTrainerVanillaAdam1en3: optimisation('Adam without decoupled weight decay, at 0.001.', {
    ...ADAM,
    initialLearningRate: 1e-3,
  }),
  nnUNetTrainerVanillaAdam3en4: optimisation('Adam without decoupled weight decay, at 0.0003.', {
    ...ADAM,
    initialLearningRate: 3e-4,
  }),
  nnUNetTrainerAdan: optimisation('Adan at 0.01.', ADAN),
  nnUNetTrainerAdan1en1: optimisation('Adan at 0.1.', { ...ADAN, initialLearningRate: 1e-1 }),
  nnUNetTrainerAdan1en3: optimisation('Adan at 0.001.', { ...ADAN, initialLearningRate: 1e-3 }),
  nnUNetTrainerAdan3en4: optimisation('Adan at 0.0003.', { ...ADAN, initialLearningRate: 3e-4 }),
  nnUNetTrainerAdanCosAnneal: optimisation('Adan at 0.01, falling along a cosine.', {
    ...ADAN,
    learningRate: cosineLearningRate,
  }),
  nnUNetTrainerCosAnneal: optimisation('The learning rate falls along a cosine.', {
    learningRate: cosineLearningRate,
  }),
  nnUNetTrainer_warmup: optimisation('The learning rate rises over 50 epochs before it falls.', {
    learningRate: warmupLearningRate(50),
  }),

  nnUNetTrainerNoMirroring: augmentation(
    'No mirroring: for images where left and right must not be confused.',
    { augmentation: NO_MIRRORING },
  ),
  nnUNetTrainer_onlyMirror01: augmentation('Mirrors along the first two axes only.', {
    augmentation: MIRROR_01,
  }),
  nnUNetTrainer_onlyMirror01_1500ep: augmentation('Mirrors along the first two axes only, for 1500 epochs.', {
    augmentation: MIRROR_01,
    ...epochs(1500),
  }),
  nnUNetTrainer_onlyMirror01_DASegOrd0: augmentation(
    'Mirrors along the first two axes only; labels are sampled by the nearest voxel.',
    { augmentation: { ...MIRROR_01, ...NEAREST_LABELS } },
  ),
  nnUNetTrainerNoDA: augmentation('No augmentation at all: memorises the training cases, for tests.', {
    augmentation: { recipe: 'none' },
  }),
  nnUNetTrainer_noDummy2DDA: augmentation('Rotates in 3D even where slices are thick.', {
    augmentation: { canBeDummy2d: false },
  }),
  nnUNetTrainer_DASegOrd0: augmentation('Labels are sampled by the nearest voxel.', {
    augmentation: NEAREST_LABELS,
  }),
  nnUNetTrainer_DASegOrd0_NoMirroring: augmentation(
    'No mirroring; labels are sampled by the nearest voxel.',
    { augmentation: { ...NEAREST_LABELS, ...NO_MIRRORING } },
  ),
  nnUNetTrainerDA5: augmentation(
    'Far stronger augmentation: against differing scanners, for long trainings.',
    { augmentation: DA5 },
  ),
  nnUNetTrainerDA5ord0: augmentation('DA5 with images and labels sampled by the nearest voxel.', {
    augmentation: { ...DA5, ...NEAREST_LABELS, imageSampling: 'nearest' },
  }),
  nnUNetTrainerDA5Segord0: augmentation('DA5 with labels sampled by the nearest voxel.', {
    augmentation: { ...DA5, ...NEAREST_LABELS },
  }),
  nnUNetTrainer_onlyMirror01_DA5: augmentation('DA5, mirrored along the first two axes only.', {
    augmentation: { ...DA5, ...MIRROR_01 },
  }),

  nnUNetTrainerDiceLoss: loss('Dice alone.', { loss: diceAlone }),
  nnUNetTrainerCELoss: loss('Cross-entropy alone.', { loss: withoutRegions(crossEntropyLoss) }),
  nnUNetTrainerDiceCELoss_noSmooth: loss('Dice without smoothing: for very small structures.', {
    loss: (question) => ({ ...defaultLoss(question), smooth: 0 }),
  }),
  nnUNetTrainerTopk10Loss: loss('Cross-entropy of the worst tenth of the voxels.', {
    loss: withoutRegions(topKLoss),
  }),
  nnUNetTrainerTopk10LossLS01: loss(
    'Cross-entropy of the worst tenth of the voxels, with labels smoothed by 0.1.',
    { loss: withoutRegions(({ ignoreLabel }) => topKLoss({ ignoreLabel, labelSmoothing: 0.1 })) },
  ),
  nnUNetTrainerDiceTopK10Loss: loss('Dice and the cross-entropy of the worst tenth of the voxels.', {
    loss: withoutRegions(diceAndTopKLoss),
  }),

  nnUNetTrainer_probabilisticOversampling: sampling(
    'Each patch by itself shows foreground with a chance of a third.',
    { oversampling: { kind: 'each' } },
  ),
  nnUNetTrainer_probabilisticOversampling_033: sampling(
    'Each patch by itself shows foreground with a chance of exactly 33 %.',
    { oversampling: { kind: 'each', share: 0.33 } },
  ),
  nnUNetTrainer_probabilisticOversampling_010: sampling(
    'Each patch by itself shows foreground with a chance of 10 %.',
    { oversampling: { kind: 'each', share: 0.1 } },
  ),
  nnUNetTrainerNoDeepSupervision: sampling('The loss is taken of the full resolution only.', {
    usesDeepSupervision: false,
  }),
  nnUNetTrainerBN: sampling('Batch norm instead of instance norm: for large batches.', {
    network: withBatchNorm,
  }),
  nnUNet_Trainer_BS8: sampling('Eight patches a batch: more memory, steadier steps.', { batchSize: 8 }),
  nnUNetTrainerBenchmark_5epochs: sampling('Five epochs to measure the speed; nothing is kept.', {
    ...epochs(5),
    isBenchmark: true,
  }),
  nnUNetTrainerBenchmark_5epochs_noDataLoading: sampling(
    'Five epochs on one random batch: the speed of the network alone.',
    { ...epochs(5), isBenchmark: true, usesRandomBatch: true },
  ),
};

/** Names as they are listed; any of them may be followed by `_Xepochs` and what else {@link trainerNameParts} knows. */
export const TRAINER_NAMES: readonly string[] = Object.keys(VARIANTS);

/** Names of trainers by what they change, in the order of {@link TRAINER_GROUPS}. */
export function trainersByGroup(): readonly { readonly group: string; readonly names: readonly string[] }[] {
  return TRAINER_GROUPS.map((group) => ({
    group,
    names: TRAINER_NAMES.filter((name) => VARIANTS[name].group === group),
  }));
}

/** nnU-Net's own lengths. */
const STOCK_EPOCHS = [
  '1epoch',
  ...[5, 10, 20, 50, 100, 250, 500, 750, 2000, 4000, 8000].map((count) => `${count}epochs`),
];
const STOCK_EPOCHS_WITHOUT_MIRRORING = [250, 2000, 4000, 8000].map((count) => `${count}epochs_NoMirroring`);
/** Classes of nnU-Net 2.8.1 that are a variant with a length. */
const STOCK_NAMES: ReadonlySet<string> = new Set([
  ...[...STOCK_EPOCHS, ...STOCK_EPOCHS_WITHOUT_MIRRORING].map((length) => `nnUNetTrainer_${length}`),
  'nnUNetTrainerCELoss_5epochs',
  'nnUNetTrainerDA5_10epochs',
]);

const isVariant = (name: string) => Object.hasOwn(VARIANTS, name);

/** A trainer by nnU-Net's name. Throws `UnsupportedTrainer` for those left out, `UnknownTrainer` naming the likeliest. */
export function trainerNamed(name: string): Trainer {
  const trainer = knownTrainer(name);
  if (trainer) return trainer;
  assertTrainerInside(name);
  throw new StudioError(
    'UnknownTrainer',
    `There is no trainer ${name}; those that look like it are ${closestMatches(name, TRAINER_NAMES, 3).join(', ')}.`,
    'Any of them may be followed by _Xepochs, as in nnUNetTrainer_30epochs.',
  );
}

/** As {@link trainerNamed}; `undefined` of a name that is not known here. */
export function knownTrainer(name: string): Trainer | undefined {
  const parts = trainerNameParts(name, isVariant);
  if (!parts) return undefined;
  const trainer = { ...DEFAULT_TRAINER, ...VARIANTS[parts.base], name };
  const { epochs, iterationsPerEpoch, validationIterationsPerEpoch, isWithoutMirroring } = parts;
  return {
    ...trainer,
    schedule: {
      epochs: epochs ?? trainer.schedule.epochs,
      iterationsPerEpoch: iterationsPerEpoch ?? trainer.schedule.iterationsPerEpoch,
      validationIterationsPerEpoch:
        validationIterationsPerEpoch ?? trainer.schedule.validationIterationsPerEpoch,
    },
    ...(isWithoutMirroring && { augmentation: { ...trainer.augmentation, ...NO_MIRRORING } }),
  };
}

/** Throws `UnsupportedTrainer` for a trainer of nnU-Net that is left out here, with the reason and what to do. */
export function assertTrainerInside(name: string): void {
  const what = outsideTrainer(name);
  if (what === undefined) return;
  throw new StudioError(
    'UnsupportedTrainer',
    `${name} ${what}.`,
    'Use nnU-Net itself for it (nnUNetv2_train, nnUNetv2_predict), or train a U-Net here: nnUNetTrainer, with nnUNetResEncUNetMPlans for a larger one.',
  );
}

/**
 * A class of stock nnU-Net with the same network, for its predictor to build: the trainer's own name, or that of the
 * variant whose length was changed to one that nnU-Net does not have. A name that is not known here stays.
 */
export function stockTrainerName(name: string): string {
  if (STOCK_NAMES.has(name)) return name;
  return trainerNameParts(name, isVariant)?.base ?? name;
}

/** Whether both are the same variant, of whatever length: their checkpoints hold the same network. */
export function areSameVariant(a: string, b: string): boolean {
  const [first, second] = [trainerNameParts(a, isVariant), trainerNameParts(b, isVariant)];
  return first !== undefined && first.base === second?.base;
}

/** What the name says of a trainer, where its variant is known here. */
export function partsOfTrainerName(name: string): TrainerNameParts | undefined {
  return trainerNameParts(name, isVariant);
}

/** The name of the same trainer with another number of epochs: without it where it is the variant's own. */
export function trainerNameWithEpochs(name: string, epochs: number): string {
  const { base, isWithoutMirroring } = trainerNameParts(name, isVariant) ?? {
    base: name,
    isWithoutMirroring: false,
  };
  const own = knownTrainer(base)?.schedule.epochs;
  return [
    base,
    ...(epochs === own && !isWithoutMirroring ? [] : [`${epochs}epochs`]),
    ...(isWithoutMirroring ? ['NoMirroring'] : []),
  ].join('_');
}

/** The name of a class with that schedule where nnU-Net has none of it: `nnUNetTrainer_10epochs_20iterations_4val`. */
export function trainerNameOf(name: string, schedule: TrainingSchedule): string {
  const { base = name, isWithoutMirroring = false } = trainerNameParts(name, isVariant) ?? {};
  const { epochs, iterationsPerEpoch, validationIterationsPerEpoch } = schedule;
  const own = NNUNET_SCHEDULE;
  return [
    base,
    `${epochs}epochs`,
    ...(iterationsPerEpoch === own.iterationsPerEpoch ? [] : [`${iterationsPerEpoch}iterations`]),
    ...(validationIterationsPerEpoch === own.validationIterationsPerEpoch
      ? []
      : [`${validationIterationsPerEpoch}val`]),
    ...(isWithoutMirroring ? ['NoMirroring'] : []),
  ].join('_');
}
