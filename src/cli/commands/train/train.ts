import { hostname } from 'node:os';
import path from 'node:path';
import { type OpenedTraining, openTrainingOnDisk } from '@/app/train/openTrainingOnDisk';
import {
  trainAndValidate,
  type ValidateTrainedFoldRequest,
  validateTrainedFold,
} from '@/app/train/trainAndValidate';
import type { EvaluationSummary } from '@/core/evaluation/summary';
import { CHECKPOINTS, NNUNET_FILES } from '@/core/interop/nnunetFiles';
import type { SourceFile } from '@/core/io/sourceFile';
import { TRAINER_NAMES } from '@/core/training/trainers';
import { openNodeGpu } from '@/gpu/nodeGpu';
import { messageOf, StudioError } from '@/shared/errors';
import { filesBelow, kindOf, nodeFile } from '@/storage/nodeFiles';
import { nodeTuning } from '@/storage/nodeTuning';
import { Outputs } from '@/storage/outputs';
import { type Command, EXIT } from '../../command';
import { describeEpoch, describeStart, RunProgress } from '../../describe/training';
import { nnunetResults } from '../../modelSource';
import { namedDataset } from '../../nnunetFolders';
import { isGiven, noEffect, numberOf, type ParsedOptions, textOf, UsageError } from '../../options';
import { formatSeconds, ProgressLine } from '../../progressLine';
import { foldOf, trainerIn, unaskedIterations } from '../../scheduleOptions';

/** Marks options that nnU-Net does not have. */
const OURS = '[ours]';

export const trainCommand: Command = {
  name: 'train',
  summary: 'trains a configuration on one fold, then validates it',
  usage: 'DATASET CONFIGURATION FOLD [OPTIONS]',
  options: [
    { names: ['-tr'], kind: 'text', value: 'TRAINER', description: 'trainer (default nnUNetTrainer)' },
    { names: ['-p'], kind: 'text', value: 'PLANS', description: 'plans (default nnUNetPlans)' },
    {
      names: ['-pretrained_weights'],
      kind: 'text',
      value: 'FILE',
      description: 'checkpoint whose weights a new training starts from, heads left out',
    },
    {
      names: ['--c'],
      kind: 'flag',
      description: 'continues from the newest checkpoint, under the length that -tr names',
    },
    { names: ['--val'], kind: 'flag', description: 'only validates checkpoint_final.pth' },
    { names: ['--val_best'], kind: 'flag', description: 'validates checkpoint_best.pth instead' },
    { names: ['--npz'], kind: 'flag', description: 'keeps the probabilities of the validation' },
    { names: ['--disable_checkpointing'], kind: 'flag', description: 'writes no checkpoints' },
    {
      names: ['-device'],
      kind: 'text',
      value: 'NAME',
      description: noEffect('it is always the GPU'),
    },
    { names: ['-num_gpus'], kind: 'number', value: 'N', description: noEffect('one GPU trains') },
    ...folderOption('-raw', 'nnUNet_raw'),
    ...folderOption('-preprocessed', 'nnUNet_preprocessed'),
    ...folderOption('-results', 'nnUNet_results'),
    {
      names: ['--seed'],
      kind: 'number',
      value: 'N',
      description: `${OURS} of weights, patches and augmentation (default 0)`,
    },
    {
      names: ['--iterations'],
      kind: 'number',
      value: 'N',
      description: `${OURS} training iterations of an epoch (default 250)`,
    },
    {
      names: ['--val_iterations'],
      kind: 'number',
      value: 'N',
      description: `${OURS} validation iterations of an epoch (default 50)`,
    },
    {
      names: ['--checkpoint_minutes'],
      kind: 'number',
      value: 'N',
      description: `${OURS} checkpoint_latest.pth at least so often (default 10)`,
    },
    {
      names: ['--f16'],
      kind: 'flag',
      description: `${OURS} feature maps as f16: half the memory, on GPUs that have it`,
    },
    { names: ['--no_validation'], kind: 'flag', description: `${OURS} ends with the last epoch` },
    { names: ['--no_pbar'], kind: 'flag', description: `${OURS} no progress line` },
  ],
  notes: [
    `Trainers: ${TRAINER_NAMES.join(', ')}.`,
    'Any of them may be followed by _Xepochs: nnUNetTrainerAdam1en3_30epochs. Primus and the trainers of nnssl checkpoints',
    'are left to nnU-Net.',
    'To train longer, copy the fold below the folder of the longer trainer and give --c.',
    'Ctrl-C writes a checkpoint and stops; --c resumes from it with bit-identical results.',
    'Checkpoints are nnU-Net’s own; a training begun by nnU-Net is gone on with too.',
    `Options marked ${OURS} are not nnU-Net’s.`,
  ],
  examples: [
    'nnstudio train 4 3d_fullres 0',
    'nnstudio train 4 3d_fullres 0 --c',
    'nnstudio train Dataset004_Hippocampus 2d all -tr nnUNetTrainer_100epochs --npz',
    'nnstudio train 4 3d_fullres 0 -pretrained_weights fold_0/checkpoint_final.pth',
  ],
  run,
};

