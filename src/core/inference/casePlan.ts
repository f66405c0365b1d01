// Everything about one prediction that is known before a byte is allocated: where windows lie, how slices leave the
// network's grid, and what it will take.

import { elementCount, type Zyx } from '@/shared/geometry';
import { type AxisRule, type GridTaps, gridTaps } from './gridTaps';
import { planSlabs, type SlabPlan } from './slabPlan';
import { exporterBytes } from './sliceExporter';
import { type Padding, paddingToPatch, windowStarts } from './slidingWindow';

export interface CasePlan {
  readonly padding: Padding;
  /** First voxel of each window, per axis of the padded image. */
  readonly starts: readonly (readonly number[])[];
  /** Grid on which chunks are exported. */
  readonly outShape: Zyx;
  readonly taps: GridTaps;
  readonly slabs: SlabPlan;
  /** Host and GPU together, at most. */
  readonly plannedBytes: number;
}

export interface CasePlanRequest {
  /** Preprocessed image. */
  readonly shape: Zyx;
  readonly outShape: Zyx;
  /** How the network's grid is read along each axis of `outShape`. */
  readonly rules: readonly [AxisRule, AxisRule, AxisRule];
  readonly patchSize: Zyx;
  readonly tileStepSize: number;
  readonly inputChannels: number;
  /** Output channels of the network. */
  readonly classes: number;
  /** The compiled network with its parameters, bytes. */
  readonly networkBytes: number;
  /** Image and result on the host, bytes. */
  readonly hostBytes: number;
  /** Largest range one binding may have on this adapter, bytes. */
  readonly bindingLimit: number;
  /** Host and GPU together, bytes. */
  readonly budgetBytes: number;
}

/** The fewest blocks of rows that keep to the budget; more than the budget only where no division keeps to it. */
export function planCase(request: CasePlanRequest): CasePlan {
  const { shape, outShape, patchSize, inputChannels, classes } = request;
  const padding = paddingToPatch(shape, patchSize);
  const starts = windowStarts(padding.paddedShape, patchSize, request.tileStepSize);
  const taps = gridTaps(shape, outShape, padding.before, request.rules);
  const patchBytes = elementCount(patchSize) * Float32Array.BYTES_PER_ELEMENT;
  const fixedBytes =
    request.hostBytes + request.networkBytes + (inputChannels + 1) * patchBytes + exporterBytes(outShape);
  const slabs = planSlabs({
    paddedShape: padding.paddedShape,
    patchSize,
    starts,
    rowTaps: taps[1],
    classes,
    bindingLimit: request.bindingLimit,
    budgetBytes: request.budgetBytes - fixedBytes,
  });
  return { padding, starts, outShape, taps, slabs, plannedBytes: fixedBytes + slabs.accumulatorBytes };
}
