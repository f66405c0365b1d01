import path from 'node:path';
import { foldsOfPreviousStage } from '@/app/segment/cascadeModels';
import { predictCascade } from '@/app/segment/predictCascade';
import {
  type CaseReport,
  type PredictFolderJob,
  predictFolder,
  resultNames,
} from '@/app/segment/predictFolder';
import type { PredictSettings } from '@/core/inference/settings';
import type { NnunetModel } from '@/core/interop/model';
import { type CaseFiles, findCases as casesAmong, hasImageName } from '@/core/io/cases';
import type { SourceFile } from '@/core/io/sourceFile';
import { messageOf, StudioError } from '@/shared/errors';
import { formatBytes } from '@/shared/numeric';
import { memoryResults } from '@/storage/memoryResults';
import { filesIn, kindOf, nodeFile } from '@/storage/nodeFiles';
import { nodeTuning } from '@/storage/nodeTuning';
import { Outputs, pathsOf } from '@/storage/outputs';
import type { ResultFolder } from '@/storage/resultFolder';
import { type Command, EXIT } from '../../command';
import { chooseDevice, DEVICE_OPTION } from '../../device';
import { MODEL_OPTIONS, type ModelSource, modelPaths, modelTitle, openModel } from '../../modelSource';
import {
  isGiven,
  listOf,
  noEffect,
  numberOf,
  type ParsedOptions,
  requiredText,
  UsageError,
} from '../../options';
import {
  PREVIOUS_STAGE_OPTION,
  type PreviousStage,
  previousStageOf,
  segmentationIn,
} from '../../previousStage';
import { formatSeconds, ProgressLine } from '../../progressLine';

/** Endings of files that results can be written to. */
const RESULT_ENDING = /\.(nii\.gz|nii|nrrd|mha|gipl|png|bmp|tiff?)$/i;

export const predictCommand: Command = {
  name: 'predict',
  aliases: ['predict_from_modelfolder'],
  summary: 'segments images with a trained nnU-Net model',
  usage: '-i IMAGES -o RESULTS (-m MODEL | -d DATASET -c CONFIGURATION) [OPTIONS]',
  options: [
    {
      names: ['-i'],
      kind: 'list',
      value: 'IMAGES',
      description: 'folder of images, or the file(s) of one case',
    },
    {
      names: ['-o'],
      kind: 'text',
      value: 'RESULTS',
      description: 'folder for the results, or for one case a .nii.gz',
    },
    ...MODEL_OPTIONS,
    PREVIOUS_STAGE_OPTION,
    DEVICE_OPTION,
    {
      names: ['-step_size', '--step_size'],
      kind: 'number',
      value: 'SHARE',
      description: 'step between tiles as a share of the patch (default 0.5)',
    },
    {
      names: ['--disable_tta'],
      kind: 'flag',
      description: 'no mirroring: up to eight times faster, a little less accurate',
    },
    { names: ['--disable_gaussian'], kind: 'flag', description: 'all voxels of a tile count the same' },
    { names: ['--save_probabilities'], kind: 'flag', description: 'also writes {case}.npz and {case}.pkl' },
    {
      names: ['--continue_prediction', '--c'],
      kind: 'flag',
      description: 'leaves out cases whose results are there',
    },
    {
      names: ['-num_parts'],
      kind: 'number',
      value: 'N',
      description: 'splits the cases into N parts (default 1)',
    },
    {
      names: ['-part_id'],
      kind: 'number',
      value: 'I',
      description: 'and predicts part I, from 0 (default 0)',
    },
    { names: ['--verbose'], kind: 'flag', description: 'prints times and memory of each case' },
    { names: ['--disable_progress_bar'], kind: 'flag', description: 'no progress line' },
    {
      names: ['-npp'],
      kind: 'number',
      value: 'N',
      description: noEffect('the next case is read and preprocessed while the network runs'),
    },
    {
      names: ['-nps'],
      kind: 'number',
      value: 'N',
      description: noEffect('the case before is written meanwhile'),
    },
    {
      names: ['--not_on_device'],
      kind: 'flag',
      description: noEffect('sums of large cases are cut into slabs that fit'),
    },
  ],
  notes: [
    'Channels of a case are files CASE_0000.nii.gz, CASE_0001.nii.gz, … as in nnU-Net.',
    'A cascade (3d_cascade_fullres) runs both stages: the model of its first stage is taken from beside it or from the same',
    'zip, and its segmentations are kept below RESULTS, in a folder named after the stage.',
    'MODEL may be an ONNX file: one of export_onnx, or any segmentation network with a JSON of the same name beside it.',
    'Exit code: 0 all cases done, 1 some failed, 2 the command line cannot be meant.',
  ],
  examples: [
    'nnstudio predict -i imagesTs -o predictions -m nnUNetTrainer__nnUNetPlans__3d_fullres',
    'nnstudio predict -i scan_0000.nii.gz -o scan_seg.nii.gz -m model.zip --disable_tta',
    'nnstudio predict -i imagesTs -o predictions -d 4 -c 3d_fullres -f 0 1 2 -step_size 0.75',
    'nnstudio predict -i imagesTs -o predictions -m network.onnx -device cpu',
    'nnstudio predict -i imagesTs -o predictions -d 4 -c 3d_cascade_fullres -prev_stage_predictions lowres',
  ],
  run,
};

