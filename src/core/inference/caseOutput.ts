// Where finished chunks go: labels in the case's full size before cropping, or logits on a whole grid.

import type { LabelSet } from '@/core/interop/labels';
import { StudioError } from '@/shared/errors';
import { type BoundingBox, elementCount, formatNetworkXyz, type Zyx } from '@/shared/geometry';
import { formatBytes } from '@/shared/numeric';
import type { RowBlock } from './slabPlan';
import type { SliceChunk, SliceExporter } from './sliceExporter';

/** Largest array of logits that is attempted, bytes: browsers refuse larger buffers. */
const MAX_LOGITS_BYTES = 2 ** 31 - 1;

/** Takes finished chunks of the exporter's grid until all of it has come. */
export interface CaseOutput {
  /** What the output holds on the host, bytes. */
  readonly hostBytes: number;
  take(exporter: SliceExporter, block: RowBlock, chunk: SliceChunk): Promise<void>;
}

export interface LabelOutput extends CaseOutput {
  /** `[z, y, x]`, transposed order, before cropping; background outside the crop. */
  readonly volume: Uint8Array | Uint16Array;
}

/** Labels at `box` of a volume of `shape`. */
export function labelOutput(labels: LabelSet, shape: Zyx, box: BoundingBox): LabelOutput {
  const largest = Math.max(0, ...labels.allLabels, ...labels.regionsClassOrder);
  const size = elementCount(shape);
  const volume = largest < 255 ? new Uint8Array(size) : new Uint16Array(size);
  const origin: Zyx = [box[0][0], box[1][0], box[2][0]];
  return {
    volume,
    hostBytes: volume.byteLength,
    take: async (exporter, block, chunk) => {
      placeRows(await exporter.labelsOf(block, chunk), chunk, volume, shape, origin);
    },
  };
}

export interface LogitsOutput extends CaseOutput {
  /** `[k, z, y, x]`. */
  readonly logits: Float32Array;
}

/** All logits of a grid on the host. `transposeBackward`: of the plans, for the message. Throws `TooLargeForLogits`. */
export function logitsOutput(channels: number, shape: Zyx, transposeBackward: Zyx): LogitsOutput {
  const size = elementCount(shape);
  const bytes = channels * size * Float32Array.BYTES_PER_ELEMENT;
  if (bytes > MAX_LOGITS_BYTES) {
    throw new StudioError(
      'TooLargeForLogits',
      `Keeping ${channels} channels of ${formatNetworkXyz(shape, transposeBackward)} voxels would take ${formatBytes(bytes)}.`,
      'Predict without saving probabilities, or crop the image.',
    );
  }
  const logits = new Float32Array(channels * size);
  return {
    logits,
    hostBytes: bytes,
    take: async (exporter, block, chunk) => {
      for (let k = 0; k < channels; k++) {
        const channel = logits.subarray(k * size, (k + 1) * size);
        placeRows(await exporter.logitsOf(block, chunk, k), chunk, channel, shape, [0, 0, 0]);
      }
    },
  };
}

/** Copies a chunk's rows to where they belong in a volume of `shape` whose exported part begins at `origin`. */
function placeRows(
  values: Uint32Array | Float32Array,
  chunk: SliceChunk,
  volume: Uint8Array | Uint16Array | Float32Array,
  shape: Zyx,
  origin: Zyx,
): void {
  const [slices, rows, width] = chunk.size;
  for (let z = 0; z < slices; z++) {
    for (let y = 0; y < rows; y++) {
      const from = (z * rows + y) * width;
      const slice = origin[0] + chunk.start[0] + z;
      const to = (slice * shape[1] + origin[1] + chunk.start[1] + y) * shape[2] + origin[2] + chunk.start[2];
      volume.set(values.subarray(from, from + width), to);
    }
  }
}