function folderOption(name: string, variable: string) {
  const description = `instead of the variable ${variable}`;
  return [{ names: [name], kind: 'text', value: 'FOLDER', description } as const];
}

async function run(options: ParsedOptions, signal: AbortSignal): Promise<number> {
  if (isGiven(options, '--c') && isGiven(options, '--val')) {
    throw new UsageError('--c trains on, --val only validates: give one of them.');
  }
  const training = await openTraining(options);
  const line = new ProgressLine(!isGiven(options, '--no_pbar'));
  const validation = validationOptions(training, options, line, signal);
  const started = performance.now();
  if (isGiven(options, '--val')) {
    const summary = await validateTrainedFold(validation);
    sayValidated(training, summary, line, started);
    return EXIT.ok;
  }
  return runTraining(training, options, line, validation);
}

async function openTraining(options: ParsedOptions): Promise<OpenedTraining> {
  const [dataset, configurationName, foldText, ...rest] = options.positionals;
  if (foldText === undefined || rest.length > 0) {
    throw new UsageError(
      'train takes a dataset, a configuration and a fold.',
      'For example: train 4 3d_fullres 0',
    );
  }
  const trainer = trainerIn(options);
  const named = await namedDataset(dataset, options);
  return openTrainingOnDisk({
    preprocessedFolder: named.preprocessedFolder,
    resultsFolder: path.join(textOf(options, '-results') ?? nnunetResults(), named.name),
    plansName: textOf(options, '-p') ?? 'nnUNetPlans',
    configurationName,
    fold: foldOf(foldText),
    trainer,
    onNoPicture: tellNoPicture,
  });
}

function tellNoPicture(reason: string): void {
  console.error(`nnstudio: progress.png is left out: ${reason}.`);
}

/** What validating depends on, and a line for each case that is validated. */
function validationOptions(
  training: OpenedTraining,
  options: ParsedOptions,
  line: ProgressLine,
  signal: AbortSignal,
): ValidateTrainedFoldRequest {
  return {
    ...training,
    validatesBest: isGiven(options, '--val_best'),
    shouldSaveProbabilities: isGiven(options, '--npz'),
    openGpu: openNodeGpu,
    signal,
    onCheckpoint: (text) => console.log(text),
    onProgress: (caseId, { stage, share }) => line.show(caseId, { stage, share }),
    onCase: ({ caseId, dice, done, total }) => {
      line.clear();
      const values = [...dice].map(([label, value]) => `${label}: ${value.toFixed(4)}`);
      console.log(`${caseId} (${done} of ${total}): Dice ${values.join(', ')}`);
    },
  };
}

