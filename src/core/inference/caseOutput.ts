// Where finished chunks go: labels, or probabilities, in the case's full size before cropping.

import type { LabelSet } from '@/core/interop/labels';
import { transposeVolume } from '@/core/preprocessing/volumes';
import { StudioError } from '@/shared/errors';
import { type BoundingBox, elementCount, type Zyx } from '@/shared/geometry';
import { formatBytes } from '@/shared/numeric';
import type { RowBlock } from './slabPlan';
import type { Chunk, SliceExporter } from './sliceExporter';

/** Largest array of probabilities that is attempted, bytes: browsers refuse larger buffers. */
const MAX_PROBABILITY_BYTES = 2 ** 31 - 1;

/** The part of a case's properties that undoing the crop needs, transposed order. */
export interface CropProperties {
  readonly shapeBeforeCropping: Zyx;
  readonly bboxUsedForCropping: BoundingBox;
}

export interface CaseResult {
  /** `[z, y, x]`, the image's own axis order. */
  readonly segmentation: Uint8Array | Uint16Array;
  /** `[k, z, y, x]`, likewise. */
  readonly probabilities?: Float32Array;
}

export interface CaseOutput {
  /** What the output holds on the host, bytes. */
  readonly hostBytes: number;
  /** Takes one finished chunk of the cropped case. */
  take(exporter: SliceExporter, block: RowBlock, chunk: Chunk): Promise<void>;
  /** Everything was taken: back to the image's own axis order. */
  finish(transposeBackward: readonly number[]): CaseResult;
}

/** Labels only. Outside the crop: background. */
export function labelOutput(labels: LabelSet, properties: CropProperties): CaseOutput {
  const { shapeBeforeCropping: shape } = properties;
  const volume = emptyLabels(labels, elementCount(shape));
  return {
    hostBytes: volume.byteLength,
    take: async (exporter, block, chunk) => {
      placeRows(await exporter.labelsOf(block, chunk), volume, 0, chunk, properties);
    },
    finish: (transposeBackward) => ({ segmentation: reordered(volume, shape, transposeBackward) }),
  };
}

/**
 * Probabilities, and the labels they imply. Outside the crop they are 0, with channel 0 at 1 where channels share a
 * softmax. Throws `TooLargeForProbabilities`.
 *
 * Follows nnU-Net's `convert_predicted_logits_to_segmentation_with_correct_shape`.
 */
export function probabilityOutput(labels: LabelSet, properties: CropProperties): CaseOutput {
  const { shapeBeforeCropping: shape } = properties;
  const size = elementCount(shape);
  const classes = labels.outputChannels;
  if (classes * size * 4 > MAX_PROBABILITY_BYTES) {
    throw new StudioError(
      'TooLargeForProbabilities',
      `The probabilities of ${classes} channels on ${shape.join(' × ')} voxels would take ${formatBytes(classes * size * 4)}.`,
      'Predict without saving probabilities, or crop the image.',
    );
  }
  const volume = new Float32Array(classes * size);
  const segmentation = emptyLabels(labels, size);
  if (!labels.hasRegions) volume.fill(1, 0, size);
  return {
    hostBytes: volume.byteLength + segmentation.byteLength,
    take: async (exporter, block, chunk) => {
      for (let k = 0; k < classes; k++) {
        placeRows(await exporter.logitsOf(block, chunk, k), volume, k * size, chunk, properties);
      }
      activateRows(volume, segmentation, labels, chunk, properties);
    },
    finish: (transposeBackward) => {
      const probabilities = isIdentity(transposeBackward) ? volume : new Float32Array(volume.length);
      if (probabilities !== volume) {
        for (let k = 0; k < classes; k++) {
          const channel = volume.subarray(k * size, (k + 1) * size);
          probabilities.set(transposeVolume(channel, shape, transposeBackward), k * size);
        }
      }
      return { segmentation: reordered(segmentation, shape, transposeBackward), probabilities };
    },
  };
}

function emptyLabels(labels: LabelSet, size: number): Uint8Array | Uint16Array {
  const largest = Math.max(0, ...labels.allLabels, ...labels.regionsClassOrder);
  return largest < 255 ? new Uint8Array(size) : new Uint16Array(size);
}

/** Calls back for each row of the chunk: where it starts in the chunk, and in the uncropped volume. */
function forEachRow(
  chunk: Chunk,
  { shapeBeforeCropping: shape, bboxUsedForCropping: box }: CropProperties,
  visit: (inChunk: number, inVolume: number) => void,
): void {
  const [slices, rows, width] = chunk.size;
  for (let z = 0; z < slices; z++) {
    for (let y = 0; y < rows; y++) {
      const slice = box[0][0] + chunk.start[0] + z;
      const row = box[1][0] + chunk.start[1] + y;
      visit((z * rows + y) * width, (slice * shape[1] + row) * shape[2] + box[2][0] + chunk.start[2]);
    }
  }
}

function placeRows(
  values: Uint32Array | Float32Array,
  volume: Uint8Array | Uint16Array | Float32Array,
  offset: number,
  chunk: Chunk,
  properties: CropProperties,
): void {
  forEachRow(chunk, properties, (inChunk, inVolume) => {
    volume.set(values.subarray(inChunk, inChunk + chunk.size[2]), offset + inVolume);
  });
}

/** Logits → probabilities in place, and the labels they imply, over the chunk's voxels. */
function activateRows(
  volume: Float32Array,
  segmentation: Uint8Array | Uint16Array,
  labels: LabelSet,
  chunk: Chunk,
  properties: CropProperties,
): void {
  const size = segmentation.length;
  const activate = labels.hasRegions ? sigmoidVoxel : softmaxVoxel;
  forEachRow(chunk, properties, (_, inVolume) => {
    for (let voxel = inVolume; voxel < inVolume + chunk.size[2]; voxel++) {
      segmentation[voxel] = activate(volume, voxel, size, labels);
    }
  });
}

/** Softmax over the channels of a voxel; returns the label of the largest, the first of equals. */
function softmaxVoxel(volume: Float32Array, voxel: number, size: number, labels: LabelSet): number {
  let largest = 0;
  for (let k = 1; k < labels.outputChannels; k++) {
    if (volume[k * size + voxel] > volume[largest * size + voxel]) largest = k;
  }
  const maximum = volume[largest * size + voxel];
  let sum = 0;
  for (let k = 0; k < labels.outputChannels; k++) sum += Math.exp(volume[k * size + voxel] - maximum);
  for (let k = 0; k < labels.outputChannels; k++) {
    volume[k * size + voxel] = Math.exp(volume[k * size + voxel] - maximum) / sum;
  }
  return labels.allLabels[largest];
}

/** Sigmoid of each channel; regions above one half write their label in order, later over earlier. */
function sigmoidVoxel(volume: Float32Array, voxel: number, size: number, labels: LabelSet): number {
  let label = 0;
  for (let k = 0; k < labels.outputChannels; k++) {
    const probability = 1 / (1 + Math.exp(-volume[k * size + voxel]));
    volume[k * size + voxel] = probability;
    if (probability > 0.5) label = labels.regionsClassOrder[k];
  }
  return label;
}

function isIdentity(order: readonly number[]): boolean {
  return order.every((axis, i) => axis === i);
}

function reordered(
  volume: Uint8Array | Uint16Array,
  shape: Zyx,
  order: readonly number[],
): Uint8Array | Uint16Array {
  return isIdentity(order) ? volume : transposeVolume(volume, shape, order);
}
