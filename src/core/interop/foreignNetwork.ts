// Segmentation networks in ONNX that are not nnU-Net's: a small JSON says what the file does not, and the same sliding
// window, preprocessing and export run them.

import { z } from 'zod';
import { readerByEnding } from '@/core/io/readers';
import type { SourceFile } from '@/core/io/sourceFile';
import type { Architecture, Configuration, Plans, Resampling } from '@/core/planning/plans';
import type { IntensityProperties } from '@/core/preprocessing/normalization/scheme';
import { type NormalizationScheme, normalizationNames } from '@/core/preprocessing/normalization/schemes';
import { StudioError } from '@/shared/errors';
import { parseJson, validate } from './json';
import { type DeclaredLabels, type LabelSet, labelSetOf } from './labels';
import type { ForeignNetwork, NnunetModel, StateDict } from './model';
import { graphFromOnnx, type TranslatedNetwork, UnknownOperator } from './onnxGraph';
import { type ReadOnnxModel, readOnnx } from './onnxReader';
import { orderedRecord } from './orderedRecord';
import type { ReadModel } from './readModel';

/** Key of an ONNX file's metadata under which the JSON may be, instead of beside the file. */
export const NETWORK_METADATA_KEY = 'nnstudio_network';

/** Names under which a foreign network and its JSON are kept: beside each other they are a model again. */
export const NETWORK_FILES = { onnx: 'network.onnx', json: 'network.json' } as const;

const FORMAT_VERSION = 1;

const normalizationScheme = z.enum(normalizationNames());

const normalization = z.union([
  normalizationScheme,
  z.object({
    scheme: normalizationScheme,
    mean: z.number().optional(),
    std: z.number().positive().optional(),
    percentile_00_5: z.number().optional(),
    percentile_99_5: z.number().optional(),
  }),
]);

const label = z.int().min(0);

const schema = z.object({
  version: z.int().min(1).max(FORMAT_VERSION, `this version knows formats up to ${FORMAT_VERSION}`),
  /** What the network is called here. */
  name: z.string().min(1),
  /** Names of the image's channels, in the order of the network's. */
  channels: z.array(z.string()).min(1),
  /** mm, along the network's axes; `null`: images are taken as they are. */
  spacing: z.array(z.number().positive()).min(2).max(3).nullable(),
  /** Voxels, along the network's axes. */
  patch_size: z.array(z.int().min(1)).min(2).max(3),
  /** For all channels, or for each. */
  normalization: z.union([normalization, z.array(normalization)]),
  /** As in nnU-Net's dataset.json. */
  labels: orderedRecord(z.union([label, z.array(label).min(1)])),
  regions_class_order: z.array(label).optional(),
  /** Axes of the input tensor, in order: N, C, and Y, X or Z, Y, X. */
  layout: z.string().optional(),
  /** What the file's output has had applied. */
  activation: z.enum(['none', 'softmax', 'sigmoid']).default('none'),
  /** The network's axes along which mirrored images are as likely. */
  mirror_axes: z.array(z.int().min(0).max(2)).default([]),
  /** Leaves away what is zero in all channels before normalising, as nnU-Net does. */
  crop_to_nonzero: z.boolean().default(false),
  /** Of images, with its dot: decides how they are read. */
  file_ending: z.string().startsWith('.').default('.nii.gz'),
  license: z.string().optional(),
  citation: z.string().optional(),
});

/** The JSON beside a foreign ONNX file, checked. */
export type NetworkDescription = z.output<typeof schema>;
/** The JSON as it may be written: what has a default may be left out. */
export type NetworkDescriptionInput = Omit<z.input<typeof schema>, 'labels'> & {
  readonly labels: DeclaredLabels;
};

/** Reads the JSON. Throws `BadJson` or `BadDescription`, with the path to what is wrong. */
export function readNetworkDescription(text: string, file: string): NetworkDescription {
  const description = validate(schema, parseJson(text, file), file, 'BadDescription');
  const dimensions = description.patch_size.length;
  const wrong = (path: string, what: string) =>
    new StudioError('BadDescription', `${file}: ${path}: ${what}.`, 'Correct the file, then open it again.');
  if (description.spacing && description.spacing.length !== dimensions) {
    throw wrong('spacing', `has ${description.spacing.length} numbers where patch_size has ${dimensions}`);
  }
  if (
    Array.isArray(description.normalization) &&
    description.normalization.length !== description.channels.length
  ) {
    throw wrong(
      'normalization',
      `has ${description.normalization.length} entries for ${description.channels.length} channels`,
    );
  }
  const axes = dimensions === 3 ? 'CNXYZ' : 'CNXY';
  if (description.layout !== undefined && [...description.layout].sort().join('') !== axes) {
    throw wrong(
      'layout',
      `must hold each of ${[...axes].join(', ')} once, such as ${defaultLayout(dimensions)}`,
    );
  }
  if (description.layout !== undefined && !/^N(C[XYZ]+|[XYZ]+C)$/.test(description.layout)) {
    throw wrong('layout', 'must begin with N, and C must be second or last');
  }
  if (description.mirror_axes.some((axis) => axis >= dimensions)) {
    throw wrong('mirror_axes', `must be below ${dimensions}`);
  }
  labelsOf(description, wrong);
  return description;
}