/** Trains, validates, and says how it went. Returns the exit status. */
async function runTraining(
  training: OpenedTraining,
  options: ParsedOptions,
  line: ProgressLine,
  validation: ValidateTrainedFoldRequest,
): Promise<number> {
  const hasCheckpoints = !isGiven(options, '--disable_checkpointing');
  const pretrainedWeights = await pretrainedWeightsOf(training, options);
  const progress = new RunProgress();
  let hasStarted = false;
  let trainedAt = 0;
  const { status, state, summary } = await trainAndValidate({
    ...validation,
    seed: numberOf(options, '--seed', 0),
    shouldContinue: isGiven(options, '--c'),
    expectsCheckpoint: isGiven(options, '--c'),
    unasked: unaskedIterations(options, training.trainer),
    ...(pretrainedWeights && { pretrainedWeights }),
    hasCheckpoints: hasCheckpoints && !training.trainer.isBenchmark,
    minutesBetweenCheckpoints: numberOf(options, '--checkpoint_minutes', 10),
    storage: isGiven(options, '--f16') ? 'f16' : 'f32',
    tuning: nodeTuning(),
    hostName: hostname(),
    skipsValidation: isGiven(options, '--no_validation'),
    onStart: (report) => {
      line.clear();
      progress.begin(report);
      hasStarted = true;
      console.log(describeStart(training, report));
    },
    onNotice: (notice) => {
      line.clear();
      console.log(notice);
    },
    onTrouble: (error) => {
      line.clear();
      console.error(`nnstudio: ${messageOf(error)} The training goes on.`);
    },
    onStep: (step) => line.show(`epoch ${step.epoch}`, { ...progress.of(step), stage: step.stage }),
    onEpoch: (report) => {
      line.clear();
      progress.endEpoch(report);
      console.log(describeEpoch(report, progress.secondsLeft(report)));
    },
    onTrained: (outcome) => {
      trainedAt = performance.now();
      if (!hasStarted) console.log(`All ${outcome.state.epoch} epochs are done.`);
    },
  });
  if (status === 'stopped') {
    const kept = hasCheckpoints ? '--c goes on from here' : 'nothing was kept';
    console.log(`Stopped in epoch ${state.epoch}; ${kept}.`);
    return EXIT.cancelled;
  }
  if (summary) sayValidated(training, summary, line, trainedAt);
  return EXIT.ok;
}

function sayValidated(
  { setup, modelFolder }: OpenedTraining,
  { cases, foregroundMean }: EvaluationSummary,
  line: ProgressLine,
  started: number,
): void {
  line.clear();
  const seconds = formatSeconds((performance.now() - started) / 1000);
  const file = `${modelFolder}/fold_${setup.question.fold}/validation/${NNUNET_FILES.summary}`;
  console.log(
    `Validation of ${cases.length} cases in ${seconds}: mean Dice ${foregroundMean.Dice.toFixed(4)}; ${file}`,
  );
}

/** The checkpoint of `-pretrained_weights`. Throws `WouldReplaceInput` where the training would write over it. */
async function pretrainedWeightsOf(
  { modelFolder, setup }: OpenedTraining,
  options: ParsedOptions,
): Promise<SourceFile | undefined> {
  const pretrained = textOf(options, '-pretrained_weights');
  if (!pretrained) return undefined;
  if (isGiven(options, '--c')) {
    throw new UsageError(
      'A training that is gone on with takes no pretrained weights.',
      'Give --c or -pretrained_weights.',
    );
  }
  const outputs = await Outputs.beside([pretrained]);
  const fold = path.join(modelFolder, `fold_${setup.question.fold}`);
  await outputs.assertFolderFree(fold, Object.values(CHECKPOINTS));
  return pretrainedFile(pretrained);
}

/** What `-pretrained_weights` names. Messages about it begin with the option. */
async function pretrainedFile(location: string): Promise<SourceFile> {
  const kind = await kindOf(location);
  if (kind === 'file') return nodeFile(location, `-pretrained_weights ${location}`);
  const [checkpoint] =
    kind === 'folder'
      ? (await filesBelow(location))
          .filter(({ path: name }) => /\/checkpoint_[^/]+\.pth$/.test(name))
          .reverse()
      : [];
  const within = checkpoint?.path.slice(checkpoint.path.indexOf('/') + 1);
  throw new StudioError(
    'NoCheckpoint',
    `-pretrained_weights ${location} ${kind === 'folder' ? 'is a folder' : 'does not exist'}.`,
    within === undefined
      ? 'Name a checkpoint of another training, such as fold_0/checkpoint_final.pth.'
      : `Name the checkpoint itself: ${path.join(location, within)}.`,
  );
}
