import type { LabelSet } from '@/core/interop/labels';
import type { Configuration } from '@/core/planning/plans';
import type { TrainingSetup } from '@/graph/trainingProgram';
import type { Graph } from '@/graph/value';
import { DYNAMIC_LOSS_SCALING, NNUNET_CLIP_NORM } from '@/kernels/optimisers/optimiserOptions';
import type { Storage } from '@/kernels/storage';
import { buildUNet } from '@/nn/unet';
import type { Zyx } from '@/shared/geometry';
import { deepSupervisionWeights } from './deepSupervision';
import { foregroundLabels } from './networkTargets';
import type { Trainer } from './trainers';

/** What the network that is trained follows from. */
export interface NetworkQuestion {
  readonly trainer: Trainer;
  readonly configuration: Configuration;
  readonly labels: LabelSet;
  /** Of the images; a cascade's further channels are added. */
  readonly imageChannels: number;
  /** Of feature maps; f32 if left out. */
  readonly storage?: Storage;
}

/** A network and how it is trained. */
export interface TrainedNetwork {
  readonly graph: Graph;
  readonly setup: TrainingSetup;
  readonly inputChannels: number;
  readonly batchSize: number;
  /** Shapes of the heads that the loss judges. */
  readonly headShapes: readonly (Zyx | undefined)[];
}

/**
 * Traces the network and chooses loss and optimiser. Throws `UnsupportedTrainer` where the labels do not suit the
 * trainer. Follows nnU-Net's `nnUNetTrainer.initialize`.
 */
export function trainedNetwork(question: NetworkQuestion): TrainedNetwork {
  const { trainer, configuration, labels } = question;
  const batchSize = trainer.batchSize ?? configuration.batchSize;
  const inputChannels = networkInputChannels(question);
  const graph = buildUNet(configuration.architecture, {
    inputChannels,
    outputChannels: labels.outputChannels,
    batch: batchSize,
    patchSize: configuration.patchSize,
    deepSupervision: trainer.usesDeepSupervision,
  });
  const headWeights = deepSupervisionWeights(graph.outputs.length);
  return {
    graph,
    inputChannels,
    batchSize,
    headShapes: graph.outputs.map(({ shape }, head) =>
      headWeights[head] === 0 ? undefined : [shape[2], shape[3], shape[4]],
    ),
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

/** Cascade stages take the previous segmentation as one more channel per foreground label. */
export function networkInputChannels({
  configuration,
  labels,
  imageChannels,
}: Pick<NetworkQuestion, 'configuration' | 'labels' | 'imageChannels'>): number {
  const isCascaded = configuration.previousStage !== undefined;
  return imageChannels + (isCascaded ? foregroundLabels(labels).length : 0);
}