/** What a form can take from the file itself. */
export interface OnnxFacts {
  /** 2 or 3; `undefined` where the input is nothing that a segmentation network takes. */
  readonly dimensions: 2 | 3 | undefined;
  readonly channels: number | undefined;
  readonly classes: number | undefined;
  /** Sizes that the file fixes; `undefined` for those that the caller chooses. */
  readonly patchSize: readonly (number | undefined)[];
  readonly layout: string;
  readonly activation: NetworkDescription['activation'];
}

/** Channels, classes and patch as far as the file fixes them. */
export function onnxFacts({ inputs, outputs, nodes }: ReadOnnxModel): OnnxFacts {
  const shape = inputs[0]?.shape ?? [];
  const output = outputs[0]?.shape ?? [];
  const dimensions = shape.length === 4 ? 2 : shape.length === 5 ? 3 : undefined;
  // Channels are few; the axis behind the batch and the last are where files have them.
  const [second, last] = [numberOf(shape[1]), numberOf(shape.at(-1))];
  const isLast = last !== undefined && last <= 4 && (second === undefined || second > 4);
  const spatial = isLast ? shape.slice(1, -1) : shape.slice(2);
  const axes = dimensions === 2 ? 'YX' : 'ZYX';
  const end = nodes.find((node) => node.outputs.includes(outputs[0]?.name ?? ''))?.operator;
  return {
    dimensions,
    channels: isLast ? last : second,
    classes: numberOf(isLast ? output.at(-1) : output[1]),
    patchSize: spatial.map(numberOf),
    layout: isLast ? `N${axes}C` : `NC${axes}`,
    activation: end === 'Softmax' ? 'softmax' : end === 'Sigmoid' ? 'sigmoid' : 'none',
  };
}

/**
 * A foreign network as a model. Throws `BadOnnx` where the file has no one input and output of 2D or 3D images, and
 * `BadDescription` where file and description contradict each other.
 */
export function foreignModel(
  onnx: ReadOnnxModel,
  file: SourceFile,
  description: NetworkDescription,
): Omit<ReadModel, 'files'> {
  const dimensions = description.patch_size.length;
  const layout = description.layout ?? defaultLayout(dimensions);
  const channelsAre = layout[1] === 'C' ? 'first' : 'last';
  checkAgainstFile(onnx, file.path, description, channelsAre);
  const { translated, reason } = translation(onnx, description, channelsAre);
  const foreignNetwork: ForeignNetwork = {
    engine: translated ? 'graph' : 'onnxruntime',
    ...(reason !== undefined && { reason }),
    channelsAre,
    activation: description.activation,
    cropsToNonzero: description.crop_to_nonzero,
  };
  return {
    model: modelOf(description, layout, foreignNetwork),
    origin: file.path,
    sizeInBytes: file.sizeInBytes,
    loadFold: async () => weightsOfFile(await file.bytes()),
  };
}

/** The graph of a foreign model whose engine is `graph`, and its weights. */
export function foreignGraph(model: NnunetModel, weights: StateDict): TranslatedNetwork {
  const { channelNames, configuration, datasetName } = model;
  const onnx = readOnnx(fileOfWeights(weights), datasetName);
  return graphFromOnnx(onnx, channelNames.length, configuration.patchSize);
}

/** Under this name a whole ONNX file is kept where other models have their weights. */
const ONNX_FILE = 'model.onnx';
const PADDING = 'padding of model.onnx';
/** Bytes of one f32. */
const FLOAT_BYTES = 4;

