import { modelTitle } from '@/app/models/openModelOnDisk';
import { planPrediction } from '@/app/segment/planPrediction';
import type { CaseReport } from '@/app/segment/predictFolder';
import type { PredictSettings } from '@/core/inference/settings';
import type { NnunetModel } from '@/core/interop/model';
import { messageOf } from '@/shared/errors';
import { formatBytes } from '@/shared/numeric';
import { nodeTuning } from '@/storage/nodeTuning';
import { type Command, EXIT } from '../../command';
import { DEVICE_OPTION, deviceFromOptions } from '../../device';
import { MODEL_OPTIONS, modelRequest, openModel } from '../../modelSource';
import {
  asUsage,
  isGiven,
  listOf,
  noEffect,
  numberOf,
  type ParsedOptions,
  requiredText,
  UsageError,
} from '../../options';
import { PREVIOUS_STAGE_OPTION, previousStageFromOptions } from '../../previousStage';
import { formatSeconds, ProgressLine } from '../../progressLine';

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
  const part = partOf(options);
  checkStepSize(options);

  const source = await openModel(options);
  const { model } = source.imported;
  const settings = settingsOf(options, model);
  const prediction = await planPrediction({
    modelRequest: await modelRequest(options),
    source,
    previous: await previousStageFromOptions(options, source),
    inputs,
    output,
    settings,
    part,
    shouldContinue: isGiven(options, '--continue_prediction'),
    onNotice: (notice) => console.error(notice),
  }).catch(asUsage(['NoSuchInput', 'SeveralCases']));
  const { note, ...device } = await deviceFromOptions(options, model);
  console.log(`${modelTitle(source.imported)}, ${describeSettings(settings, model)}`);
  if (note) console.log(`  ${note}`);
  const { first } = prediction;
  if (first) {
    const before = `${modelTitle(first.imported)}, ${describeSettings(first.settings, first.imported.model)}`;
    console.log(`  second stage of a cascade; runs after ${before}`);
  }

  const progress = new ProgressLine(!isGiven(options, '--disable_progress_bar'));
  const isVerbose = isGiven(options, '--verbose');
  const reports = await prediction.run({
    ...device,
    tuning: nodeTuning(),
    signal,
    watch: (stage) => {
      const before = stage === undefined ? '' : `${stage} `;
      return {
        onProgress: (caseId, each) => progress.show(before + caseId, each),
        onCase: (report) => {
          progress.clear();
          printReport(report, before, isVerbose);
        },
      };
    },
  });
  return summarise(reports);
}

function partOf(options: ParsedOptions): { count: number; id: number } {
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
