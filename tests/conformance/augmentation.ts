// Augmentation with given decisions against the real nnU-Net's arrays. Tolerances are those of the golden README.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { applyTransform, type Sample } from '@/core/augmentation/applyAugmentation';
import type { AugmentationParameters, Transform } from '@/core/augmentation/drawAugmentation';
import { blurKernel } from '@/core/augmentation/gaussianBlur';
import { initialPatchSize, rotationRule } from '@/core/augmentation/initialPatchSize';
import { type ImagePatch, type LabelPatch, planeLength } from '@/core/augmentation/patch';
import { applyRandomBinaryOperator, type BinaryOperator } from '@/core/augmentation/randomBinaryOperator';
import {
  appendChannels,
  deepSupervisionTargets,
  maskOutside,
  oneHot,
  removeOutsideLabel,
  type TargetRule,
} from '@/core/augmentation/segmentationOps';
import {
  type AugmentationSettings,
  augmentationSettings,
  deepSupervisionScales,
} from '@/core/augmentation/settings';
import { applySpatial, type Spatial } from '@/core/augmentation/spatial';
import type { NpyArray } from '@/core/io/npy';
import type { Gpu } from '@/gpu/device';
import { openNodeGpu } from '@/gpu/nodeGpu';
import { packLabels, packRegions } from '@/kernels/losses/target';
import type { Zyx } from '@/shared/geometry';
import { augmentOnGpu } from '../support/augmenter';
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

type Arrays = Awaited<ReturnType<typeof openArrays>>;

interface Row {
  readonly id: string;
  readonly kind: string;
  readonly input: string;
}

export async function run(goldenFolder: string): Promise<TopicResult> {
  const folder = path.join(goldenFolder, 'augmentation');
  if (!existsSync(folder)) return summarise('augmentation', {});
  const rows: never[] = JSON.parse(readFileSync(path.join(folder, 'augmentation.json'), 'utf8'));
  const arrays = await openArrays(path.join(folder, 'arrays.npz'));
  const groups: Record<string, Outcome[]> = {
    'initial patch size': patchSizes(path.join(folder, 'initial_patch_size.jsonl')),
    'blur kernels': kernels(path.join(folder, 'blur_kernels.json')),
  };
  const add = (group: string, outcomes: readonly Outcome[]) => {
    groups[group] = [...(groups[group] ?? []), ...outcomes];
  };
  for (const row of rows) {
    const { kind }: Row = row;
    const compare = COMPARE[kind];
    if (!compare) throw new Error(`no comparison exists for ${kind}`);
    add(`${kind} on the CPU`, compare(row, arrays));
  }
  const gpu = await openNodeGpu();
  try {
    for (const row of rows) {
      const { kind }: Row = row;
      const compare = COMPARE_ON_GPU[kind];
      if (compare) add(`${kind} on the GPU`, await compare(row, arrays, gpu));
    }
  } finally {
    gpu.close();
  }
  return summarise('augmentation', groups);
}

interface PatchSizeRow {
  readonly patch_size: readonly number[];
  readonly rotation_for_DA: readonly [number, number];
  readonly do_dummy_2d_data_aug: boolean;
  readonly initial_patch_size: readonly number[];
  readonly mirror_axes: readonly number[];
}

function patchSizes(file: string): Outcome[] {
  return readJsonLines<PatchSizeRow>(file).map((row) => {
    const rule = rotationRule(row.patch_size);
    const size = initialPatchSize(row.patch_size, rule);
    const isRight =
      rule.isDummy2d === row.do_dummy_2d_data_aug &&
      rule.maxAngle === row.rotation_for_DA[1] &&
      -rule.maxAngle === row.rotation_for_DA[0] &&
      `${size}` === `${row.initial_patch_size}` &&
      `${row.patch_size.map((_, axis) => axis)}` === `${row.mirror_axes}`;
    return exactOutcome(`${row.patch_size}`, isRight, `${size} ${JSON.stringify(rule)}`);
  });
}

function kernels(file: string): Outcome[] {
  const rows: { sigma: number; kernel: number[] }[] = JSON.parse(readFileSync(file, 'utf8'));
  return rows.map(({ sigma, kernel }) => ({
    name: `sigma ${sigma}`,
    error: largestDifference(blurKernel(sigma), kernel),
    tolerance: 1e-7,
  }));
}