async function run(options: ParsedOptions, signal: AbortSignal): Promise<number> {
  const inputs = listOf(options, '-i');
  if (!inputs) throw new UsageError('-i is missing: the folder of images, or the files of one case.');
  const output = requiredText(options, '-o', 'the folder for the results');
  const parts = partsOf(options);
  checkStepSize(options);

  const source = await openModel(options);
  const previous = await previousStageOf(options, source);
  const { model } = source.imported;
  const settings = settingsOf(options, model);
  const cases = (await findCases(inputs, model)).filter((_, i) => i % parts.count === parts.id);
  const outputs = await outputsOf(options, inputs, source, previous);
  const target = outputOf(outputs, output, cases, model);
  const first =
    previous?.kind === 'model' ? firstStageOf(previous.source, settings, target, outputs) : undefined;
  await assertInputsStay(outputs, target, settings);
  if (first?.folder !== undefined) {
    await assertInputsStay(outputs, { ...target, folder: first.folder }, first.settings);
  }
  const { note, ...device } = await chooseDevice(options, model);
  console.log(`${modelTitle(source.imported)}, ${describeSettings(settings, model)}`);
  if (note) console.log(`  ${note}`);
  if (first) {
    const before = `${modelTitle(first.imported)}, ${describeSettings(first.settings, first.model)}`;
    console.log(`  second stage of a cascade; runs after ${before}`);
  }
  if (target.folder !== undefined) {
    const given = previous?.kind === 'folder' ? previous.folder : first?.folder;
    await writeDescriptions(target.results, source, argumentsOf(options, inputs, target.folder, given));
    if (first?.folder !== undefined)
      await writeDescriptions(first.results, first, argumentsOf(options, inputs, first.folder));
  }

  const progress = new ProgressLine(!isGiven(options, '--disable_progress_bar'));
  const isVerbose = isGiven(options, '--verbose');
  const watch = (stage: string): Pick<PredictFolderJob, 'onProgress' | 'onCase'> => ({
    onProgress: (caseId, each) => progress.show(stage + caseId, each),
    onCase: (report) => {
      progress.clear();
      printReport(report, stage, isVerbose);
    },
  });
  const job: PredictFolderJob = {
    ...source.imported,
    ...watch(''),
    settings,
    cases: target.cases,
    results: target.results,
    fileEnding: target.fileEnding,
    ...device,
    tuning: nodeTuning(),
    shouldContinue: isGiven(options, '--continue_prediction'),
    signal,
  };
  if (first) {
    const stage = `${first.model.configuration.name} `;
    return summarise(await predictCascade(job, { ...first, ...watch(stage) }));
  }
  if (previous?.kind !== 'folder') return summarise(await predictFolder(job));
  const previousStage = (caseId: string) =>
    segmentationIn(previous.folder, `${target.inputIds.get(caseId)}${model.fileEnding}`);
  return summarise(await predictFolder({ ...job, previousStage }));
}

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

