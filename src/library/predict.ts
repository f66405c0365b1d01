import path from 'node:path';
import { foldsOfPreviousStage } from '@/app/segment/cascadeModels';
import { findCasesOnDisk } from '@/app/segment/findCasesOnDisk';
import { openPreviousStage } from '@/app/segment/openPreviousStage';
import { planPrediction } from '@/app/segment/planPrediction';
import { type CaseInput, PredictionSession } from '@/app/segment/predictionSession';
import type { PredictSettings } from '@/core/inference/settings';
import type { NnunetModel } from '@/core/interop/model';
import { imageWarnings } from '@/core/io/emptyImage';
import { resultEndings } from '@/core/io/formats';
import { resultEnding } from '@/core/io/imageNames';
import type { MedicalImage } from '@/core/io/medicalImage';
import { newGeometry } from '@/core/io/niftiWriter';
import { readCase, writeCase } from '@/core/io/readers';
import { StudioError } from '@/shared/errors';
import { nodeTuning } from '@/storage/nodeTuning';
import { Outputs } from '@/storage/outputs';
import { type Device, deviceForModel } from './devices';
import { type Model, openModelOf } from './models';
import type { Progress } from './reports';

/** An image in memory. */
export interface ImageArray {
  /** `[c, z, y, x]`, row-major, in the units that the model was trained with. A picture has one z. */
  readonly data: Float32Array;
  readonly channels: number;
  /** Voxels, `[z, y, x]`. */
  readonly shape: readonly [number, number, number];
  /** Voxel size, mm, `[z, y, x]`. */
  readonly spacing: readonly [number, number, number];
}

/** How an image is segmented; the defaults are nnU-Net's. */
export interface PredictOptions {
  /** Default: a GPU of its own, else the processor. */
  readonly device?: Device;
  /** Averages over mirrored images, along the axes that the model was trained with. Default `true`. */
  readonly mirroring?: boolean;
  /** Step between tiles as a share of the patch, above 0, at most 1. Default 0.5. */
  readonly stepSize?: number;
  /** Weights a tile's voxels by their distance from its centre. Default `true`. */
  readonly gaussian?: boolean;
  /** Also gives probabilities. Default `false`. */
  readonly probabilities?: boolean;
}

