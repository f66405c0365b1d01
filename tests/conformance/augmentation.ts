// Augmentation with given decisions against the real nnU-Net's arrays. Tolerances are those of the golden README.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { applyBrightness } from '@/core/augmentation/brightness';
import { applyContrast } from '@/core/augmentation/contrast';
import { applyGamma } from '@/core/augmentation/gamma';
import { applyGaussianBlur, blurKernel } from '@/core/augmentation/gaussianBlur';
import { initialPatchSize, rotationRule } from '@/core/augmentation/initialPatchSize';
import { applyMirror } from '@/core/augmentation/mirror';
import type { ImagePatch, LabelPatch } from '@/core/augmentation/patch';
import { applyRandomBinaryOperator, type BinaryOperator } from '@/core/augmentation/randomBinaryOperator';
import {
  appendChannels,
  deepSupervisionTargets,
  maskOutside,
  oneHot,
  removeOutsideLabel,
  type TargetRule,
} from '@/core/augmentation/segmentationOps';
import { deepSupervisionScales } from '@/core/augmentation/settings';
import { applySimulateLowResolution } from '@/core/augmentation/simulateLowResolution';
import { applySpatial } from '@/core/augmentation/spatial';
import type { NpyArray } from '@/core/io/npy';
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
  for (const row of rows) {
    const { kind }: Row = row;
    const compare = COMPARE[kind];
    if (!compare) throw new Error(`no comparison exists for ${kind}`);
    groups[kind] = [...(groups[kind] ?? []), ...compare(row, arrays)];
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
  gamma: (row: GammaRow, arrays) =>
    intensity(row, arrays, 1.2e-6, (image) =>
      applyGamma(image, {
        kind: 'gamma',
        gammas: row.gamma,
        invertImage: row.invert_image,
        retainStats: row.retain_stats,
      }),
    ),
  contrast: (row: FactorRow, arrays) =>
    intensity(row, arrays, 5e-7, (image) =>
      applyContrast(image, {
        kind: 'contrast',
        factors: row.multipliers,
        preserveRange: row.preserve_range,
      }),
    ),
  brightness: (row: FactorRow, arrays) =>
    intensity(row, arrays, 0, (image) =>
      applyBrightness(image, { kind: 'brightness', factors: row.multipliers }),
    ),
  simulate_low_resolution: (row: ScaleRow, arrays) =>
    intensity(row, arrays, 1e-5, (image) =>
      applySimulateLowResolution(image, {
        kind: 'simulateLowResolution',
        scales: row.scales.map(([...scales]) => (scales.length === 2 ? [1, ...scales] : scales)),
      }),
    ),
  gaussian_blur: (row: BlurRow, arrays) =>
    intensity(row, arrays, 5e-6, (image) =>
      applyGaussianBlur(image, {
        kind: 'gaussianBlur',
        sigmas: row.sigmas.map(([...sigmas]) => (sigmas.length === 2 ? [0, ...sigmas] : sigmas)),
      }),
    ),
  mirror: (row: MirrorRow, arrays) =>
    intensity(row, arrays, 0, (image) =>
      applyMirror(image, {
        kind: 'mirror',
        axes: row.axes.map((axis) => axis + extraAxes(arrays(row.input))),
      }),
    ),
  segmentation_ops: segmentationOps,
  random_binary_operator: binaryOperator,
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

function spatial(row: SpatialRow, arrays: Arrays): Outcome[] {
  const isIn2d = row.dummy_2d || row.patch_size.length === 2;
  const image = imageOf(arrays(`${row.id}__image`));
  const labels = labelsOf(arrays(`${row.id}__seg`));
  const result = applySpatial(
    image,
    labels,
    {
      kind: 'spatial',
      angles: row.angles ? (isIn2d ? row.angles.slice(-1) : row.angles) : undefined,
      scales: row.scales ?? undefined,
    },
    { isIn2d, patchSize: zyx(row.patch_size), imageSampling: 'linear', labelSampling: 'linear' },
  );
  const expected = arrays(`${row.id}__out_seg`).data;
  const error = largestDifference(result.image.data, floats(arrays(`${row.id}__out_image`)));
  const share = countDifferent(result.labels.data, expected) / expected.length;
  return [
    { name: `${row.id} image`, error, tolerance: SPATIAL_TOLERANCE },
    { name: `${row.id} labels`, error: share, tolerance: row.angles || row.scales ? TIE_SHARE : 0 },
  ];
}

interface GammaRow extends Row {
  readonly gamma: readonly number[];
  readonly invert_image: boolean;
  readonly retain_stats: boolean;
}

interface FactorRow extends Row {
  readonly multipliers: readonly number[];
  readonly preserve_range: boolean;
}

interface ScaleRow extends Row {
  readonly scales: readonly (readonly number[])[];
}

interface BlurRow extends Row {
  readonly sigmas: readonly (readonly number[])[];
}

interface MirrorRow extends Row {
  readonly axes: readonly number[];
}

function intensity(
  row: Row,
  arrays: Arrays,
  tolerance: number,
  apply: (image: ImagePatch) => void,
): Outcome[] {
  const image = imageOf(arrays(row.input));
  apply(image);
  const expected = floats(arrays(`${row.id}__out`));
  return [{ name: row.id, error: largestDifference(image.data, expected), tolerance }];
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