/** An ONNX file as a state dict: its bytes as they are, padded to whole floats, and how many bytes the padding is. */
export function weightsOfFile(bytes: Uint8Array): StateDict {
  const data = new Float32Array(Math.ceil(bytes.length / FLOAT_BYTES));
  new Uint8Array(data.buffer).set(bytes);
  const padding = Float32Array.of(data.byteLength - bytes.length);
  return new Map([
    [ONNX_FILE, { shape: [data.length], data }],
    [PADDING, { shape: [1], data: padding }],
  ]);
}

/** The file that {@link weightsOfFile} was given. */
export function fileOfWeights(weights: StateDict): Uint8Array {
  const data = weights.get(ONNX_FILE)?.data;
  const padding = weights.get(PADDING)?.data[0];
  if (!data || padding === undefined) throw new Error('foreignNetwork: these weights are no ONNX file');
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength - padding);
}

function numberOf(size: number | string | undefined): number | undefined {
  return typeof size === 'number' && size > 0 ? size : undefined;
}

function defaultLayout(dimensions: number): string {
  return dimensions === 3 ? 'NCZYX' : 'NCYX';
}

function labelsOf(
  { labels, regions_class_order }: NetworkDescription,
  wrong: (path: string, what: string) => StudioError,
): LabelSet {
  try {
    return labelSetOf(labels, regions_class_order);
  } catch (error) {
    throw wrong('labels', error instanceof Error ? error.message : String(error));
  }
}

function checkAgainstFile(
  onnx: ReadOnnxModel,
  path: string,
  description: NetworkDescription,
  channelsAre: ForeignNetwork['channelsAre'],
): void {
  const refuse = (what: string, remedy: string) =>
    new StudioError('BadDescription', `${path} ${what}.`, remedy);
  if (onnx.inputs.length !== 1) {
    throw refuse(
      `takes ${onnx.inputs.length} inputs (${onnx.inputs.map(({ name }) => name).join(', ')}); a network here takes one, the image`,
      'Export the network with the image as its only input.',
    );
  }
  const { shape } = onnx.inputs[0];
  const classes = labelsOf(description, (where, what) => refuse(`${where}: ${what}`, '')).outputChannels;
  const matching = (found: readonly (number | string)[], channels: number) => {
    const expected = inFileOrder(channels, description.patch_size, channelsAre);
    const fits =
      found.length === expected.length &&
      found.every((size, i) => i === 0 || numberOf(size) === undefined || size === expected[i]);
    return { fits, expected };
  };
  const input = matching(shape, description.channels.length);
  if (!input.fits) {
    throw refuse(
      `takes [${shape.join(', ')}], but its description makes that [${input.expected.join(', ')}]`,
      'Correct channels, patch_size or layout in the JSON.',
    );
  }
  const ending = labelOperatorOf(onnx);
  if (ending !== undefined) {
    throw refuse(
      `ends in ${ending}: it gives labels, and logits are needed`,
      'Export the network without its last step, so that it gives one channel of logits or probabilities for each label.',
    );
  }
  const outputShape = onnx.outputs[0].shape;
  const output = matching(outputShape, classes);
  if (outputShape.length > 0 && !output.fits) {
    throw refuse(
      `gives [${outputShape.join(', ')}], but its description makes that [${output.expected.join(', ')}]`,
      'Correct the labels in the JSON: the network has one output channel for each, background included.',
    );
  }
}

/** Operators that only change the form of what they are given. */
const PASS_ON = ['Cast', 'Squeeze', 'Unsqueeze', 'Identity', 'Reshape', 'Transpose', 'Flatten'];
/** Operators that decide: what comes of them says nothing any more of the other labels. */
const DECIDE = [
  'ArgMax',
  'ArgMin',
  'TopK',
  'Greater',
  'GreaterOrEqual',
  'Less',
  'LessOrEqual',
  'Round',
  'OneHot',
];

/** The operator that makes labels of the logits, where the network ends in one. */
function labelOperatorOf({ nodes, outputs }: ReadOnnxModel): string | undefined {
  let node = nodes.find((each) => each.outputs.includes(outputs[0].name));
  for (let steps = 0; node && PASS_ON.includes(node.operator) && steps < nodes.length; steps++) {
    const [input] = node.inputs;
    node = nodes.find((each) => each.outputs.includes(input));
  }
  return node && DECIDE.includes(node.operator) ? node.operator : undefined;
}

function inFileOrder(
  channels: number,
  patchSize: readonly number[],
  channelsAre: ForeignNetwork['channelsAre'],
): readonly (number | string)[] {
  return channelsAre === 'first' ? ['N', channels, ...patchSize] : ['N', ...patchSize, channels];
}

