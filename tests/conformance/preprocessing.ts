// Preprocessing and export against the real nnU-Net's arrays. Tolerances are those of the golden README: data 1e-4,
// labels exact but for ties, normalisation 1e-5, probabilities 1e-5.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { IntensityProperties, NormalizationScheme, Resampling } from '@/core/planning/plans';
import { cropToNonzero } from '@/core/preprocessing/cropToNonzero';
import { computeNewShape, separateZAxis } from '@/core/preprocessing/gridShape';
import { NORMALIZATIONS } from '@/core/preprocessing/normalization';
import { resampleChannel } from '@/core/preprocessing/resampleAsync';
import { type ResampleRequest, resampleData, resampleSegmentation } from '@/core/preprocessing/resampling';
import type { Gpu } from '@/gpu/device';
import { openNodeGpu } from '@/gpu/nodeGpu';
import type { Zyx } from '@/shared/geometry';
import {
  countDifferent,
  exactOutcome,
  floats,
  largestDifference,
  type Outcome,
  openArrays,
  readJsonLines,
  summarise,
} from '../support/golden';
import type { TopicResult } from './topic';

/** Share of voxels in which labels tied at ½ may fall either way. */
const TIE_SHARE = 1e-4;
const GPU_TOLERANCE = 1e-4;

export async function run(goldenFolder: string): Promise<TopicResult> {
  const folder = path.join(goldenFolder, 'preprocessing');
  const gpu = await openNodeGpu();
  try {
    return summarise('preprocessing', {
      'new shapes and separate z': newShapes(path.join(folder, 'resampling')),
      ...(await normalizations(path.join(folder, 'normalization'))),
      ...(await resamplings(path.join(folder, 'resampling'), gpu)),
    });
  } finally {
    gpu.close();
  }
}

interface NewShapeRow {
  readonly shape: Zyx;
  readonly spacing: Zyx;
  readonly new_spacing: Zyx;
  readonly new_shape: Zyx;
  readonly do_separate_z: boolean;
  readonly axis: number | null;
}

const SEPARATE_Z_FROM_SPACING = { forceSeparateZ: null, separateZAnisotropyThreshold: 3 };

function newShapes(folder: string): Outcome[] {
  const rows = readJsonLines<NewShapeRow>(path.join(folder, 'new_shape_and_separate_z.jsonl'));
  return rows.map((row) => {
    const shape = computeNewShape(row.shape, row.spacing, row.new_spacing);
    const axis = separateZAxis(SEPARATE_Z_FROM_SPACING, row.spacing, row.new_spacing);
    const isRight = `${shape}` === `${row.new_shape}` && axis === (row.axis ?? undefined);
    return exactOutcome(`${row.shape} at ${row.spacing} to ${row.new_spacing}`, isRight, `${shape} ${axis}`);
  });
}

interface NormalizationRow {
  readonly id: string;
  readonly scheme: string;
  readonly use_mask_for_norm?: boolean;
  readonly intensityproperties?: Readonly<Record<string, number>>;
  readonly bbox?: readonly (readonly number[])[];
}

const NORMALIZATION_TOLERANCE = 1e-5;

async function normalizations(folder: string): Promise<Record<string, Outcome[]>> {
  const rows: NormalizationRow[] = JSON.parse(readFileSync(path.join(folder, 'normalization.json'), 'utf8'));
  const arrays = await openArrays(path.join(folder, 'arrays.npz'));
  const normalization: Outcome[] = [];
  const cropping: Outcome[] = [];
  for (const row of rows) {
    if (row.scheme in NORMALIZATIONS) normalization.push(normalized(row, arrays));
    else cropping.push(...cropped(row, arrays));
  }
  return { normalization, 'crop to nonzero': cropping };
}

type Arrays = Awaited<ReturnType<typeof openArrays>>;

function normalized(row: NormalizationRow, arrays: Arrays): Outcome {
  const channel = floats(arrays(`${row.id}_in`)).slice();
  const seg = arrays(`${row.id}_seg`).data;
  const mask = row.use_mask_for_norm ? Uint8Array.from(seg, (label) => (label >= 0 ? 1 : 0)) : undefined;
  NORMALIZATIONS[row.scheme as NormalizationScheme](channel, {
    mask,
    intensity: intensityOf(row.intensityproperties ?? {}),
  });
  return {
    name: row.id,
    error: largestDifference(channel, floats(arrays(`${row.id}_out`))),
    tolerance: NORMALIZATION_TOLERANCE,
  };
}