const COMPARE: Readonly<Record<string, (row: never, arrays: Arrays) => Outcome[]>> = {
  spatial,
  gamma: intensity,
  contrast: intensity,
  brightness: intensity,
  simulate_low_resolution: intensity,
  gaussian_blur: intensity,
  mirror: intensity,
  segmentation_ops: segmentationOps,
  random_binary_operator: binaryOperator,
};

/** Kinds that the CPU does in any case are absent. */
const COMPARE_ON_GPU: Readonly<Record<string, (row: never, arrays: Arrays, gpu: Gpu) => Promise<Outcome[]>>> =
  {
    spatial: spatialOnGpu,
    gamma: intensityOnGpu,
    contrast: intensityOnGpu,
    brightness: intensityOnGpu,
    simulate_low_resolution: intensityOnGpu,
    gaussian_blur: intensityOnGpu,
    mirror: intensityOnGpu,
    segmentation_ops: segmentationOpsOnGpu,
  };

interface SpatialRow extends Row {
  readonly patch_size: readonly number[];
  readonly angles: readonly number[] | null;
  readonly scales: readonly number[] | null;
  readonly dummy_2d: boolean;
}

const SPATIAL_TOLERANCE = 5e-5;
/** Share of label voxels that may fall either way at ties. */
const TIE_SHARE = 1e-3;

function spatialOf({ angles, scales, dummy_2d, patch_size }: SpatialRow): {
  transform: Spatial;
  isIn2d: boolean;
} {
  const isIn2d = dummy_2d || patch_size.length === 2;
  const own = angles && isIn2d ? angles.slice(-1) : angles;
  return { isIn2d, transform: { kind: 'spatial', angles: own ?? undefined, scales: scales ?? undefined } };
}

function spatial(row: SpatialRow, arrays: Arrays): Outcome[] {
  const { transform, isIn2d } = spatialOf(row);
  const image = imageOf(arrays(`${row.id}__image`));
  const labels = labelsOf(arrays(`${row.id}__seg`));
  const patchSize = zyx(row.patch_size);
  const sampling = { imageSampling: 'linear', labelSampling: 'linear' } as const;
  const result = applySpatial(image, labels, transform, { isIn2d, patchSize, ...sampling });
  return spatialOutcomes(row, arrays, result.image.data, result.labels.data);
}

function spatialOutcomes(
  row: SpatialRow,
  arrays: Arrays,
  image: Float32Array,
  labels: ArrayLike<number>,
): Outcome[] {
  const expected = arrays(`${row.id}__out_seg`).data;
  const error = largestDifference(image, floats(arrays(`${row.id}__out_image`)));
  const share = countDifferent(labels, expected) / expected.length;
  return [
    { name: `${row.id} image`, error, tolerance: SPATIAL_TOLERANCE },
    { name: `${row.id} labels`, error: share, tolerance: row.angles || row.scales ? TIE_SHARE : 0 },
  ];
}

/** A further channel of ones, masked, shows where labels are −1: targets do not. */
async function spatialOnGpu(row: SpatialRow, arrays: Arrays, gpu: Gpu): Promise<Outcome[]> {
  const { transform, isIn2d } = spatialOf(row);
  const image = imageOf(arrays(`${row.id}__image`));
  const labels = labelsOf(arrays(`${row.id}__seg`));
  const ones = new Float32Array(planeLength(image)).fill(1);
  const sample = { image: appendChannels(image, ones), labels };
  const settings = {
    ...settingsFor(sample, zyx(row.patch_size)),
    isDummy2d: isIn2d,
    maskedChannels: [image.channels],
  };
  const { image: data, targets } = await augmentOnGpu(gpu, settings, [sample], [parametersOf(transform)]);
  const shown = data.length - data.length / sample.image.channels;
  const found = Array.from(targets[0].subarray(0, data.length - shown), (label, i) =>
    data[shown + i] === 0 ? -1 : label,
  );
  return spatialOutcomes(row, arrays, data.slice(0, shown), found);
}

/** What a device needs to know to apply the given transforms alone. */
function settingsFor({ image, labels }: Sample, patchSize: Zyx): AugmentationSettings {
  const settings = augmentationSettings({
    patchSize: [...patchSize],
    channels: image.channels,
    useMaskForNorm: [],
    labels: { allLabels: [0], hasRegions: false, foregroundRegions: [], ignoreLabel: undefined },
    hasPreviousStage: false,
    strides: undefined,
  });
  return { ...settings, initialPatchSize: labels.shape };
}

function parametersOf(...transforms: Transform[]): AugmentationParameters {
  return { transforms, binaryOperations: [], componentRemovals: [] };
}