/** How one call is watched and stopped. */
export interface CallOptions {
  /** Aborting it rejects the call with an `AbortError`. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

/** Labels of one image, on the image's own grid. */
export interface Segmentation {
  /** A label per voxel, `[z, y, x]`, row-major. */
  readonly data: Uint8Array | Uint16Array;
  /** Voxels, `[z, y, x]`. */
  readonly shape: readonly [number, number, number];
  /** Voxel size, mm, `[z, y, x]`. */
  readonly spacing: readonly [number, number, number];
  /** `[k, z, y, x]`, where they were asked for. */
  readonly probabilities?: Float32Array;
  /** What a person should know although the image could be segmented. */
  readonly warnings: readonly string[];
  /**
   * Writes it with the image's own geometry, in the format of the ending: `.nii.gz`, `.nii`, `.nrrd`, `.mha`, `.gipl`, `.png`,
   * `.bmp`, `.tif`.
   *
   * @throws `WouldReplaceInput` for a file that it was made of; `UnsupportedFormat` for another ending.
   */
  save(file: string): Promise<void>;
}

/** A model held ready on its device. Images go through it one after the other. */
export interface Predictor {
  /**
   * Segments one image.
   *
   * @param image Its file, its files in order of the channels, a folder of one DICOM series, or an array.
   * @throws `NoSuchInput`, `NoCases`, `SeveralCases`, `ChannelCount`, `NotFinite`, `GpuOutOfMemory`, `DeviceLost`, and errors
   *   of files that cannot be read; an `AbortError` once aborted.
   */
  predict(image: string | readonly string[] | ImageArray, options?: CallOptions): Promise<Segmentation>;
  /** Gives the memory of its device back. */
  close(): Promise<void>;
}

/**
 * Loads a model on a device, for several images. The second stage of a cascade brings its first stage, which has to lie
 * beside it.
 *
 * @throws `BadSettings`, `NoAdapter`, `NeedsPreviousStage`, `GpuOutOfMemory` and errors of weights that cannot be read.
 */
export async function openPredictor(model: Model, options: PredictOptions = {}): Promise<Predictor> {
  const { request, source } = openModelOf(model);
  const previous = await openPreviousStage(request, source, undefined);
  const settings = settingsOf(source.imported.model, options);
  const sessionOf = async ({ imported }: typeof source, each: PredictSettings) => {
    const { note: _, ...device } = await deviceForModel(options.device, imported.model);
    return new PredictionSession({ ...imported, ...device, settings: each, tuning: nodeTuning() });
  };
  const sessions: PredictionSession[] = [];
  if (previous?.kind === 'model') {
    const folds = foldsOfPreviousStage(previous.source.imported.model, settings.folds);
    sessions.push(await sessionOf(previous.source, { ...settings, folds, saveProbabilities: false }));
  }
  sessions.push(await sessionOf(source, settings));
  const close = async () => {
    for (const session of sessions) await session.close();
  };
  try {
    for (const session of sessions) await session.load();
  } catch (error) {
    await close();
    throw error;
  }
  let before: Promise<unknown> = Promise.resolve();
  return {
    predict: (image, call) => {
      const segmenting = before.then(() => segment(sessions, source.imported.model, image, call));
      before = segmenting.catch(() => undefined);
      return segmenting;
    },
    close: () => before.then(close),
  };
}

/**
 * Segments one image; {@link openPredictor} is quicker for several.
 *
 * @param image Its file, its files in order of the channels, a folder of one DICOM series, or an array.
 * @throws As {@link openPredictor} and its `predict`.
 */
export async function predict(
  model: Model,
  image: string | readonly string[] | ImageArray,
  options: PredictOptions & CallOptions = {},
): Promise<Segmentation> {
  options.signal?.throwIfAborted();
  const predictor = await openPredictor(model, options);
  try {
    return await predictor.predict(image, options);
  } finally {
    await predictor.close();
  }
}

/** What became of one case of a folder. */
export type CaseResult =
  | { readonly caseId: string; readonly status: 'done'; readonly warnings: readonly string[] }
  /** Its results were there already. */
  | { readonly caseId: string; readonly status: 'skipped' }
  | { readonly caseId: string; readonly status: 'failed'; readonly error: unknown };

export interface PredictFolderOptions extends PredictOptions {
  /** Aborting it rejects with an `AbortError`; what is finished stays. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (caseId: string, progress: Progress) => void;
  /** Called once a case. */
  readonly onCase?: (result: CaseResult) => void;
  /** Leaves out cases whose results are all there. Default `false`. */
  readonly resume?: boolean;
  /** For the second stage of a cascade: a folder of the first one's segmentations. Default: its model runs first. */
  readonly previousStage?: string;
  /** Told of files that are left out, and why. */
  readonly onNotice?: (notice: string) => void;
}

/**
 * Segments all images of a folder as `nnstudio predict` does, and writes the same files: `{case}{ending}`, with
 * probabilities `{case}.npz` and `{case}.pkl`, and nnU-Net's `dataset.json`, `plans.json` and
 * `predict_from_raw_data_args.json`. A case that fails does not stop the others.
 *
 * @param input A folder with `case_0000.nii.gz`, `case_0001.nii.gz`, …, or the files of one case.
 * @param output A folder; or, for one case, the file to write.
 * @returns What became of each case, in order of their ids.
 * @throws `NoSuchInput`, `NoCases`, `SeveralCases`, `WouldReplaceInput`, and as {@link openPredictor}.
 */
export async function predictFolder(
  model: Model,
  input: string | readonly string[],
  output: string,
  options: PredictFolderOptions = {},
): Promise<readonly CaseResult[]> {
  const { request, source } = openModelOf(model);
  const { signal, onProgress, onCase, onNotice } = options;
  signal?.throwIfAborted();
  const prediction = await planPrediction({
    modelRequest: request,
    source,
    previous: await openPreviousStage(request, source, options.previousStage),
    inputs: typeof input === 'string' ? [input] : input,
    output,
    settings: settingsOf(source.imported.model, options),
    part: { count: 1, id: 0 },
    shouldContinue: options.resume ?? false,
    onNotice: (notice) => onNotice?.(notice),
  });
  const { note: _, ...device } = await deviceForModel(options.device, source.imported.model);
  return prediction.run({
    ...device,
    tuning: nodeTuning(),
    ...(signal && { signal }),
    watch: (stage) => ({
      onProgress: (caseId, progress) => onProgress?.(caseId, progress),
      // Of a stage that runs before, its cases are not the ones that were asked for.
      ...(stage === undefined && { onCase: (report) => onCase?.(report) }),
    }),
  });
}

function settingsOf({ folds }: NnunetModel, options: PredictOptions): PredictSettings {
  return {
    folds: folds.map(({ fold }) => fold),
    tileStepSize: options.stepSize ?? 0.5,
    useGaussian: options.gaussian ?? true,
    useMirroring: options.mirroring ?? true,
    saveProbabilities: options.probabilities ?? false,
  };
}

interface ReadImage {
  readonly image: MedicalImage;
  /** Paths that it was read from. */
  readonly files: readonly string[];
}

/** Runs the stages one after the other, each told of the one before. */
async function segment(
  sessions: readonly PredictionSession[],
  model: NnunetModel,
  given: string | readonly string[] | ImageArray,
  { signal, onProgress }: CallOptions = {},
): Promise<Segmentation> {
  signal?.throwIfAborted();
  const { image, files } = await readImage(given, model);
  let previousStage: CaseInput['previousStage'];
  let last: { segmentation: Segmentation['data']; probabilities?: Float32Array } | undefined;
  for (const session of sessions) {
    const input: CaseInput = { image, previousStage };
    const outcomes = session.predictEach([input], async () => input, {
      ...(signal && { signal }),
      onProgress: (_, progress) => onProgress?.(progress),
    });
    for await (const outcome of outcomes) {
      if ('error' in outcome) throw outcome.error;
      last = outcome.prediction;
      previousStage = { data: outcome.prediction.segmentation, shape: outcome.prediction.shape };
    }
  }
  if (!last) throw new Error('a predictor has at least one stage');
  const { segmentation, probabilities } = last;
  const { shape, spacing } = image;
  return {
    data: segmentation,
    shape: [shape[0], shape[1], shape[2]],
    spacing: [spacing[0], spacing[1], spacing[2]],
    ...(probabilities && { probabilities }),
    warnings: imageWarnings(image),
    save: (file) => save(file, segmentation, image, files),
  };
}

async function readImage(
  given: string | readonly string[] | ImageArray,
  model: NnunetModel,
): Promise<ReadImage> {
  if (typeof given !== 'string' && 'data' in given) return { image: imageOfArray(given), files: [] };
  const inputs = typeof given === 'string' ? [given] : given;
  const cases = await findCasesOnDisk(inputs, model, () => undefined);
  if (cases.length > 1) {
    throw new StudioError(
      'SeveralCases',
      `${inputs.join(', ')} holds ${cases.length} cases, ${cases[0].caseId} for one.`,
      'predictFolder segments them all.',
    );
  }
  const [{ files }] = cases;
  const image = await readCase(files, model.plans.imageReaderWriter, {
    channels: model.channelNames.length,
  });
  return { image, files: files.flatMap(({ origin }) => (typeof origin === 'string' ? [origin] : [])) };
}

/** Throws `BadImage` where the numbers do not belong together. */
function imageOfArray({ data, channels, shape, spacing }: ImageArray): MedicalImage {
  const values = channels * shape[0] * shape[1] * shape[2];
  const isSound = [channels, ...shape].every((size) => Number.isInteger(size) && size > 0);
  if (!isSound || data.length !== values) {
    throw new StudioError(
      'BadImage',
      `An image of ${channels} × ${shape.join(' × ')} (c × z × y × x) has ${values} values, not ${data.length}.`,
      'shape is [z, y, x] in voxels, and data is row-major [c, z, y, x].',
    );
  }
  if (!spacing.every((size) => size > 0 && Number.isFinite(size))) {
    throw new StudioError('BadImage', `The spacing ${spacing.join(', ')} is no voxel size.`, 'It is in mm.');
  }
  return { data, channels, shape, spacing, geometry: newGeometry(shape, spacing), warnings: [] };
}

async function save(
  file: string,
  labels: Segmentation['data'],
  { shape, geometry }: MedicalImage,
  inputs: readonly string[],
): Promise<void> {
  const ending = resultEnding(file);
  if (ending === undefined) {
    throw new StudioError(
      'UnsupportedFormat',
      `${file}: a segmentation is not written in this format.`,
      `Name it ${resultEndings().join(', ')}.`,
    );
  }
  const written = await writeCase(labels, shape, geometry, { ending });
  const stem = path.basename(file).slice(0, -ending.length);
  const outputs = await Outputs.beside(inputs);
  const folder = path.dirname(file);
  const [result, ...sideCars] = written;
  await outputs.assertFolderFree(folder, [
    path.basename(file),
    ...sideCars.map((sideCar) => stem + sideCar.ending),
  ]);
  for (const sideCar of sideCars) {
    await outputs.writeFile(path.join(folder, stem + sideCar.ending), sideCar.content);
  }
  await outputs.writeFile(file, result.content);
}