/** Our graph of the network, or in words why there is none. */
function translation(
  onnx: ReadOnnxModel,
  { channels, patch_size }: NetworkDescription,
  channelsAre: ForeignNetwork['channelsAre'],
): { readonly translated: boolean; readonly reason?: string } {
  if (channelsAre === 'last') return { translated: false, reason: 'its channels are last' };
  try {
    graphFromOnnx(onnx, channels.length, patch_size);
    return { translated: true };
  } catch (error) {
    if (!(error instanceof UnknownOperator)) throw error;
    return { translated: false, reason: `our kernels do not know ${error.message}` };
  }
}

function modelOf(
  description: NetworkDescription,
  layout: string,
  foreignNetwork: ForeignNetwork,
): NnunetModel {
  const { name, channels } = description;
  const transposeForward = axesOf(layout);
  const configuration = configurationOf(description);
  const plans: Plans = {
    datasetName: name,
    plansName: 'onnx',
    imageReaderWriter: readerByEnding(description.file_ending).name,
    transposeForward,
    transposeBackward: [
      transposeForward.indexOf(0),
      transposeForward.indexOf(1),
      transposeForward.indexOf(2),
    ],
    foregroundIntensityProperties: perChannel(description).map(intensityProperties),
    configurations: { [configuration.name]: configuration },
  };
  return {
    plans,
    configuration,
    labels: labelSetOf(description.labels, description.regions_class_order),
    channelNames: channels,
    fileEnding: description.file_ending,
    datasetName: name,
    trainerName: 'ONNX',
    folds: [{ fold: 'all', checkpointName: 'model.onnx' }],
    mirrorAxes: description.mirror_axes,
    foreignNetwork,
  };
}

/** The image's axes (0: z, 1: y, 2: x) in the order in which the network has them. */
function axesOf(layout: string): readonly [number, number, number] {
  const axes = [...layout].flatMap((letter) => ('ZYX'.includes(letter) ? ['ZYX'.indexOf(letter)] : []));
  return axes.length === 2 ? [0, axes[0], axes[1]] : [axes[0], axes[1], axes[2]];
}

/** What the plans need to say of a network that is not built from them. */
const NO_ARCHITECTURE: Omit<Architecture, 'kernelSizes'> = {
  networkClass: 'PlainConvUNet',
  nStages: 0,
  featuresPerStage: [],
  strides: [],
  nConvPerStage: [],
  nConvPerStageDecoder: [],
  convBias: true,
  normEps: 1e-5,
  normAffine: true,
  negativeSlope: 0.01,
};

function configurationOf(description: NetworkDescription): Configuration {
  const { spacing, patch_size, channels } = description;
  const functionName = spacing ? 'resample_data_or_seg_to_shape' : 'no_resampling_hack';
  const resampling = (order: number, isSeg: boolean): Resampling => ({
    functionName,
    isSeg,
    order,
    orderZ: 0,
    forceSeparateZ: null,
    separateZAnisotropyThreshold: 3,
  });
  return {
    name: patch_size.length === 2 ? '2d' : '3d',
    dataIdentifier: 'onnx',
    batchSize: 1,
    patchSize: patch_size,
    spacing: spacing ?? patch_size.map(() => 1),
    normalizationSchemes: perChannel(description).map(({ scheme }) => scheme),
    useMaskForNorm: channels.map(() => false),
    resamplingData: resampling(3, false),
    resamplingSeg: resampling(1, true),
    resamplingProbabilities: resampling(1, false),
    architecture: { ...NO_ARCHITECTURE, kernelSizes: [] },
    batchDice: false,
    previousStage: undefined,
  };
}

interface ChannelNormalization {
  readonly scheme: NormalizationScheme;
  readonly mean?: number | undefined;
  readonly std?: number | undefined;
  readonly percentile_00_5?: number | undefined;
  readonly percentile_99_5?: number | undefined;
}

function perChannel({ normalization: given, channels }: NetworkDescription): readonly ChannelNormalization[] {
  return channels.map((_, i) => {
    const each = Array.isArray(given) ? given[i] : given;
    return typeof each === 'string' ? { scheme: each } : each;
  });
}

function intensityProperties({
  mean = 0,
  std = 1,
  percentile_00_5: percentile005 = Number.NEGATIVE_INFINITY,
  percentile_99_5: percentile995 = Number.POSITIVE_INFINITY,
}: ChannelNormalization): IntensityProperties {
  return { mean, std, min: percentile005, max: percentile995, median: mean, percentile005, percentile995 };
}
