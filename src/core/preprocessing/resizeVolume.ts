// Resizing one channel on the CPU, separable, in float64 between float32 input and output.
//
// Bands of output rows keep memory small: a band takes the input rows it needs, resizes x and y slice by slice into a
// half-way volume, then z column block by column block.

import type { Zyx } from '@/shared/geometry';
import { elementCount } from '@/shared/geometry';

import {
  type AxisPlan,
  evaluateLines,
  extendLines,
  PAD,
  PREFILTER_REACH,
  planAxis,
  planRange,
  type SplineOrder,
} from './splineAxis';
import { valueRange } from './valueRange';

/** How a channel is resized. Axes whose size does not change are left as they are. */
export interface ResizeMethod {
  readonly orderInPlane: SplineOrder;
  readonly orderZ: SplineOrder;
  /**
   * Splines overshoot at edges; results are clipped to the range of the input that one call of scikit-image's
   * `resize` would see: the volume, or each slice before z is resized.
   */
  readonly clip: 'volume' | 'slice';
  /** Nearest slices along z by a rule of their own, in place of `orderZ`. */
  readonly slices?: Int32Array;
}

/** Half-way volume of one band, in float64 samples. */
const BAND_SAMPLES = 2 ** 24;

/** The z axis plan, or `undefined` where nothing changes. */
export function planZ(nIn: number, nOut: number, method: ResizeMethod): AxisPlan | undefined {
  if (nIn === nOut) return undefined;
  const plan = planAxis(nIn, nOut, method.slices ? 0 : method.orderZ);
  if (method.slices) for (let k = 0; k < nOut; k++) plan.start[k] = method.slices[k] + PAD;
  return plan;
}

/** Lowest and highest value per slice, or one pair for the volume: `[low, high]` after another. */
export function clipRanges(source: Float32Array, shape: Zyx, clip: ResizeMethod['clip']): Float32Array {
  if (clip === 'volume') return Float32Array.from(valueRange(source));
  const plane = shape[1] * shape[2];
  const ranges = new Float32Array(2 * shape[0]);
  for (let z = 0; z < shape[0]; z++) {
    ranges.set(valueRange(source.subarray(z * plane, (z + 1) * plane)), 2 * z);
  }
  return ranges;
}

/** Resizes `source` `[z, y, x]` of `shape` into `target` of `newShape`. `bandSamples` bounds the working memory. */
export function resizeVolume(
  source: Float32Array,
  shape: Zyx,
  target: Float32Array | Float64Array,
  newShape: Zyx,
  method: ResizeMethod,
  bandSamples = BAND_SAMPLES,
): void {
  const steps = resizeVolumeSteps(source, shape, target, newShape, method, bandSamples);
  while (!steps.next().done);
}

/** {@link resizeVolume} in steps of a few milliseconds, each yielding the share that is done. */
export function* resizeVolumeSteps(
  source: Float32Array,
  shape: Zyx,
  target: Float32Array | Float64Array,
  newShape: Zyx,
  method: ResizeMethod,
  bandSamples = BAND_SAMPLES,
): Generator<number, void> {
  if (source.length !== elementCount(shape) || target.length !== elementCount(newShape)) {
    throw new Error(
      `resizeVolume: ${source.length} and ${target.length} voxels do not fit ${shape} and ${newShape}`,
    );
  }
  const planX = shape[2] === newShape[2] ? undefined : planAxis(shape[2], newShape[2], method.orderInPlane);
  const planY = planAxis(shape[1], newShape[1], shape[1] === newShape[1] ? 0 : method.orderInPlane);
  const rowSamples = shape[0] * newShape[2];
  const bandRows = Math.max(2 * PREFILTER_REACH, Math.floor(bandSamples / rowSamples));
  const job: BandJob = {
    source,
    shape,
    target,
    newShape,
    planX,
    planZ: planZ(shape[0], newShape[0], method),
    ranges: clipRanges(source, shape, method.clip),
    clip: method.clip,
  };
  for (let from = 0; from < newShape[1]; from += bandRows) {
    const to = Math.min(from + bandRows, newShape[1]);
    const band = { ...planRange(planY, from, to), from };
    for (const share of resizeBand(job, band)) yield (from + share * (to - from)) / newShape[1];
  }
}

interface BandJob {
  readonly source: Float32Array;
  readonly shape: Zyx;
  readonly target: Float32Array | Float64Array;
  readonly newShape: Zyx;
  readonly planX: AxisPlan | undefined;
  readonly planZ: AxisPlan | undefined;
  readonly ranges: Float32Array;
  readonly clip: ResizeMethod['clip'];
}

