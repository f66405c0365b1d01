// A whole nnU-Net model as one ONNX file, and back. The file's metadata has one key, `nnstudio`, with JSON: dataset.json and
// plans as nnU-Net wrote them, and in plain words what somebody needs who runs the file with onnxruntime alone.

import { z } from 'zod';
import { type SourceFile, textFile } from '@/core/io/sourceFile';
import { readAnyPlans } from '@/core/planning/anyPlans';
import type { Configuration, Plans } from '@/core/planning/plans';
import { configurationOf, readPlans } from '@/core/planning/readPlans';
import { plansJson } from '@/core/planning/writePlans';
import { topologicalOrder, type Value } from '@/graph/value';
import { buildUNet, UNET_INPUT } from '@/nn/unet';
import { StudioError } from '@/shared/errors';
import { elementCount } from '@/shared/geometry';
import { formatBytes } from '@/shared/numeric';
import { assertFiniteWeights } from './finiteWeights';
import { parseJson, validate } from './json';
import { networkInputChannels } from './labels';
import type { NnunetModel, StateDict, WeightTensor } from './model';
import { NNUNET_FILES } from './nnunetFiles';
import { exportFoldsToOnnx, ONNX_OUTPUT, weightsOfExport } from './onnxExport';
import type { ReadOnnxModel } from './onnxReader';
import { pythonJson } from './pythonJson';
import { readDatasetJson } from './readDatasetJson';
import type { ReadModel } from './readModel';
import { checkParameters, expectedParameters } from './stateDict';
import { trainedArchitecture } from './trainedArchitecture';

/** Key of the file's metadata under which everything about the model is. */
const ONNX_METADATA_KEY = 'nnstudio';

/** Version of what is under {@link ONNX_METADATA_KEY}; a reader refuses higher ones. */
const FORMAT_VERSION = 1;

/** Width of the Gaussian that weighs a window's voxels, as a share of the patch: nnU-Net's. */
const GAUSSIAN_SIGMA = 0.125;
/** nnU-Net's default step between windows, as a share of the patch. */
const TILE_STEP_SIZE = 0.5;
/** A protobuf message cannot be longer. */
const LARGEST_FILE = 2 ** 31 - 1;

/** What an ONNX file is made of. */
export interface OnnxModelRequest {
  readonly model: NnunetModel;
  /** The texts of the model folder's dataset.json and plans.json. */
  readonly documents: ModelDocuments;
  /** Weights by fold; more than one are averaged inside the file. */
  readonly folds: ReadonlyMap<string, StateDict>;
  /** Under which the model may be used, where it is known. */
  readonly license?: string;
  /** What to cite for the model. */
  readonly citation?: string;
}

/** The two files that say what a model is, as text. */
export interface ModelDocuments {
  readonly datasetJson: string;
  readonly plansJson: string;
}

/**
 * The bytes of a `.onnx` file of the model: input `x` `[batch, c, patch…]`, output `logits` `[batch, k, patch…]`, any
 * batch. Throws `WeightsMismatch`, and `TooLarge` where the weights do not fit into one file of 2 GB.
 */
export function writeOnnxModel(request: OnnxModelRequest): Uint8Array {
  const { model, folds } = request;
  const { configuration, labels } = model;
  const graph = buildUNet(configuration.architecture, {
    inputChannels: inputChannelsOf(model),
    outputChannels: labels.outputChannels,
    batch: 1,
    patchSize: configuration.patchSize,
    deepSupervision: false,
  });
  const size = [...folds.values()].reduce((sum, weights) => sum + sizeOf(weights), 0);
  if (size > LARGEST_FILE) {
    throw new StudioError(
      'TooLarge',
      `The weights of ${folds.size} folds are ${formatBytes(size)}; an ONNX file holds at most 2 GB.`,
      'Export one file per fold.',
    );
  }
  const prefixes = [...folds.keys()].map((fold) => prefixOf(fold, folds.size));
  const named = new Map([...folds.values()].map((weights, i) => [prefixes[i], weights]));
  const used = new Set(graphParameters(graph.outputs));
  return exportFoldsToOnnx(graph, named, {
    graphName: `${model.datasetName} ${configuration.name}`,
    dimensions: configuration.patchSize.length === 2 ? 2 : 3,
    metadata: { [ONNX_METADATA_KEY]: describe(request, used) },
  });
}

/** Whether the file says about itself what {@link readOnnxModel} needs. */
export function isExportedModel({ metadata }: ReadOnnxModel): boolean {
  return metadata.has(ONNX_METADATA_KEY);
}

/**
 * The nnU-Net model in a file that {@link writeOnnxModel} wrote, weights and all. Throws `BadOnnx` where the description
 * is of a later version or not to be read, and `WeightsMismatch` where weights are missing.
 */
