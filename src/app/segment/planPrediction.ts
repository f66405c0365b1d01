// Prediction of files on the disk by nnU-Net's names: what is read and written is found and checked, then it runs. What
// `nnstudio predict` and the library call.

import path from 'node:path';
import type { PredictSettings } from '@/core/inference/settings';
import type { NnunetModel } from '@/core/interop/model';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import type { CaseFiles } from '@/core/io/cases';
import { resultEnding } from '@/core/io/imageNames';
import { StudioError } from '@/shared/errors';
import { memoryResults } from '@/storage/memoryResults';
import { Outputs, pathsOf } from '@/storage/outputs';
import type { ResultFolder } from '@/storage/resultFolder';
import { type ModelRequest, type ModelSource, modelPaths } from '../models/openModelOnDisk';
import { foldsOfPreviousStage } from './cascadeModels';
import { findCasesOnDisk } from './findCasesOnDisk';
import { type PreviousStage, segmentationIn } from './openPreviousStage';
import { predictCascade } from './predictCascade';
import { type CaseReport, type PredictFolderRequest, predictFolder, resultNames } from './predictFolder';

/** Which images are segmented by which model, and where the results go. */
export interface PredictionRequest {
  /** What the model was opened by. */
  readonly modelRequest: ModelRequest;
  readonly source: ModelSource;
  /** For the second stage of a cascade. */
  readonly previous?: PreviousStage | undefined;
  /** Folders of images, and files of one case. */
  readonly inputs: readonly string[];
  /** A folder, or for one case the file. */
  readonly output: string;
  readonly settings: PredictSettings;
  /** Of the cases in `count` parts the one of number `id`, from 0. */
  readonly part: { readonly count: number; readonly id: number };
  /** Leaves out cases whose results are all there. */
  readonly shouldContinue: boolean;
  /** Told which files are left out. */
  readonly onNotice: (notice: string) => void;
}

/** What computes it, and how it is watched and stopped. */
interface PredictionRun
  extends Pick<PredictFolderRequest, 'openGpu' | 'device' | 'runtime' | 'tuning' | 'signal'> {
  /** Called for the stage that is named, where it runs before the one that was asked for, and for that one. */
  readonly watch: (stage: string | undefined) => Pick<PredictFolderRequest, 'onProgress' | 'onCase'>;
}

/** A prediction that can run. */
export interface PlannedPrediction {
  /** The model that runs before, for the second stage of a cascade, with its settings. */
  readonly first: (ModelSource & { readonly settings: PredictSettings }) | undefined;
  /** Writes what nnU-Net writes. Rejects with an `AbortError` once cancelled; what is finished stays. */
  run(run: PredictionRun): Promise<readonly CaseReport[]>;
}

/**
 * Finds the cases and where their results go, and refuses to write over what is read. Throws `NoSuchInput`, `NoCases`,
 * `SeveralCases` and `WouldReplaceInput`.
 */
export async function planPrediction(request: PredictionRequest): Promise<PlannedPrediction> {
  const { source, previous, inputs, settings, part } = request;
  const { model } = source.imported;
  const found = await findCasesOnDisk(inputs, model, request.onNotice);
  const cases = found.filter((_, i) => i % part.count === part.id);
  const outputs = await outputsOf(request);
  const target = outputOf(outputs, request.output, cases, model);
  const first =
    previous?.kind === 'model' ? firstStageOf(previous.source, settings, target, outputs) : undefined;
  await assertInputsStay(outputs, target, settings);
  if (first?.folder !== undefined) {
    await assertInputsStay(outputs, { ...target, folder: first.folder }, first.settings);
  }
  return { first, run: (run) => runPrediction(request, run, target, first) };
}

async function runPrediction(
  request: PredictionRequest,
  { watch, ...run }: PredictionRun,
  target: Output,
  first: FirstStage | undefined,
): Promise<readonly CaseReport[]> {
  const { source, previous, settings, shouldContinue } = request;
  const { model } = source.imported;
  const given = previous?.kind === 'folder' ? previous.folder : first?.folder;
  const describe =
    (results: ResultFolder, from: ModelSource, folder: string | undefined, stageBefore?: string) =>
    async () => {
      if (folder !== undefined)
        await writeDescriptions(results, from, argumentsOf(request, folder, stageBefore));
    };
  const job: PredictFolderRequest = {
    ...source.imported,
    ...run,
    ...watch(undefined),
    settings,
    cases: target.cases,
    results: target.results,
    fileEnding: target.fileEnding,
    shouldContinue,
    onLoaded: describe(target.results, source, target.folder, given),
  };
  if (first) {
    const onLoaded = describe(first.results, first, first.folder);
    return predictCascade(job, { ...first, ...watch(first.model.configuration.name), onLoaded });
  }
  if (previous?.kind !== 'folder') return predictFolder(job);
  const previousStage = (caseId: string) =>
    segmentationIn(previous.folder, `${target.inputIds.get(caseId)}${model.fileEnding}`);
  return predictFolder({ ...job, previousStage });
}

