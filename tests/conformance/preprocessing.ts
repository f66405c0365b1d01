// Preprocessing and export against the real nnU-Net's arrays. Tolerances are those of the golden README: data 1e-4,
// labels exact but for ties, normalisation 1e-5, probabilities 1e-5.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type DatasetDescription, readDatasetJson } from '@/core/interop/readDatasetJson';
import type { MedicalImage } from '@/core/io/medicalImage';
import { readCase } from '@/core/io/readers';
import { memoryFile } from '@/core/io/sourceFile';
import type { Configuration, Plans, Resampling } from '@/core/planning/plans';
import { readPlans } from '@/core/planning/readPlans';
import { classLocations } from '@/core/preprocessing/classLocations';
import { logitsToSegmentation } from '@/core/preprocessing/exportPrediction';
import { computeNewShape, separateZAxis } from '@/core/preprocessing/gridShape';
import type { IntensityProperties, NormalizationDefinition } from '@/core/preprocessing/normalization/scheme';
import { findNormalization } from '@/core/preprocessing/normalization/schemes';
import { type PreprocessedArrays, preprocessCase } from '@/core/preprocessing/preprocessCase';
import { resampleChannel } from '@/core/preprocessing/resampleAsync';
import { type ResampleRequest, resampleData, resampleSegmentation } from '@/core/preprocessing/resampling';
import type { Gpu } from '@/gpu/device';
import { openNodeGpu } from '@/gpu/nodeGpu';
import type { Zyx } from '@/shared/geometry';
import { cropToNonzero } from '../support/cropToNonzero';
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
const DATA_TOLERANCE = 1e-4;

export async function run(goldenFolder: string): Promise<TopicResult> {
  const folder = path.join(goldenFolder, 'preprocessing');
  const gpu = await openNodeGpu();
  try {
    return summarise('preprocessing', {
      ...(await preprocessedCases(folder, path.join(goldenFolder, 'fingerprint'), gpu)),
      'new shapes and separate z': newShapes(path.join(folder, 'resampling')),
      ...(await normalizations(path.join(folder, 'normalization'))),
      ...(await resamplings(path.join(folder, 'resampling'), gpu)),
    });
  } finally {
    gpu.close();
  }
}

interface CaseRow {
  readonly dataset: string;
  readonly configuration: string;
  readonly case: string;
  readonly stem: string;
  readonly shape_before_cropping: Zyx;
  readonly bbox_used_for_cropping: readonly (readonly number[])[];
  readonly shape_after_cropping_and_before_resampling: Zyx;
}

/** A raw case with the plans it is preprocessed by. */
interface RawCase {
  readonly image: MedicalImage;
  readonly seg: Float32Array;
  readonly plans: Plans;
  readonly configuration: Configuration;
  readonly dataset: DatasetDescription;
}

async function openRawCase(rawFolder: string, row: CaseRow): Promise<RawCase> {
  const folder = path.join(rawFolder, row.dataset);
  const plansFile = readdirSync(folder).find((name) => /^nnUNetPlans.*\.json$/.test(name));
  if (!plansFile) throw new Error(`${folder} has no plans`);
  const plans = readPlans(readFileSync(path.join(folder, plansFile), 'utf8'), plansFile);
  const dataset = readDatasetJson(readFileSync(path.join(folder, 'dataset.json'), 'utf8'), 'dataset.json');
  const images = path.join(folder, 'imagesTr');
  const channelFiles = readdirSync(images)
    .filter((name) => name.startsWith(`${row.case}_`) && name.endsWith(dataset.fileEnding))
    .sort();
  const labelFile = path.join(folder, 'labelsTr', row.case + dataset.fileEnding);
  const seg = await readImage([labelFile], plans);
  return {
    image: await readImage(
      channelFiles.map((name) => path.join(images, name)),
      plans,
    ),
    seg: seg.data,
    plans,
    configuration: plans.configurations[row.configuration],
    dataset,
  };
}

async function readImage(files: readonly string[], plans: Plans): Promise<MedicalImage> {
  const sources = files.map((file) => memoryFile(new Uint8Array(readFileSync(file)), file));
  return readCase(sources, plans.imageReaderWriter);
}

