import { TRAINER_NAMES } from '@/core/training/trainers';

/** What each trainer changes, in a sentence, by what it changes it in. */
const GROUPS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'nnU-Net’s own': {
    nnUNetTrainer: 'SGD with momentum, Dice and cross-entropy, all augmentation: the default.',
  },
  'Learning rate and optimiser': {
    nnUNetTrainerAdam1en3: 'AdamW at 0.001: gets further than SGD where there are few epochs.',
    nnUNetTrainerAdam3en4: 'AdamW at 0.0003.',
    nnUNetTrainerAdam: 'AdamW at the learning rate of SGD, 0.01.',
    nnUNetTrainerVanillaAdam: 'Adam without decoupled weight decay, at 0.01.',
    nnUNetTrainerVanillaAdam1en3: 'Adam without decoupled weight decay, at 0.001.',
    nnUNetTrainerVanillaAdam3en4: 'Adam without decoupled weight decay, at 0.0003.',
    nnUNetTrainerAdan: 'Adan at 0.01.',
    nnUNetTrainerAdan1en1: 'Adan at 0.1.',
    nnUNetTrainerAdan1en3: 'Adan at 0.001.',
    nnUNetTrainerAdan3en4: 'Adan at 0.0003.',
    nnUNetTrainerAdanCosAnneal: 'Adan at 0.01, falling along a cosine.',
    nnUNetTrainerCosAnneal: 'The learning rate falls along a cosine.',
    nnUNetTrainer_warmup: 'The learning rate rises over 50 epochs before it falls.',
  },
  Augmentation: {
    nnUNetTrainerNoMirroring: 'No mirroring: for images where left and right must not be confused.',
    nnUNetTrainer_onlyMirror01: 'Mirrors along the first two axes only.',
    nnUNetTrainer_onlyMirror01_1500ep: 'The same for 1500 epochs.',
    nnUNetTrainer_onlyMirror01_DASegOrd0: 'The same, with labels sampled by the nearest voxel.',
    nnUNetTrainerNoDA: 'No augmentation at all: learns training cases by heart, for tests.',
    nnUNetTrainer_noDummy2DDA: 'Rotates in 3D even where slices are thick.',
    nnUNetTrainer_DASegOrd0: 'Labels are sampled by the nearest voxel.',
    nnUNetTrainer_DASegOrd0_NoMirroring: 'The same without mirroring.',
    nnUNetTrainerDA5: 'Far stronger augmentation: against differing scanners, for long trainings.',
    nnUNetTrainerDA5ord0: 'DA5 with images and labels sampled by the nearest voxel.',
    nnUNetTrainerDA5Segord0: 'DA5 with labels sampled by the nearest voxel.',
    nnUNetTrainer_onlyMirror01_DA5: 'DA5, mirrored along the first two axes only.',
  },
  Loss: {
    nnUNetTrainerDiceLoss: 'Dice alone.',
    nnUNetTrainerCELoss: 'Cross-entropy alone.',
    nnUNetTrainerDiceCELoss_noSmooth: 'Dice without smoothing: for very small structures.',
    nnUNetTrainerTopk10Loss: 'Cross-entropy of the worst tenth of the voxels.',
    nnUNetTrainerTopk10LossLS01: 'The same with labels smoothed by 0.1.',
    nnUNetTrainerDiceTopK10Loss: 'Dice and the cross-entropy of the worst tenth of the voxels.',
  },
  'Sampling and network': {
    nnUNetTrainer_probabilisticOversampling:
      'Each patch by itself shows foreground with a chance of a third.',
    nnUNetTrainer_probabilisticOversampling_033: 'The same, exactly 33 %.',
    nnUNetTrainer_probabilisticOversampling_010: 'The same with 10 %.',
    nnUNetTrainerNoDeepSupervision: 'The loss is taken of the full resolution only.',
    nnUNetTrainerBN: 'Batch norm instead of instance norm: for large batches.',
    nnUNet_Trainer_BS8: 'Eight patches a batch: more memory, steadier steps.',
    nnUNetTrainerBenchmark_5epochs: 'Five epochs to measure the speed; nothing is kept.',
    nnUNetTrainerBenchmark_5epochs_noDataLoading: 'The same on one random batch: the network alone.',
  },
};

const SENTENCES = new Map(Object.values(GROUPS).flatMap((group) => Object.entries(group)));

export function trainerSentence(name: string): string {
  return SENTENCES.get(name) ?? '';
}

/** All trainers there are, by what they change. */
export const TRAINER_GROUPS = Object.entries(GROUPS).map(([group, sentences]) => ({
  group,
  items: Object.keys(sentences).filter((name) => TRAINER_NAMES.includes(name)),
}));
