import type { Prediction } from '@/core/inference/predictor';
import type { LabelSet } from '@/core/interop/labels';
import { labelsFromScores } from '@/core/preprocessing/exportPrediction';
import { StudioError } from '@/shared/errors';
import type { ModelRecord } from '@/storage/modelLibrary';

/**
 * Predictions of one image by several models, averaged as they come: probabilities are summed in their order in single
 * precision, and labels follow from the mean. One sum is held, however many models there are.
 *
 * Follows nnU-Net's `average_probabilities` and `merge_files`.
 */
export class EnsembleOfPredictions {
  private readonly labels: LabelSet;
  private readonly first: Prediction;
  private readonly sum: Float32Array;
  private count = 1;
  private timings: Prediction['timings'];
  private memory: Prediction['memory'];

  /** `first` is taken over: its probabilities become the sum. */
  constructor(labels: LabelSet, first: Prediction) {
    this.labels = labels;
    this.first = first;
    this.sum = probabilitiesOf(first);
    this.timings = first.timings;
    this.memory = first.memory;
  }

  /** Throws `DifferentLabels` where the model writes other classes. */
  add(prediction: Prediction, { name }: Pick<ModelRecord, 'name'>): void {
    const probabilities = probabilitiesOf(prediction);
    if (probabilities.length !== this.sum.length) {
      throw new StudioError(
        'DifferentLabels',
        `${name} has ${probabilities.length / prediction.segmentation.length} classes, the model before it ${this.labels.outputChannels}.`,
        'Only models of the same labels can be averaged.',
      );
    }
    for (let i = 0; i < probabilities.length; i++) this.sum[i] += probabilities[i];
    this.count++;
    this.timings = summedTimings(this.timings, prediction.timings);
    this.memory = largerMemory(this.memory, prediction.memory);
  }

  /** To be asked for once. */
  mean(): Prediction {
    for (let i = 0; i < this.sum.length; i++) this.sum[i] /= this.count;
    return {
      ...this.first,
      segmentation: labelsFromScores(this.sum, this.labels),
      probabilities: this.sum,
      timings: this.timings,
      memory: this.memory,
    };
  }
}

function probabilitiesOf({ probabilities }: Prediction): Float32Array {
  if (probabilities) return probabilities;
  throw new Error('an ensemble needs probabilities of every model');
}

/** Of two predictions one after the other. */
export function summedTimings(a: Prediction['timings'], b: Prediction['timings']): Prediction['timings'] {
  return {
    preprocessing: a.preprocessing + b.preprocessing,
    network: a.network + b.network,
    exporting: a.exporting + b.exporting,
  };
}

/** They hold their memory one after the other. */
export function largerMemory(a: Prediction['memory'], b: Prediction['memory']): Prediction['memory'] {
  return {
    plannedBytes: Math.max(a.plannedBytes, b.plannedBytes),
    peakBytes: Math.max(a.peakBytes, b.peakBytes),
  };
}
