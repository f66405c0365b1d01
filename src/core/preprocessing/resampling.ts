// Resampling of images, logits and label maps by the function a plan names. Follows nnU-Net's
// `default_resampling.py` and `resample_torch.py`.

import type { Resampling } from '@/core/planning/plans';
import { StudioError } from '@/shared/errors';
import type { Spacing, Zyx } from '@/shared/geometry';
import { elementCount, permute } from '@/shared/geometry';
import { separateZAxis } from './gridShape';
import { type LabelRule, resizeLabelSlices, resizeLabels } from './resizeLabels';
import { type ResizeMethod, resizeVolume } from './resizeVolume';
import type { SplineOrder } from './splineAxis';
import { copyTransposed, transposeVolume, type VoxelArray, wholeBox } from './volumes';

/** From one grid to another, and how. Shapes and spacings in transposed order, mm. */
export interface ResampleRequest {
  readonly shape: Zyx;
  readonly newShape: Zyx;
  readonly spacing: Spacing;
  readonly newSpacing: Spacing;
  readonly resampling: Resampling;
}

/** A request with its decisions made, in an axis order that puts a separately resampled axis first. */
export interface ResamplePlan {
  readonly shape: Zyx;
  readonly newShape: Zyx;
  /** As numpy's `transpose`, from the request's axes to the plan's. */
  readonly order: readonly [number, number, number];
  readonly isSeparate: boolean;
  readonly method: ResizeMethod;
}

const AXIS_TO_FRONT = [
  [0, 1, 2],
  [1, 0, 2],
  [2, 0, 1],
] as const;

const AXIS_FROM_FRONT = [
  [0, 1, 2],
  [1, 0, 2],
  [1, 2, 0],
] as const;

/** The decisions for a request; `undefined` where the array stays as it is. */
export function planResample(request: ResampleRequest): ResamplePlan | undefined {
  const { shape, newShape, spacing, newSpacing, resampling } = request;
  if (resampling.functionName === 'no_resampling_hack') return undefined;
  if (shape.every((size, axis) => size === newShape[axis])) return undefined;
  const axis = separateZAxis(resampling, spacing, newSpacing);
  const order = AXIS_TO_FRONT[axis ?? 0];
  const frontShape = permute(shape, order);
  const frontNewShape = permute(newShape, order);
  return {
    shape: frontShape,
    newShape: frontNewShape,
    order,
    isSeparate: axis !== undefined,
    method: resizeMethod(resampling, axis !== undefined, frontShape[0], frontNewShape[0]),
  };
}

function resizeMethod(resampling: Resampling, isSeparate: boolean, nIn: number, nOut: number): ResizeMethod {
  if (resampling.functionName === 'resample_torch_fornnunet') {
    return isSeparate
      ? { orderInPlane: 1, orderZ: 0, clip: 'slice', slices: nearestExact(nIn, nOut) }
      : { orderInPlane: 1, orderZ: 1, clip: 'volume' };
  }
  const orderInPlane = splineOrder(resampling.order);
  return isSeparate
    ? { orderInPlane, orderZ: splineOrder(resampling.orderZ), clip: 'slice' }
    : { orderInPlane, orderZ: orderInPlane, clip: 'volume' };
}

function splineOrder(order: number): SplineOrder {
  if (order === 0 || order === 1 || order === 3) return order;
  throw new StudioError(
    'UnsupportedResampling',
    `The plans ask for resampling with splines of order ${order}.`,
    'Orders 0, 1 and 3 are supported; nnU-Net’s own planners use no others.',
  );
}

/** PyTorch's `nearest-exact`: floor((k + ½)·nIn/nOut), with its scale in float32. */
function nearestExact(nIn: number, nOut: number): Int32Array {
  const scale = Math.fround(nIn / nOut);
  return Int32Array.from({ length: nOut }, (_, k) =>
    Math.min(Math.floor(Math.fround((k + 0.5) * scale)), nIn - 1),
  );
}

/** Shape after the request: `newShape`, unless the plans' function leaves arrays as they are. */
export function resampledShape({ shape, newShape, resampling }: ResampleRequest): Zyx {
  return resampling.functionName === 'no_resampling_hack' ? shape : newShape;
}

/** A volume in the plan's axis order; the same array where that is its own. */
export function toPlanOrder<T extends VoxelArray>(
  volume: T,
  request: ResampleRequest,
  plan: ResamplePlan,
): T {
  return plan.order[0] === 0 ? volume : transposeVolume(volume, request.shape, plan.order);
}

/** Undoes {@link toPlanOrder} on the result, into `target` where given. */
export function fromPlanOrder<T extends VoxelArray>(volume: T, plan: ResamplePlan, target?: T): T {
  if (plan.order[0] === 0 && target === undefined) return volume;
  return copyTransposed(
    volume,
    plan.newShape,
    wholeBox(plan.newShape),
    AXIS_FROM_FRONT[plan.order[0]],
    target,
  );
}

/**
 * Images or logits on another grid, on the CPU in float64 inside. `data`: `[c, z, y, x]`; the same array comes back
 * where nothing changes.
 */
export function resampleData(data: Float32Array, channels: number, request: ResampleRequest): Float32Array {
  const plan = planResample(request);
  if (plan === undefined) return data;
  const size = elementCount(request.shape);
  const newSize = elementCount(request.newShape);
  const result = new Float32Array(channels * newSize);
  for (let c = 0; c < channels; c++) {
    const source = toPlanOrder(data.subarray(c * size, (c + 1) * size), request, plan);
    const target = result.subarray(c * newSize, (c + 1) * newSize);
    if (plan.order[0] === 0) resizeVolume(source, plan.shape, target, plan.newShape, plan.method);
    else {
      const resized = new Float32Array(newSize);
      resizeVolume(source, plan.shape, resized, plan.newShape, plan.method);
      fromPlanOrder(resized, plan, target);
    }
  }
  return result;
}

/**
 * A label map on another grid. `seg`: `[z, y, x]`, −1 allowed. Each label's indicator is resized, and the label is
 * written where that is at least ½ (torch: where it is highest).
 */
export function resampleSegmentation(seg: Int16Array, request: ResampleRequest): Int16Array {
  const plan = planResample(request);
  if (plan === undefined) return seg;
  const { shape, newShape, method } = plan;
  const rule: LabelRule = request.resampling.functionName === 'resample_torch_fornnunet' ? 'highest' : 'half';
  const source = toPlanOrder(seg, request, plan);
  if (!plan.isSeparate) return resizeLabels(source, shape, newShape, method.orderInPlane, rule);
  const inPlane = resizeLabels(
    source,
    shape,
    [shape[0], newShape[1], newShape[2]],
    method.orderInPlane,
    rule,
  );
  return fromPlanOrder(resizeLabelSlices(inPlane, shape[0], newShape, method), plan);
}
