// From logits on the network's grid back to labels on the image's own. Follows nnU-Net's `export_prediction.py` and
// `LabelManager`; each step is a function of its own.

import { foregroundLabels, type LabelSet } from '@/core/interop/labels';
import type { Configuration, Plans } from '@/core/planning/plans';
import type { Zyx } from '@/shared/geometry';
import { elementCount, permute } from '@/shared/geometry';
import { type CaseProperties, networkSpacing } from './preprocessCase';
import { type ResampleRequest, resampleData } from './resampling';
import { emptyLike, transposeVolume, uncrop, type VoxelArray } from './volumes';

export type LabelVoxels = Uint8Array | Uint16Array;

export interface ExportPredictionRequest {
  /** `[k, z, y, x]`, on the preprocessed grid. Not changed. */
  readonly logits: Float32Array;
  /** Of the preprocessed grid. */
  readonly shape: Zyx;
  readonly properties: CaseProperties;
  readonly plans: Plans;
  readonly configuration: Configuration;
  readonly labels: LabelSet;
  readonly shouldReturnProbabilities: boolean;
}

export interface ExportedPrediction {
  /** `[z, y, x]`, reader order, the image's own shape. */
  readonly segmentation: LabelVoxels;
  /** `[k, z, y, x]`, likewise, where asked for. */
  readonly probabilities?: Float32Array;
}

/** Resamples logits to the case's grid, decides on labels, and undoes crop and transposition. */
export function logitsToSegmentation(job: ExportPredictionRequest): ExportedPrediction {
  const { logits, labels, properties, plans, shouldReturnProbabilities } = job;
  const channels = labels.outputChannels;
  const resampled = resampleLogits(job);
  const scores = resampled === logits ? logits.slice() : resampled;
  if (labels.hasRegions) sigmoidInPlace(scores);
  else if (shouldReturnProbabilities) softmaxInPlace(scores, channels);
  const segmentation = restoreGrid(labelsFromScores(scores, labels), properties, plans);
  if (!shouldReturnProbabilities) return { segmentation };
  return { segmentation, probabilities: restoreProbabilities(scores, labels, properties, plans) };
}

/** As {@link logitsToSegmentation} without probabilities, class by class: resampled logits of all classes have no room. */
export function logitsToLabels(job: Omit<ExportPredictionRequest, 'shouldReturnProbabilities'>): LabelVoxels {
  const { logits, labels, properties, plans } = job;
  const channels = labels.outputChannels;
  const size = logits.length / channels;
  const request = resampleRequest(job);
  const voxels = elementCount(properties.shapeAfterCroppingAndBeforeResampling);
  const result = emptyLabels(labels, voxels);
  const best = new Float32Array(voxels).fill(Number.NEGATIVE_INFINITY);
  for (let c = 0; c < channels; c++) {
    const scores = resampleData(logits.subarray(c * size, (c + 1) * size), 1, request);
    if (labels.hasRegions) {
      const label = labels.regionsClassOrder[c];
      for (let i = 0; i < voxels; i++) if (sigmoid(scores[i]) > 0.5) result[i] = label;
      continue;
    }
    for (let i = 0; i < voxels; i++) {
      if (!(scores[i] > best[i])) continue;
      best[i] = scores[i];
      result[i] = c;
    }
  }
  return restoreGrid(result, properties, plans);
}

/** Logits on the cropped case's grid, `[k, z, y, x]`; the same array where that is the network's. */
function resampleLogits(job: ExportPredictionRequest): Float32Array {
  return resampleData(job.logits, job.labels.outputChannels, resampleRequest(job));
}

function resampleRequest({
  shape,
  properties,
  configuration,
}: Pick<ExportPredictionRequest, 'shape' | 'properties' | 'configuration'>): ResampleRequest {
  return {
    shape,
    newShape: properties.shapeAfterCroppingAndBeforeResampling,
    spacing: networkSpacing(configuration, properties.spacingTransposed),
    newSpacing: properties.spacingTransposed,
    resampling: configuration.resamplingProbabilities,
  };
}

