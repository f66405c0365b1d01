import {
  type AugmentationSettings,
  augmentationSettings,
  validationSettings,
} from '@/core/augmentation/settings';
import { type LabelSet, networkInputChannels } from '@/core/interop/labels';
import type { Configuration } from '@/core/planning/plans';
import type { TrainingSetup } from '@/graph/trainingProgram';
import type { Graph } from '@/graph/value';
import { DYNAMIC_LOSS_SCALING, NNUNET_CLIP_NORM } from '@/kernels/optimisers/optimiserOptions';
import type { FeatureDtype } from '@/kernels/storage';
import { buildUNet } from '@/nn/unet';
import type { BatchKind } from './batchLoader';
import { deepSupervisionWeights } from './deepSupervision';
import type { Trainer } from './trainers';

/** What the network that is trained follows from. */
export interface NetworkOptions {
  readonly trainer: Trainer;
  readonly configuration: Configuration;
  readonly labels: LabelSet;
  /** Of the images; a cascade's further channels are added. */
  readonly imageChannels: number;
  /** Of feature maps. */
  readonly storage: FeatureDtype;
}

/** A network and how it is trained. */
export interface TrainedNetwork {
  readonly graph: Graph;
  readonly setup: TrainingSetup;
  readonly inputChannels: number;
  readonly batchSize: number;
  readonly storage: FeatureDtype;
  /** Of training patches, and of those that only validate. */
  readonly augmentation: Readonly<Record<BatchKind, AugmentationSettings>>;
}

/**
 * Traces the network and chooses loss and optimiser. Throws `UnsupportedTrainer` where the labels do not suit the
 * trainer. Follows nnU-Net's `nnUNetTrainer.initialize`.
 */
export function trainedNetwork(question: NetworkOptions): TrainedNetwork {
  const { trainer, configuration, labels } = question;
  const batchSize = trainer.batchSize ?? configuration.batchSize;
  const inputChannels = networkInputChannels(question.imageChannels, labels, configuration);
  const graph = buildUNet(configuration.architecture, {
    inputChannels,
    outputChannels: labels.outputChannels,
    batch: batchSize,
    patchSize: configuration.patchSize,
    deepSupervision: trainer.usesDeepSupervision,
  });
  const training = augmentationSettings({
    patchSize: configuration.patchSize,
    channels: question.imageChannels,
    useMaskForNorm: configuration.useMaskForNorm,
    labels,
    hasPreviousStage: configuration.previousStage !== undefined,
    strides: trainer.usesDeepSupervision ? configuration.architecture.strides : undefined,
    options: trainer.augmentation,
  });
  const headWeights = deepSupervisionWeights(graph.outputs.length);
  return {
    graph,
    inputChannels,
    batchSize,
    storage: question.storage,
    augmentation: { training, validation: validationSettings(training) },
    setup: {
      graph,
      loss: trainer.loss({ labels, batchDice: configuration.batchDice }),
      headWeights,
      optimiser: trainer.optimiser,
      clipNorm: NNUNET_CLIP_NORM,
      lossScaling: question.storage === 'f16' ? DYNAMIC_LOSS_SCALING : undefined,
    },
  };
}
