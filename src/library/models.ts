import {
  listModelsOnDisk,
  type ModelRequest,
  type ModelSource,
  openModelOnDisk,
  sourceOf,
} from '@/app/models/openModelOnDisk';
import { behind } from './behind';

/** Which of the models at a place, and what of it. */
export interface ImportModelOptions {
  /** Tells models apart where a place holds several: `nnUNetTrainer`. */
  readonly trainer?: string;
  /** Likewise: `nnUNetPlans`. */
  readonly plans?: string;
  /** Likewise: `3d_fullres`. */
  readonly configuration?: string;
  /** Folds whose predictions are averaged, numbers or `'all'`. Default: every fold there is. */
  readonly folds?: readonly (number | string)[];
  /** A file of the folds, such as `checkpoint_best.pth`. Default: the final one, else the best, else the latest. */
  readonly checkpoint?: string;
}

/** A trained model. Its weights are read when it predicts. */
export interface Model {
  /** Where it was found: a path below the place that was named. */
  readonly origin: string;
  /** `Dataset004_Hippocampus` */
  readonly datasetName: string;
  readonly trainer: string;
  readonly plans: string;
  readonly configuration: string;
  readonly folds: readonly string[];
  /** In order of the input's channels. */
  readonly channelNames: readonly string[];
  /** Name of each value in its segmentations. */
  readonly labels: ReadonlyMap<number, string>;
  /** Of the images that it was trained on, with the dot. */
  readonly fileEnding: string;
  /** Voxels, `[z, y, x]` or `[y, x]` along the network's axes. */
  readonly patchSize: readonly number[];
}

interface OpenModel {
  readonly request: ModelRequest;
  readonly source: ModelSource;
}

const models = behind<Model, OpenModel>('a model', 'importModel');

/**
 * A trained model on the disk.
 *
 * @param location A model folder (`Trainer__Plans__configuration` with `dataset.json`, `plans.json` and `fold_0`), a folder
 *   above it, a zip of either, a `.nnstudio` bundle, a folder in a zip, or an `.onnx` file with its JSON beside it.
 * @throws `NoModel`, `SeveralModels` where more than one is meant, `MissingFold`, `WeightsMismatch`, `BadZip` and other
 *   errors of files that cannot be read.
 */
export async function importModel(location: string, options: ImportModelOptions = {}): Promise<Model> {
  const request = requestOf(location, options);
  return modelOf(request, await openModelOnDisk(request));
}

/**
 * All models at a place that can be read, for a folder or zip with several. Options as for {@link importModel}, but trainer,
 * plans and configuration do not choose.
 *
 * @throws `NoModel` where there is none; the error of the first where none can be read.
 */
export async function importModels(
  location: string,
  options: Pick<ImportModelOptions, 'folds' | 'checkpoint'> = {},
): Promise<readonly Model[]> {
  const request = requestOf(location, options);
  const outcomes = await listModelsOnDisk(request);
  const found: Model[] = [];
  for (const outcome of outcomes) {
    if ('imported' in outcome) found.push(modelOf(request, await sourceOf(outcome.imported)));
  }
  const [first] = outcomes;
  if (found.length === 0 && 'error' in first) throw first.error;
  return found;
}

function requestOf(location: string, { folds, ...options }: ImportModelOptions): ModelRequest {
  return { location, ...options, ...(folds && { folds: folds.map(String) }) };
}

function modelOf(request: ModelRequest, source: ModelSource): Model {
  const { model, origin } = source.imported;
  const shown: Model = {
    origin,
    datasetName: model.datasetName,
    trainer: model.trainerName,
    plans: model.plans.plansName,
    configuration: model.configuration.name,
    folds: model.folds.map(({ fold }) => fold),
    channelNames: model.channelNames,
    labels: model.labels.names,
    fileEnding: model.fileEnding,
    patchSize: model.configuration.patchSize,
  };
  return models.put(shown, { request, source });
}

/**
 * What a model of {@link importModel} was opened by, and what that gave.
 *
 * @internal
 */
export function openModelOf(model: Model): OpenModel {
  return models.of(model);
}