function intensityOf(properties: Readonly<Record<string, number>>): IntensityProperties {
  return {
    mean: properties.mean,
    std: properties.std,
    min: properties.min,
    max: properties.max,
    median: properties.median,
    percentile005: properties.percentile_00_5,
    percentile995: properties.percentile_99_5,
  };
}

function cropped(row: NormalizationRow, arrays: Arrays): Outcome[] {
  const input = arrays(`${row.id}_in`);
  const [channels, ...shape] = input.shape;
  const zyx = shape as unknown as Zyx;
  const seg = Int16Array.from(arrays(`${row.id}_seg`).data);
  const withSeg = cropToNonzero(floats(input), channels, zyx, seg);
  const withoutSeg = cropToNonzero(floats(input), channels, zyx);
  const isSame = (actual: ArrayLike<number>, name: string) =>
    countDifferent(actual, arrays(`${row.id}_out_${name}`).data) === 0;
  return [
    exactOutcome(`${row.id} box`, `${withSeg.box}` === `${row.bbox}`, `${withSeg.box}`),
    exactOutcome(`${row.id} data`, isSame(withSeg.data, 'data')),
    exactOutcome(`${row.id} seg`, isSame(withSeg.seg, 'seg')),
    exactOutcome(`${row.id} without seg`, isSame(withoutSeg.seg, 'seg_noseg')),
  ];
}

interface ResamplingRow {
  readonly id: string;
  readonly input: string;
  readonly new_shape: Zyx;
  readonly current_spacing: Zyx;
  readonly new_spacing: Zyx;
  readonly kwargs: {
    readonly is_seg: boolean;
    readonly order: number;
    readonly order_z: number;
    readonly force_separate_z: boolean | null;
  };
}

function resamplingOf({ kwargs }: ResamplingRow): Resampling {
  return {
    functionName: 'resample_data_or_seg_to_shape',
    isSeg: kwargs.is_seg,
    order: kwargs.order,
    orderZ: kwargs.order_z,
    forceSeparateZ: kwargs.force_separate_z,
    separateZAnisotropyThreshold: 3,
  };
}

async function resamplings(folder: string, gpu: Gpu): Promise<Record<string, Outcome[]>> {
  const rows: ResamplingRow[] = JSON.parse(readFileSync(path.join(folder, 'resampling.json'), 'utf8'));
  const arrays = await openArrays(path.join(folder, 'arrays.npz'));
  const onCpu: Outcome[] = [];
  const onGpu: Outcome[] = [];
  const labels: Outcome[] = [];
  for (const row of rows) {
    const input = arrays(row.input);
    const [channels, ...shape] = input.shape;
    const request: ResampleRequest = {
      shape: shape as unknown as Zyx,
      newShape: row.new_shape,
      spacing: row.current_spacing,
      newSpacing: row.new_spacing,
      resampling: resamplingOf(row),
    };
    const expected = arrays(row.id);
    if (row.kwargs.is_seg) {
      const seg = resampleSegmentation(Int16Array.from(input.data), request);
      const share = countDifferent(seg, expected.data) / seg.length;
      labels.push({ name: row.id, error: share, tolerance: TIE_SHARE });
      continue;
    }
    const data = resampleData(floats(input), channels, request);
    const tolerance = row.kwargs.order === 3 ? 5e-5 : 1e-5;
    onCpu.push({ name: row.id, error: largestDifference(data, floats(expected)), tolerance });
    const gpuData = await resampleOnGpu(gpu, floats(input), channels, request);
    onGpu.push({
      name: row.id,
      error: largestDifference(gpuData, floats(expected)),
      tolerance: GPU_TOLERANCE,
    });
  }
  return { 'resampling on the CPU': onCpu, 'resampling on the GPU': onGpu, 'resampling of labels': labels };
}

async function resampleOnGpu(
  gpu: Gpu,
  data: Float32Array,
  channels: number,
  request: ResampleRequest,
): Promise<Float32Array> {
  const size = data.length / channels;
  const newSize = request.newShape.reduce((product, n) => product * n, 1);
  const result = new Float32Array(channels * newSize);
  for (let c = 0; c < channels; c++) {
    await resampleChannel(
      data.subarray(c * size, (c + 1) * size),
      result.subarray(c * newSize, (c + 1) * newSize),
      request,
      { gpu, gpuFromVoxels: 0 },
    );
  }
  return result;
}