/** Output rows `[from, from + nOut)`, from input rows `[first, first + nIn)`. */
type Band = AxisPlan & { readonly first: number; readonly from: number };

/** In-plane work is most of a band; z is the rest. Only the progress shown depends on it. */
const IN_PLANE_SHARE = 0.7;

function* resizeBand(job: BandJob, band: Band): Generator<number, void> {
  const { shape, newShape, ranges } = job;
  const width = newShape[2];
  const halfway = new Float64Array(shape[0] * band.nOut * width);
  const columns = new Float64Array((band.nIn + 2 * PAD) * width);
  const line = new Float64Array(shape[2] + 2 * PAD);
  for (let z = 0; z < shape[0]; z++) {
    resizeRows(job, z, band, line, columns);
    extendLines(columns, band.nIn, width, band.order);
    const offset = z * band.nOut * width;
    evaluateLines(band, columns, width, halfway, offset);
    if (job.clip === 'slice') {
      clipTo(halfway, offset, offset + band.nOut * width, ranges[2 * z], ranges[2 * z + 1]);
    }
    yield (IN_PLANE_SHARE * (z + 1)) / shape[0];
  }
  yield* resizeColumns(job, band, halfway);
}

/** Rows of slice `z`, resized along x, into the sample rows of `columns`. */
function resizeRows(job: BandJob, z: number, band: Band, line: Float64Array, columns: Float64Array): void {
  const { source, shape, planX, newShape } = job;
  const width = newShape[2];
  const nIn = shape[2];
  for (let y = 0; y < band.nIn; y++) {
    const from = (z * shape[1] + band.first + y) * nIn;
    const to = (PAD + y) * width;
    if (planX === undefined) {
      for (let i = 0; i < nIn; i++) columns[to + i] = source[from + i];
      continue;
    }
    for (let i = 0; i < nIn; i++) line[PAD + i] = source[from + i];
    extendLines(line, nIn, 1, planX.order);
    evaluateLine(planX, line, columns, to);
  }
}

/** As `evaluateLines` for a single line, without a loop over its width. */
function evaluateLine(plan: AxisPlan, line: Float64Array, out: Float64Array, offset: number): void {
  const { nOut, taps, start, weights } = plan;
  if (taps === 1) {
    for (let k = 0; k < nOut; k++) out[offset + k] = line[start[k]];
  } else if (taps === 2) {
    for (let k = 0; k < nOut; k++) {
      const s = start[k];
      out[offset + k] = weights[2 * k] * line[s] + weights[2 * k + 1] * line[s + 1];
    }
  } else {
    for (let k = 0; k < nOut; k++) {
      const s = start[k];
      const w = 4 * k;
      out[offset + k] =
        weights[w] * line[s] +
        weights[w + 1] * line[s + 1] +
        weights[w + 2] * line[s + 2] +
        weights[w + 3] * line[s + 3];
    }
  }
}

/** Resizes the half-way volume `[nZ, rows, width]` along z, row by row, into the band's rows of the target. */
function* resizeColumns(job: BandJob, band: Band, halfway: Float64Array): Generator<number, void> {
  const { shape, newShape, target, planZ: plan, ranges, clip } = job;
  const width = newShape[2];
  const plane = newShape[1] * width;
  const columns = new Float64Array((shape[0] + 2 * PAD) * width);
  const result = plan ? new Float64Array(plan.nOut * width) : columns.subarray(PAD * width);
  for (let row = 0; row < band.nOut; row++) {
    for (let z = 0; z < shape[0]; z++) {
      const from = (z * band.nOut + row) * width;
      columns.set(halfway.subarray(from, from + width), (PAD + z) * width);
    }
    if (plan) {
      extendLines(columns, shape[0], width, plan.order);
      evaluateLines(plan, columns, width, result);
    }
    if (clip === 'volume') clipTo(result, 0, newShape[0] * width, ranges[0], ranges[1]);
    for (let z = 0; z < newShape[0]; z++) {
      target.set(result.subarray(z * width, (z + 1) * width), z * plane + (band.from + row) * width);
    }
    yield IN_PLANE_SHARE + ((1 - IN_PLANE_SHARE) * (row + 1)) / band.nOut;
  }
}

function clipTo(values: Float64Array, start: number, end: number, low: number, high: number): void {
  for (let i = start; i < end; i++) {
    const value = values[i];
    if (value < low) values[i] = low;
    else if (value > high) values[i] = high;
  }
}