function partsOf(options: ParsedOptions): { count: number; id: number } {
  const count = numberOf(options, '-num_parts', 1);
  const id = numberOf(options, '-part_id', 0);
  if (!Number.isInteger(count) || count < 1)
    throw new UsageError('-num_parts must be a whole number from 1.');
  if (!Number.isInteger(id) || id < 0 || id >= count) {
    throw new UsageError(`-part_id must be a whole number from 0 to ${count - 1}.`);
  }
  return { count, id };
}

function checkStepSize(options: ParsedOptions): void {
  const step = numberOf(options, '-step_size', 0.5);
  if (!(step > 0 && step <= 1))
    throw new UsageError(`-step_size must be above 0 and at most 1, not ${step}.`);
}

function settingsOf(options: ParsedOptions, model: NnunetModel): PredictSettings {
  return {
    folds: model.folds.map(({ fold }) => fold),
    tileStepSize: numberOf(options, '-step_size', 0.5),
    useGaussian: !isGiven(options, '--disable_gaussian'),
    useMirroring: !isGiven(options, '--disable_tta'),
    saveProbabilities: isGiven(options, '--save_probabilities'),
  };
}

function describeSettings(settings: PredictSettings, model: NnunetModel): string {
  const checkpoint = model.folds[0].checkpointName;
  const folds = `${settings.folds.length > 1 ? 'folds' : 'fold'} ${settings.folds.join(' ')} of ${checkpoint}`;
  const mirroring = settings.useMirroring && model.mirrorAxes.length > 0 ? 'mirroring' : 'no mirroring';
  const steps = `${mirroring}, step ${settings.tileStepSize}`;
  return model.foreignNetwork ? steps : `${folds}, ${steps}`;
}

async function findCases(inputs: readonly string[], model: NnunetModel): Promise<readonly CaseFiles[]> {
  const files = (await Promise.all(inputs.map(filesAt))).flat();
  // A folder may hold other images too: those with the dataset's own ending are meant, as in nnU-Net.
  const ofDataset = files.filter(
    ({ path: name }) => name.endsWith(model.fileEnding) || name.endsWith('.json'),
  );
  const hasOwn = ofDataset.some(({ path: name }) => name.endsWith(model.fileEnding));
  const { cases, ignored } = await casesAmong(hasOwn ? ofDataset : files, {
    channels: model.channelNames.length,
  });
  for (const { path: name, reason } of ignored) console.error(`left out ${name}: ${reason}`);
  if (hasOwn) tellOtherEndings(files, model.fileEnding);
  if (cases.length > 0) return cases;
  throw new StudioError(
    'NoCases',
    `No images in ${inputs.join(' ')}.`,
    `They are named like case_0000${model.fileEnding}.`,
  );
}

/** Images of another ending than the model's, in a folder that has some of its own. */
function tellOtherEndings(files: readonly SourceFile[], fileEnding: string): void {
  const others = files.filter((file) => hasImageName(file) && !file.path.endsWith(fileEnding));
  if (others.length === 0) return;
  const [first] = others;
  const what = others.length === 1 ? first.path : `${others.length} images, ${first.path} for one`;
  console.error(`left out ${what}: the model's images end with ${fileEnding}, and so do others beside it`);
}