/** Labels from logits or probabilities `[k, …]`; regions need probabilities. */
export function labelsFromScores(scores: Float32Array, labels: LabelSet): LabelVoxels {
  const result = emptyLabels(labels, scores.length / labels.outputChannels);
  if (labels.hasRegions) regionsToLabels(scores, labels.regionsClassOrder, result);
  else argmaxLabels(scores, labels.outputChannels, result);
  return result;
}

/** uint16 from 255 foreground labels on, as nnU-Net. */
function emptyLabels(labels: LabelSet, size: number): LabelVoxels {
  return foregroundLabels(labels).length < 255 ? new Uint8Array(size) : new Uint16Array(size);
}

/** Index of the highest of `k` scores per voxel, the first of equals. `scores`: `[k, n]`; `result`: `[n]`. */
export function argmaxLabels(scores: Float32Array, k: number, result: LabelVoxels): void {
  const size = result.length;
  const best = scores.slice(0, size);
  result.fill(0);
  for (let channel = 1; channel < k; channel++) {
    const offset = channel * size;
    for (let i = 0; i < size; i++) {
      const score = scores[offset + i];
      if (score > best[i]) {
        best[i] = score;
        result[i] = channel;
      }
    }
  }
}

/** Writes each region's label where its probability exceeds ½; later regions overwrite. `probabilities`: `[k, n]`. */
export function regionsToLabels(
  probabilities: Float32Array,
  regionsClassOrder: readonly number[],
  result: LabelVoxels,
): void {
  const size = result.length;
  result.fill(0);
  for (const [channel, label] of regionsClassOrder.entries()) {
    const offset = channel * size;
    for (let i = 0; i < size; i++) if (probabilities[offset + i] > 0.5) result[i] = label;
  }
}

/** Softmax over `k` channels per voxel. `logits`: `[k, n]`. */
export function softmaxInPlace(logits: Float32Array, k: number): void {
  const size = logits.length / k;
  for (let i = 0; i < size; i++) {
    let highest = logits[i];
    for (let at = i + size; at < logits.length; at += size) highest = Math.max(highest, logits[at]);
    let sum = 0;
    for (let at = i; at < logits.length; at += size) {
      logits[at] = Math.exp(logits[at] - highest);
      sum += logits[at];
    }
    for (let at = i; at < logits.length; at += size) logits[at] /= sum;
  }
}

/** Sigmoid of every value. */
export function sigmoidInPlace(logits: Float32Array): void {
  for (let i = 0; i < logits.length; i++) logits[i] = sigmoid(logits[i]);
}

function sigmoid(logit: number): number {
  return Math.fround(1 / (1 + Math.exp(-logit)));
}

/** From the crop, transposed, to the image's own grid; `fill` outside the crop. */
function restoreGrid<T extends VoxelArray>(
  cropped: T,
  properties: CaseProperties,
  plans: Plans,
  fill = 0,
): T {
  const { bboxUsedForCropping, shapeBeforeCropping } = properties;
  const whole = uncrop(cropped, bboxUsedForCropping, shapeBeforeCropping, fill);
  return transposeVolume(whole, shapeBeforeCropping, plans.transposeBackward);
}

/** All channels on the image's own grid: outside the crop 0, background 1 unless there are regions. */
function restoreProbabilities(
  probabilities: Float32Array,
  labels: LabelSet,
  properties: CaseProperties,
  plans: Plans,
): Float32Array {
  const channels = labels.outputChannels;
  const size = probabilities.length / channels;
  const wholeSize = elementCount(permute(properties.shapeBeforeCropping, plans.transposeBackward));
  const result = emptyLike(probabilities, channels * wholeSize);
  for (let c = 0; c < channels; c++) {
    const channel = probabilities.subarray(c * size, (c + 1) * size);
    const fill = c === 0 && !labels.hasRegions ? 1 : 0;
    result.set(restoreGrid(channel, properties, plans, fill), c * wholeSize);
  }
  return result;
}