/** Fields of the rows of all intensity transforms, and of mirroring; each kind has its own. */
interface IntensityRow extends Row {
  readonly gamma: readonly number[];
  readonly invert_image: boolean;
  readonly retain_stats: boolean;
  readonly multipliers: readonly number[];
  readonly preserve_range: boolean;
  readonly scales: readonly (readonly number[])[];
  readonly sigmas: readonly (readonly number[])[];
  readonly axes: readonly number[];
}

type IntensityKind = Exclude<Transform['kind'], 'spatial' | 'gaussianNoise'>;
type KnownTransform = Extract<Transform, { kind: IntensityKind }>;

/** With the tolerance of its kind. */
function transformOf(
  row: IntensityRow,
  axesBefore: number,
): { transform: KnownTransform; tolerance: number } {
  const padded = (values: readonly number[], value: number) =>
    axesBefore === 1 ? [value, ...values] : values;
  switch (row.kind) {
    case 'gamma': {
      const { gamma: gammas, invert_image: invertImage, retain_stats: retainStats } = row;
      return { transform: { kind: 'gamma', gammas, invertImage, retainStats }, tolerance: 1.2e-6 };
    }
    case 'contrast': {
      const { multipliers: factors, preserve_range: preserveRange } = row;
      return { transform: { kind: 'contrast', factors, preserveRange }, tolerance: 5e-7 };
    }
    case 'brightness':
      return { transform: { kind: 'brightness', factors: row.multipliers }, tolerance: 0 };
    case 'simulate_low_resolution': {
      const scales = row.scales.map((ofChannel) => padded(ofChannel, 1));
      return { transform: { kind: 'simulateLowResolution', scales }, tolerance: 1e-5 };
    }
    case 'gaussian_blur': {
      const sigmas = row.sigmas.map((ofChannel) => padded(ofChannel, 0));
      return { transform: { kind: 'gaussianBlur', sigmas }, tolerance: 5e-6 };
    }
    case 'mirror': {
      const axes = row.axes.map((axis) => axis + axesBefore);
      return { transform: { kind: 'mirror', axes }, tolerance: 0 };
    }
    default:
      throw new Error(`unknown kind ${row.kind}`);
  }
}

function intensity(row: IntensityRow, arrays: Arrays): Outcome[] {
  const image = imageOf(arrays(row.input));
  const { transform, tolerance } = transformOf(row, extraAxes(arrays(row.input)));
  applyTransform({ image, labels: background(image.shape) }, transform, { dimension: 3 });
  const expected = floats(arrays(`${row.id}__out`));
  return [{ name: row.id, error: largestDifference(image.data, expected), tolerance }];
}

async function intensityOnGpu(row: IntensityRow, arrays: Arrays, gpu: Gpu): Promise<Outcome[]> {
  const image = imageOf(arrays(row.input));
  const { transform, tolerance } = transformOf(row, extraAxes(arrays(row.input)));
  const sample = { image, labels: background(image.shape) };
  const settings = settingsFor(sample, image.shape);
  const found = await augmentOnGpu(gpu, settings, [sample], [parametersOf(transform)]);
  const expected = floats(arrays(`${row.id}__out`));
  return [{ name: row.id, error: largestDifference(found.image, expected), tolerance }];
}

function background(shape: Zyx): LabelPatch {
  return { data: new Int16Array(planeLength({ shape })), channels: 1, shape };
}

interface SegmentationRow extends Row {
  readonly strides: readonly (readonly number[])[];
  readonly ds_scales: readonly (readonly number[])[];
  /** The ignore label, a number, comes last. */
  readonly regions: readonly (readonly number[] | number)[];
  readonly masked_channels: readonly number[];
  readonly onehot_labels: readonly number[];
}

function segmentationOps(row: SegmentationRow, arrays: Arrays): Outcome[] {
  const image = imageOf(arrays(`${row.id}__image`));
  const labels = labelsOf(arrays(`${row.id}__seg`));
  const previous = labelsOf(arrays(`${row.id}__prev_seg`));
  const same = (name: string, actual: ArrayLike<number>) =>
    exactOutcome(`${row.id} ${name}`, countDifferent(actual, arrays(`${row.id}__${name}`).data) === 0);

  const withPrevious = appendChannels(image, oneHot(previous, 0, row.onehot_labels));
  const masked = { ...image, data: image.data.slice() };
  maskOutside(masked, labels, row.masked_channels);
  removeOutsideLabel(labels);
  const dimension = row.strides[0].length === 2 ? 2 : 3;
  const scales = deepSupervisionScales(row.strides, dimension);
  const shapes = scales.map((_, head) => zyx(arrays(`${row.id}__ds${head}`).shape.slice(1)));
  const target: TargetRule = {
    kind: 'regions',
    regions: row.regions.filter((region) => typeof region !== 'number'),
    ignoreLabel: row.regions.find((region) => typeof region === 'number'),
  };
  return [
    same('removed', labels.data),
    same('regions', deepSupervisionTargets(labels, target, [labels.shape])[0]),
    same('masked_image', masked.data),
    same('onehot_image', withPrevious.data),
    exactOutcome(`${row.id} scales`, JSON.stringify(scales) === JSON.stringify(row.ds_scales)),
    ...deepSupervisionTargets(labels, { kind: 'labels' }, shapes).map((found, head) =>
      same(`ds${head}`, found),
    ),
  ];
}