async function filesAt(location: string): Promise<readonly SourceFile[]> {
  const kind = await kindOf(location);
  if (kind === 'nothing') throw new UsageError(`${location} does not exist.`);
  return kind === 'folder' ? filesIn(location) : [await nodeFile(location)];
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
  const ending = RESULT_ENDING.exec(output)?.[0];
  if (!ending) {
    const fileEnding = RESULT_ENDING.test(model.fileEnding) ? model.fileEnding : '.nii.gz';
    const inputIds = new Map(cases.map(({ caseId }) => [caseId, caseId]));
    return { results: outputs.folder(output), cases, inputIds, fileEnding, location: output, folder: output };
  }
  if (cases.length > 1) {
    throw new UsageError(`-o names one file, but there are ${cases.length} cases.`, 'Name a folder instead.');
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
async function outputsOf(
  options: ParsedOptions,
  inputs: readonly string[],
  source: ModelSource,
  previous: PreviousStage | undefined,
): Promise<Outputs> {
  const datasets = inputs.map((input) => path.join(input, '..', DATASET_FILE));
  const before =
    previous?.kind === 'folder' ? [previous.folder] : pathsOf(previous?.source.imported.files ?? []);
  return Outputs.beside([...inputs, ...datasets, ...(await modelPaths(options, source.imported)), ...before]);
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
  const descriptions = folder === undefined ? [] : [ARGUMENTS_FILE, DATASET_FILE, PLANS_FILE];
  await outputs.assertFolderFree(folder ?? location, [...names, ...descriptions]);
}

const ARGUMENTS_FILE = 'predict_from_raw_data_args.json';
const DATASET_FILE = 'dataset.json';
const PLANS_FILE = 'plans.json';

/** Arguments of nnU-Net's `predict_from_files`, by its names. */
function argumentsOf(
  options: ParsedOptions,
  inputs: readonly string[],
  output: string,
  previousStageFolder: string | undefined = undefined,
) {
  const { count, id } = partsOf(options);
  return {
    list_of_lists_or_source_folder: inputs.length === 1 ? inputs[0] : [inputs],
    output_folder_or_list_of_truncated_output_files: output,
    save_probabilities: isGiven(options, '--save_probabilities'),
    overwrite: !isGiven(options, '--continue_prediction'),
    num_processes_preprocessing: 1,
    num_processes_segmentation_export: 1,
    folder_with_segs_from_prev_stage: previousStageFolder ?? null,
    num_parts: count,
    part_id: id,
  };
}

/** The three files that nnU-Net leaves beside its predictions. */
async function writeDescriptions(
  results: ResultFolder,
  { datasetJson, plansJson }: Pick<ModelSource, 'datasetJson' | 'plansJson'>,
  args: ReturnType<typeof argumentsOf>,
): Promise<void> {
  await results.write(ARGUMENTS_FILE, JSON.stringify(args, undefined, 4));
  if (datasetJson) await results.write(DATASET_FILE, datasetJson);
  if (plansJson) await results.write(PLANS_FILE, plansJson);
}

/** `stage` goes before the case's name. */
function printReport(report: CaseReport, stage: string, isVerbose: boolean): void {
  const caseId = stage + report.caseId;
  if (report.status === 'skipped') console.log(`${caseId}: there already`);
  else if (report.status === 'failed') console.error(`${caseId}: FAILED. ${messageOf(report.error)}`);
  else {
    const { timings, memory, warnings } = report;
    const total = Object.values(timings).reduce((sum, seconds) => sum + seconds, 0);
    console.log(`${caseId}: done in ${formatSeconds(total)}`);
    for (const warning of warnings) console.error(`${caseId}: ${warning}`);
    if (!isVerbose) return;
    const stages = Object.entries(timings).map(([stage, seconds]) => `${stage} ${formatSeconds(seconds)}`);
    console.log(`  ${stages.join(', ')}`);
    console.log(
      `  memory: planned ${formatBytes(memory.plannedBytes)}, peak ${formatBytes(memory.peakBytes)}`,
    );
  }
}

function summarise(reports: readonly CaseReport[]): number {
  const count = (status: CaseReport['status']) => reports.filter((report) => report.status === status).length;
  const failed = count('failed');
  const parts = [`${count('done')} done`];
  if (count('skipped') > 0) parts.push(`${count('skipped')} there already`);
  if (failed > 0) parts.push(`${failed} failed`);
  console.log(`${reports.length} ${reports.length === 1 ? 'case' : 'cases'}: ${parts.join(', ')}`);
  return failed > 0 ? EXIT.someFailed : EXIT.ok;
}
