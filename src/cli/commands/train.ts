import path from 'node:path';
import { trainFold } from '@/app/trainFold';
import { type Fold, openFold } from '@/app/trainFoldSetup';
import type { TrainingSchedule } from '@/core/planning/trainingCost';
import { type Trainer, trainerNamed } from '@/core/training/trainers';
import type { EpochReport } from '@/core/training/trainingRun';
import { openNodeGpu } from '@/gpu/nodeGpu';
import { formatBytes } from '@/shared/numeric';
import { datasetFolder, nodeCheckpoints, nodeFile } from '@/storage/nodeFiles';
import { type Command, EXIT } from '../command';
import { nnunetResults } from '../modelSource';
import { namedDataset } from '../nnunetFolders';
import { isGiven, numberOf, type ParsedOptions, textOf, UsageError } from '../options';
import { formatSeconds, ProgressLine } from '../progressLine';

export const trainCommand: Command = {
  name: 'train',
  summary: 'trains a configuration on a fold, then validates it',
  usage: 'DATASET CONFIGURATION FOLD [OPTIONS]',
  options: [
    { names: ['-tr'], kind: 'text', value: 'TRAINER', description: 'trainer (default nnUNetTrainer)' },
    { names: ['-p'], kind: 'text', value: 'PLANS', description: 'plans (default nnUNetPlans)' },
    {
      names: ['-pretrained_weights'],
      kind: 'text',
      value: 'FILE',
      description: 'checkpoint to start from; its heads are not taken',
    },
    { names: ['--c'], kind: 'flag', description: 'goes on from the newest checkpoint' },
    { names: ['--val'], kind: 'flag', description: 'only validates' },
    {
      names: ['--val_best'],
      kind: 'flag',
      description: 'validates checkpoint_best instead of checkpoint_final',
    },
    { names: ['--npz'], kind: 'flag', description: 'keeps the probabilities of the validation' },
    { names: ['--disable_checkpointing'], kind: 'flag', description: 'writes no checkpoints' },
    { names: ['-device'], kind: 'text', value: 'NAME', description: 'ignored: the GPU is used' },
    { names: ['-raw'], kind: 'text', value: 'FOLDER', description: 'instead of the variable nnUNet_raw' },
    {
      names: ['-preprocessed'],
      kind: 'text',
      value: 'FOLDER',
      description: 'instead of the variable nnUNet_preprocessed',
    },
    {
      names: ['-results'],
      kind: 'text',
      value: 'FOLDER',
      description: 'instead of the variable nnUNet_results',
    },
    {
      names: ['--seed'],
      kind: 'number',
      value: 'N',
      description: 'not of nnU-Net: seed of weights and patches (default 0)',
    },
    {
      names: ['--iterations'],
      kind: 'number',
      value: 'N',
      description: 'not of nnU-Net: training iterations of an epoch (default 250)',
    },
    {
      names: ['--val_iterations'],
      kind: 'number',
      value: 'N',
      description: 'not of nnU-Net: validation iterations of an epoch (default 50)',
    },
  ],
  notes: [],
  examples: [
    'nnstudio train 4 3d_fullres 0',
    'nnstudio train 4 3d_fullres 0 -tr nnUNetTrainer_100epochs --npz',
  ],
  run,
};

async function run(options: ParsedOptions, signal: AbortSignal): Promise<number> {
  const [dataset, configurationName, foldText] = options.positionals;
  if (foldText === undefined) throw new UsageError('train takes a dataset, a configuration and a fold.');
  const fold = foldOf(foldText);
  const named = await namedDataset(dataset, options);
  const plansName = textOf(options, '-p') ?? 'nnUNetPlans';
  const trainer = trainerOf(options);
  const setup = await openFold({
    preprocessed: datasetFolder(named.preprocessedFolder),
    plansName,
    configurationName,
    fold,
  });
  const resultsRoot = textOf(options, '-results') ?? nnunetResults();
  const modelFolder = path.join(
    resultsRoot,
    named.name,
    `${trainer.name}__${plansName}__${configurationName}`,
  );
  const pretrained = textOf(options, '-pretrained_weights');
  const line = new ProgressLine(true);
  const outcome = await trainFold({
    setup,
    trainer,
    seed: numberOf(options, '--seed', 0),
    results: datasetFolder(modelFolder),
    checkpoints: nodeCheckpoints(path.join(modelFolder, `fold_${fold}`)),
    shouldContinue: isGiven(options, '--c'),
    ...(pretrained && { pretrainedWeights: await nodeFile(pretrained) }),
    hasCheckpoints: !isGiven(options, '--disable_checkpointing'),
    openGpu: openNodeGpu,
    signal,
    onStart: ({ epoch, seed, plannedBytes }) =>
      console.log(
        `epoch ${epoch} of ${trainer.schedule.epochs}, seed ${seed}, ${formatBytes(plannedBytes)} on the GPU`,
      ),
    onStep: ({ epoch, stage, done, total }) => line.show(`epoch ${epoch}`, { stage, share: done / total }),
    onEpoch: (report) => {
      line.clear();
      console.log(describeEpoch(report));
    },
  });
  line.clear();
  if (outcome === 'stopped') {
    console.log('stopped; --c goes on');
    return EXIT.cancelled;
  }
  return EXIT.ok;
}

function foldOf(text: string): Fold {
  if (text === 'all') return 'all';
  if (/^\d+$/.test(text)) return Number(text);
  throw new UsageError(`The fold is a number or all, not ${text}.`);
}

function trainerOf(options: ParsedOptions): Trainer {
  const trainer = trainerNamed(textOf(options, '-tr') ?? 'nnUNetTrainer');
  const schedule: TrainingSchedule = {
    ...trainer.schedule,
    iterationsPerEpoch: numberOf(options, '--iterations', trainer.schedule.iterationsPerEpoch),
    validationIterationsPerEpoch: numberOf(
      options,
      '--val_iterations',
      trainer.schedule.validationIterationsPerEpoch,
    ),
  };
  return { ...trainer, schedule };
}

function describeEpoch(report: EpochReport): string {
  const { epoch, learningRate, trainLoss, valLoss, dicePerClassOrRegion, emaFgDice, seconds, dataWaitShare } =
    report;
  const dice = dicePerClassOrRegion.map((value) => value.toFixed(4)).join(', ');
  return `epoch ${epoch}: lr ${learningRate.toPrecision(3)}, train ${trainLoss.toFixed(4)}, val ${valLoss.toFixed(4)}, pseudo Dice [${dice}], EMA ${emaFgDice.toFixed(4)}, ${formatSeconds(seconds)}, data wait ${(100 * dataWaitShare).toFixed(1)} %`;
}