export function readOnnxModel(onnx: ReadOnnxModel, file: SourceFile): ReadModel {
  const where = `${file.path}, metadata ${ONNX_METADATA_KEY}`;
  const facts = readDescription(onnx.metadata.get(ONNX_METADATA_KEY) ?? '', where);
  const documents = {
    datasetJson: pythonJson(facts.dataset_json),
    plansJson: plansJson(readAnyPlans(pythonJson(facts.plans), `${where}, plans`)),
  };
  const dataset = readDatasetJson(documents.datasetJson, `${where}, dataset_json`);
  const plans = readPlans(documents.plansJson, `${where}, plans`);
  const planned = configurationOf(plans, facts.configuration, `${where}, plans`);
  const configuration = { ...planned, architecture: trainedArchitecture(planned, facts.trainer_name) };
  const model: NnunetModel = {
    plans,
    configuration,
    labels: dataset.labels,
    channelNames: dataset.channelNames,
    fileEnding: dataset.fileEnding,
    datasetName: plans.datasetName,
    trainerName: facts.trainer_name,
    folds: facts.folds.map((fold) => ({ fold, checkpointName: facts.checkpoint_name })),
    mirrorAxes: facts.sliding_window.mirror_axes,
  };
  const expected = expectedParameters(
    configuration.architecture,
    inputChannelsOf(model),
    model.labels.outputChannels,
  );
  const weights = new Map(
    facts.folds.map((fold) => [fold, weightsOf(onnx, facts, fold, expected, file.path)]),
  );
  const { license: licence, citation } = facts;
  return {
    ...((licence ?? citation) !== undefined && {
      sharing: { ...(licence && { licence }), ...(citation && { citation }) },
    }),
    model,
    origin: file.path,
    sizeInBytes: file.sizeInBytes,
    files: [
      textFile(documents.plansJson, NNUNET_FILES.plans),
      textFile(documents.datasetJson, NNUNET_FILES.dataset),
    ],
    loadFold: async (fold) => {
      const found = weights.get(fold);
      if (found) return found;
      throw new StudioError(
        'MissingFold',
        `${file.path} has no fold ${fold}; it has ${facts.folds.join(', ')}.`,
        'Choose a fold that is there.',
      );
    },
  };
}

/** Weights that only training has a use for are none of the file's constants: onnxruntime would warn of them. */
interface TensorText {
  readonly shape: readonly number[];
  /** Little-endian f32. */
  readonly base64: string;
}

const descriptionSchema = z.object({
  version: z.int().min(1).max(FORMAT_VERSION, `this version knows formats up to ${FORMAT_VERSION}`),
  dataset_json: z.record(z.string(), z.unknown()),
  plans: z.record(z.string(), z.unknown()),
  configuration: z.string(),
  trainer_name: z.string(),
  checkpoint_name: z.string(),
  folds: z.array(z.string()).min(1),
  sliding_window: z.object({ mirror_axes: z.array(z.int().min(0).max(2)) }),
  license: z.string().optional(),
  citation: z.string().optional(),
  training_only_weights: z
    .record(z.string(), z.object({ shape: z.array(z.int().min(0)), base64: z.base64() }))
    .default({}),
});

type Description = z.output<typeof descriptionSchema>;

function readDescription(text: string, where: string): Description {
  return validate(descriptionSchema, parseJson(text, where), where, 'BadOnnx');
}

function describe(
  { model, documents, folds, license, citation }: OnnxModelRequest,
  used: Set<string>,
): string {
  const { configuration, plans } = model;
  const trainingOnly: Record<string, TensorText> = {};
  for (const [fold, weights] of folds) {
    for (const [name, tensor] of weights) {
      if (!used.has(name)) trainingOnly[prefixOf(fold, folds.size) + name] = tensorText(tensor);
    }
  }
  return pythonJson(
    {
      version: FORMAT_VERSION,
      about:
        'An nnU-Net v2 model. dataset_json and plans are nnU-Net’s own files; input, preprocessing, sliding_window and output say what they come to for this network.',
      configuration: configuration.name,
      trainer_name: model.trainerName,
      checkpoint_name: model.folds[0].checkpointName,
      folds: [...folds.keys()],
      folds_averaged: folds.size > 1,
      license,
      citation,
      input: inputFacts(model),
      preprocessing: preprocessingFacts(configuration, plans, model.channelNames),
      sliding_window: {
        patch_size: configuration.patchSize,
        step_size: TILE_STEP_SIZE,
        gaussian_sigma_share_of_patch: GAUSSIAN_SIGMA,
        mirror_axes: model.mirrorAxes,
      },
      output: outputFacts(model),
      dataset_json: parseJson(documents.datasetJson, NNUNET_FILES.dataset),
      plans: parseJson(documents.plansJson, NNUNET_FILES.plans),
      training_only_weights: trainingOnly,
    },
    { mayBeNaN: ([first]) => first === 'plans' || first === 'preprocessing' },
  );
}