async function segmentationOpsOnGpu(row: SegmentationRow, arrays: Arrays, gpu: Gpu): Promise<Outcome[]> {
  const image = imageOf(arrays(`${row.id}__image`));
  const seg = labelsOf(arrays(`${row.id}__seg`));
  const previous = labelsOf(arrays(`${row.id}__prev_seg`));
  const labels = { ...seg, channels: 2, data: Int16Array.of(...seg.data, ...previous.data) };
  const sample = { image, labels };
  const regions = row.regions.filter((region) => typeof region !== 'number');
  const ignoreLabel = row.regions.find((region) => typeof region === 'number');
  const shapes = row.ds_scales.map((_, head) => zyx(arrays(`${row.id}__ds${head}`).shape.slice(1)));
  const settings: AugmentationSettings = {
    ...settingsFor(sample, image.shape),
    recipe: [],
    maskedChannels: row.masked_channels,
    previousStageLabels: row.onehot_labels,
    targetShapes: shapes,
  };
  const target: TargetRule = { kind: 'regions', regions, ignoreLabel };
  const asLabels = await augmentOnGpu(gpu, settings, [sample], [parametersOf()]);
  const asRegions = await augmentOnGpu(gpu, { ...settings, target }, [sample], [parametersOf()]);
  const masked = floats(arrays(`${row.id}__masked_image`));
  const oneHots = floats(arrays(`${row.id}__onehot_image`)).subarray(masked.length);
  const expectedRegions = arrays(`${row.id}__regions`);
  const packed = packRegions(expectedRegions.data, expectedRegions.shape[0], planeLength(image));
  const same = (name: string, actual: ArrayLike<number>, expected: ArrayLike<number>) =>
    exactOutcome(`${row.id} ${name}`, countDifferent(actual, expected) === 0);
  return [
    same('image', asLabels.image, Float32Array.of(...masked, ...oneHots)),
    same('regions', asRegions.targets[0], new Uint8Array(packed.buffer)),
    ...shapes.map((_, head) => {
      const expected = packLabels(arrays(`${row.id}__ds${head}`).data);
      return same(`ds${head}`, asLabels.targets[head], new Uint8Array(expected.buffer));
    }),
  ];
}

interface BinaryRow extends Row {
  readonly operator: BinaryOperator;
  readonly strel_size: number;
  readonly channel: number;
  readonly onehot_labels: readonly number[];
}

function binaryOperator(row: BinaryRow, arrays: Arrays): Outcome[] {
  const input = arrays(row.input);
  const labels = labelsOf(input);
  const channels = row.onehot_labels.length;
  const image = { data: oneHot(labels, 0, row.onehot_labels), channels, shape: labels.shape };
  const operation = { label: channels + row.channel, operator: row.operator, radius: row.strel_size };
  applyRandomBinaryOperator(image, operation, extraAxes(input) === 1);
  const different = countDifferent(image.data, arrays(`${row.id}__out`).data);
  return [{ name: row.id, error: different, tolerance: 0 }];
}

function imageOf(array: NpyArray): ImagePatch {
  return { data: floats(array).slice(), channels: array.shape[0], shape: zyx(array.shape.slice(1)) };
}

function labelsOf(array: NpyArray): LabelPatch {
  return {
    data: Int16Array.from(array.data),
    channels: array.shape[0],
    shape: zyx(array.shape.slice(1)),
  };
}

/** How many axes a 2D array lacks. */
function extraAxes({ shape }: NpyArray): number {
  return 4 - shape.length;
}

function zyx(shape: readonly number[]): Zyx {
  return shape.length === 2 ? [1, shape[0], shape[1]] : [shape[0], shape[1], shape[2]];
}