type FirstStage = ReturnType<typeof firstStageOf>;

/** The model that runs before a cascade's second stage, and where its segmentations go. */
function firstStageOf(source: ModelSource, settings: PredictSettings, target: Output, outputs: Outputs) {
  const { model, loadFold } = source.imported;
  const folder = target.folder === undefined ? undefined : path.join(target.folder, model.configuration.name);
  return {
    ...source,
    model,
    loadFold,
    settings: {
      ...settings,
      folds: foldsOfPreviousStage(model, settings.folds),
      saveProbabilities: false,
    },
    folder,
    results: folder === undefined ? memoryResults() : outputs.folder(folder),
  };
}

interface Output {
  readonly results: ResultFolder;
  readonly cases: readonly CaseFiles[];
  /** What cases are called among the inputs, by what they are called here. */
  readonly inputIds: ReadonlyMap<string, string>;
  readonly fileEnding: string;
  /** Where the results lie. */
  readonly location: string;
  /** The same, but `undefined` where one file was named: nothing else is written beside it then. */
  readonly folder: string | undefined;
}

/** A folder; or, where `-o` is the name of an image, that file for the only case. */
function outputOf(outputs: Outputs, output: string, cases: readonly CaseFiles[], model: NnunetModel): Output {
  const ending = resultEnding(output);
  if (!ending) {
    const fileEnding = resultEnding(model.fileEnding) ?? '.nii.gz';
    const inputIds = new Map(cases.map(({ caseId }) => [caseId, caseId]));
    return { results: outputs.folder(output), cases, inputIds, fileEnding, location: output, folder: output };
  }
  if (cases.length > 1) {
    throw new StudioError(
      'SeveralCases',
      `${output} is one file, but there are ${cases.length} cases.`,
      'Name a folder instead.',
    );
  }
  const caseId = path.basename(output).slice(0, -ending.length);
  return {
    results: outputs.folder(path.dirname(output)),
    cases: cases.map((each) => ({ ...each, caseId })),
    inputIds: new Map(cases.map((each) => [caseId, each.caseId])),
    fileEnding: ending,
    location: path.dirname(output),
    folder: undefined,
  };
}

/** Images, with the dataset.json of the dataset they are of, the model, and what a stage before it predicted. */
async function outputsOf({ inputs, modelRequest, source, previous }: PredictionRequest): Promise<Outputs> {
  const datasets = inputs.map((input) => path.join(input, '..', NNUNET_FILES.dataset));
  const before =
    previous?.kind === 'folder' ? [previous.folder] : pathsOf(previous?.source.imported.files ?? []);
  const model = await modelPaths(modelRequest, source.imported);
  return Outputs.beside([...inputs, ...datasets, ...model, ...before]);
}

/** Throws `WouldReplaceInput` where a result has the name of a file that is read. */
async function assertInputsStay(
  outputs: Outputs,
  { cases, fileEnding, folder, location }: Output,
  settings: PredictSettings,
): Promise<void> {
  const sideCar = /\.tiff?$/i.test(fileEnding);
  const names = cases.flatMap((each) => [
    ...resultNames({ fileEnding, settings }, each),
    ...(sideCar ? [`${each.caseId}.json`] : []),
  ]);
  const descriptions =
    folder === undefined ? [] : [NNUNET_FILES.predictionArguments, NNUNET_FILES.dataset, NNUNET_FILES.plans];
  await outputs.assertFolderFree(folder ?? location, [...names, ...descriptions]);
}

/** Arguments of nnU-Net's `predict_from_files`, by its names. */
function argumentsOf(
  { inputs, settings, part, shouldContinue }: PredictionRequest,
  output: string,
  previousStageFolder: string | undefined = undefined,
) {
  return {
    list_of_lists_or_source_folder: inputs.length === 1 ? inputs[0] : [inputs],
    output_folder_or_list_of_truncated_output_files: output,
    save_probabilities: settings.saveProbabilities,
    overwrite: !shouldContinue,
    num_processes_preprocessing: 1,
    num_processes_segmentation_export: 1,
    folder_with_segs_from_prev_stage: previousStageFolder ?? null,
    num_parts: part.count,
    part_id: part.id,
  };
}

/** The three files that nnU-Net leaves beside its predictions. */
async function writeDescriptions(
  results: ResultFolder,
  { datasetJson, plansJson }: Pick<ModelSource, 'datasetJson' | 'plansJson'>,
  args: ReturnType<typeof argumentsOf>,
): Promise<void> {
  await results.write(NNUNET_FILES.predictionArguments, JSON.stringify(args, undefined, 4));
  if (datasetJson) await results.write(NNUNET_FILES.dataset, datasetJson);
  if (plansJson) await results.write(NNUNET_FILES.plans, plansJson);
}