function inputFacts(model: NnunetModel) {
  const { configuration, channelNames, labels } = model;
  const fromPreviousStage = inputChannelsOf(model) - channelNames.length;
  return {
    name: UNET_INPUT,
    layout: configuration.patchSize.length === 2 ? 'NCYX' : 'NCZYX',
    channels: [
      ...channelNames,
      ...labels.allLabels
        .filter((label) => label !== 0)
        .slice(0, fromPreviousStage)
        .map((label) => `1 where ${configuration.previousStage} found label ${label}, 0 elsewhere`),
    ],
  };
}

function preprocessingFacts(configuration: Configuration, plans: Plans, channelNames: readonly string[]) {
  return {
    order: ['transpose', 'crop_to_nonzero', 'normalize', 'resample'],
    image_reader_writer: plans.imageReaderWriter,
    transpose_forward: plans.transposeForward,
    crop_to_nonzero: true,
    normalization: channelNames.map((channel, i) => {
      const intensities = plans.foregroundIntensityProperties[i];
      return {
        channel,
        scheme: configuration.normalizationSchemes[i],
        only_inside_nonzero_mask: configuration.useMaskForNorm[i],
        ...(intensities && {
          intensity_properties: {
            mean: intensities.mean,
            std: intensities.std,
            percentile_00_5: intensities.percentile005,
            percentile_99_5: intensities.percentile995,
          },
        }),
      };
    }),
    spacing_mm: configuration.spacing,
    resampling: {
      function: configuration.resamplingData.functionName,
      order: configuration.resamplingData.order,
      order_z: configuration.resamplingData.orderZ,
    },
  };
}

function outputFacts({ labels }: NnunetModel) {
  const nameOf = (label: number) => labels.names.get(label) ?? String(label);
  return {
    name: ONNX_OUTPUT,
    activation_to_apply: labels.hasRegions ? 'sigmoid' : 'softmax',
    channels: labels.hasRegions
      ? labels.foregroundRegions.map((region, i) => ({
          region: nameOf(labels.regionsClassOrder[i]),
          labels: region,
          written_as: labels.regionsClassOrder[i],
        }))
      : labels.allLabels.map((label) => ({ name: nameOf(label), written_as: label })),
  };
}

/** The weights of one fold; what only training has comes out of the description. */
function weightsOf(
  onnx: ReadOnnxModel,
  facts: Description,
  fold: string,
  expected: ReadonlyMap<string, readonly number[]>,
  file: string,
): StateDict {
  const prefix = prefixOf(fold, facts.folds.length);
  const found = new Map(weightsOfExport(onnx.initializers, prefix, expected));
  for (const [name, { shape, base64 }] of Object.entries(facts.training_only_weights)) {
    const plain = name.slice(prefix.length);
    if (!name.startsWith(prefix) || !expected.has(plain)) continue;
    found.set(plain, { shape, data: floatsOf(base64, shape, `${file}: ${name}`) });
  }
  checkParameters(found, expected, file);
  assertFiniteWeights(found, file);
  return found;
}

/** Goes before the names of a fold's weights where the file has several folds. */
function prefixOf(fold: string, foldCount: number): string {
  return foldCount > 1 ? `fold_${fold}/` : '';
}

/** Channels that the model's network takes, the first stage's labels of a cascade among them. */
export function inputChannelsOf({ channelNames, labels, configuration }: NnunetModel): number {
  return networkInputChannels(channelNames.length, labels, configuration);
}

/** Names of the parameters that the outputs depend on and the file has a place for. */
function graphParameters(outputs: readonly Value[]): string[] {
  return topologicalOrder(outputs).flatMap((value) =>
    value.op === 'parameter' && !value.attributes.name.endsWith('.num_batches_tracked')
      ? [value.attributes.name]
      : [],
  );
}

function tensorText({ shape, data }: WeightTensor): TensorText {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return { shape, base64: btoa(text) };
}

function floatsOf(base64: string, shape: readonly number[], where: string): Float32Array {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  if (bytes.length !== elementCount(shape) * 4) {
    throw new StudioError(
      'BadOnnx',
      `${where} has ${bytes.length} bytes where its shape [${shape.join(', ')}] asks for ${elementCount(shape) * 4}.`,
      'Export the file again.',
    );
  }
  return new Float32Array(bytes.buffer);
}

function sizeOf(weights: StateDict): number {
  let size = 0;
  for (const { data } of weights.values()) size += data.byteLength;
  return size;
}