async function preprocessedCases(folder: string, rawFolder: string, gpu: Gpu) {
  const properties: Outcome[] = [];
  const onCpu: Outcome[] = [];
  const onGpu: Outcome[] = [];
  const labels: Outcome[] = [];
  const locations: Outcome[] = [];
  const exports: Outcome[] = [];
  for (const row of readJsonLines<CaseRow>(path.join(folder, 'cases.jsonl'))) {
    const raw = await openRawCase(rawFolder, row);
    const file = path.join(folder, 'cases', row.stem);
    const data = floats((await openArrays(`${file}_data.npz`))('data'));
    const seg = await openArrays(`${file}_seg.npz`);
    const trained = await preprocessCase(raw);
    const inferred = await preprocessCase({ ...raw, seg: undefined, shouldReturnSeg: true });
    const withGpu = await preprocessCase({ ...raw, gpu, gpuFromVoxels: 0 });
    const name = row.stem;
    properties.push(exactOutcome(name, hasProperties(trained, row), JSON.stringify(trained.properties)));
    const toData = ({ data: actual }: PreprocessedArrays): Outcome => ({
      name,
      error: largestDifference(actual, data),
      tolerance: DATA_TOLERANCE,
    });
    onCpu.push(toData(trained), toData(inferred));
    onGpu.push(toData(withGpu));
    labels.push(
      sameLabels(`${name} with labels`, trained.seg, seg('seg').data),
      sameLabels(`${name} without labels`, inferred.seg, seg('seg_inference').data),
    );
    if (existsSync(`${file}_class_locations.npz`))
      locations.push(...(await sampledLocations(name, `${file}_class_locations.npz`, trained, raw.dataset)));
    if (!existsSync(`${file}_export.npz`)) continue;
    exports.push(...(await exportedCase(name, `${file}_export.npz`, raw, trained)));
  }
  return {
    'case shapes and boxes': properties,
    'case data on the CPU': onCpu,
    'case data on the GPU': onGpu,
    'case labels': labels,
    'class locations': locations,
    export: exports,
  };
}

/** Every class's rows `(0, z, y, x)`, in the order in which they were drawn. */
async function sampledLocations(
  name: string,
  file: string,
  { seg, shape }: PreprocessedArrays,
  { labels }: DatasetDescription,
): Promise<Outcome[]> {
  if (!seg) throw new Error(`${name}: no labels`);
  const arrays = await openArrays(file);
  return classLocations(seg, labels).map(({ labels: values, isRegion, voxels }) => {
    const key = isRegion ? `(${values.join(', ')})` : `${values[0]}`;
    const rows = [...voxels].flatMap((voxel) => {
      const [y, z] = [Math.floor(voxel / shape[3]) % shape[2], Math.floor(voxel / (shape[3] * shape[2]))];
      return [0, z, y, voxel % shape[3]];
    });
    return { name: `${name} ${key}`, error: countDifferent(rows, arrays(key).data), tolerance: 0 };
  });
}

function hasProperties({ properties }: PreprocessedArrays, row: CaseRow): boolean {
  return (
    `${properties.shapeBeforeCropping}` === `${row.shape_before_cropping}` &&
    `${properties.bboxUsedForCropping}` === `${row.bbox_used_for_cropping}` &&
    `${properties.shapeAfterCroppingAndBeforeResampling}` ===
      `${row.shape_after_cropping_and_before_resampling}`
  );
}

function sameLabels(name: string, actual: ArrayLike<number> = [], expected: ArrayLike<number>): Outcome {
  return { name, error: countDifferent(actual, expected) / expected.length, tolerance: TIE_SHARE };
}

const PROBABILITY_TOLERANCE = 1e-5;

async function exportedCase(
  name: string,
  file: string,
  { plans, configuration, dataset }: RawCase,
  { shape, properties }: PreprocessedArrays,
): Promise<Outcome[]> {
  const arrays = await openArrays(file);
  const { segmentation, probabilities = new Float32Array() } = logitsToSegmentation({
    logits: floats(arrays('logits')),
    shape: [shape[1], shape[2], shape[3]],
    properties,
    plans,
    configuration,
    labels: dataset.labels,
    shouldReturnProbabilities: true,
  });
  const expected = arrays('segmentation').data;
  const differing = decidedDifferences(segmentation, expected, probabilities, dataset.labels.hasRegions);
  return [
    {
      name: `${name} probabilities`,
      error: largestDifference(probabilities, floats(arrays('probabilities'))),
      tolerance: PROBABILITY_TOLERANCE,
    },
    { name: `${name} segmentation`, error: differing, tolerance: 0 },
  ];
}

/** Voxels that differ although the decision is not within the tolerance of a tie. */
function decidedDifferences(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  probabilities: Float32Array,
  hasRegions: boolean,
): number {
  let count = 0;
  const size = expected.length;
  for (let i = 0; i < size; i++) {
    if (actual[i] === expected[i]) continue;
    const scores: number[] = [];
    for (let at = i; at < probabilities.length; at += size) scores.push(probabilities[at]);
    scores.sort((a, b) => b - a);
    const margin = hasRegions
      ? Math.min(...scores.map((score) => Math.abs(score - 0.5)))
      : scores[0] - scores[1];
    if (margin > PROBABILITY_TOLERANCE) count++;
  }
  return count;
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
    const scheme = findNormalization(row.scheme);
    if (scheme) normalization.push(normalized(scheme, row, arrays));
    else cropping.push(...cropped(row, arrays));
  }
  return { normalization, 'crop to nonzero': cropping };
}

type Arrays = Awaited<ReturnType<typeof openArrays>>;

function normalized({ normalize }: NormalizationDefinition, row: NormalizationRow, arrays: Arrays): Outcome {
  const channel = floats(arrays(`${row.id}_in`)).slice();
  const seg = arrays(`${row.id}_seg`).data;
  const mask = row.use_mask_for_norm ? Uint8Array.from(seg, (label) => (label >= 0 ? 1 : 0)) : undefined;
  normalize(channel, {
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
      tolerance: DATA_TOLERANCE,
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
