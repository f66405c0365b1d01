import path from 'node:path';
import { exportedFolderName } from '@/app/models/exportModel';
import { CHECKPOINTS } from '@/core/interop/nnunetFiles';
import { type ResultsOptions, resultsParts } from '@/core/interop/resultsExport';
import type { SourceFile } from '@/core/io/sourceFile';
import type { ZipPart } from '@/core/io/zipStream';
import { partForAnyNnunet } from '@/core/training/stockTrainer';
import { formatBytes } from '@/shared/numeric';
import { filesBelow, kindOf } from '@/storage/nodeFiles';
import { Outputs } from '@/storage/outputs';
import { type Command, EXIT } from '../../command';
import { nnunetResults, openModel, resultsFolderOfDataset } from '../../modelSource';
import {
  isGiven,
  listOf,
  noEffect,
  type ParsedOptions,
  requiredText,
  textOf,
  UsageError,
} from '../../options';
import { ProgressLine } from '../../progressLine';

export const exportModelCommand: Command = {
  name: 'export_model',
  aliases: ['export_model_to_zip'],
  summary: 'packs trained models into a zip that nnU-Net installs',
  usage: '(-d DATASET | -m FOLDER) -o ZIP [OPTIONS]',
  options: [
    { names: ['-o'], kind: 'text', value: 'ZIP', description: 'the zip to write' },
    { names: ['-d'], kind: 'text', value: 'DATASET', description: 'dataset id or name below nnUNet_results' },
    { names: ['-m'], kind: 'text', value: 'FOLDER', description: 'or: one model folder, wherever it is' },
    {
      names: ['-c'],
      kind: 'list',
      value: 'CONFIG…',
      description: 'configurations (default: those that are trained)',
    },
    { names: ['-tr'], kind: 'text', value: 'TRAINER', description: 'trainer (default nnUNetTrainer)' },
    { names: ['-p'], kind: 'text', value: 'PLANS', description: 'plans (default nnUNetPlans)' },
    {
      names: ['-f'],
      kind: 'list',
      value: 'FOLD…',
      description: 'folds (default: every one that has the checkpoint)',
    },
    {
      names: ['-chk'],
      kind: 'list',
      value: 'NAME…',
      description: 'checkpoints (default checkpoint_final.pth)',
    },
    {
      names: ['--exp_cv_preds'],
      kind: 'flag',
      description: 'the predictions of cross-validation too, not their summaries alone',
    },
    {
      names: ['--not_strict'],
      kind: 'flag',
      description: noEffect('nor has it in nnU-Net'),
    },
    { names: ['--disable_progress_bar'], kind: 'flag', description: 'no progress line' },
  ],
  notes: [
    'The zip is laid out as nnUNetv2_export_model_to_zip lays it out, ensembles and post-processing included;',
    'nnUNetv2_install_pretrained_model_from_zip and nnstudio import_model unpack it. A checkpoint of a trainer that nnU-Net',
    'does not have (…_30epochs, or one of a cluster) names the class of nnU-Net with the same network.',
    'What -c and -f name must be there; nnU-Net asks for all configurations and folds where they are left out.',
  ],
  examples: [
    'nnstudio export_model -d 4 -o hippocampus.zip',
    'nnstudio export_model -d 4 -c 2d 3d_fullres -f 0 1 2 3 4 -chk checkpoint_final.pth checkpoint_best.pth -o both.zip',
    'nnstudio export_model -m nnUNetTrainer__nnUNetPlans__3d_fullres -o hippocampus.zip',
  ],
  run,
};

async function run(options: ParsedOptions, signal: AbortSignal): Promise<number> {
  const output = requiredText(options, '-o', 'the zip to write');
  const outputs = await Outputs.beside([textOf(options, '-m') ?? (await resultsOfDataset(options))]);
  await outputs.assertFree([output]);
  const found = isGiven(options, '-m') ? await partsOfFolder(options) : await partsOfDataset(options);
  const parts = found.map(partForAnyNnunet);
  await writeWithProgress(outputs, output, parts, options, signal);
  return EXIT.ok;
}

/** Writes the archive, with a line that tells how far it is, and says what it is. */
export async function writeWithProgress(
  outputs: Outputs,
  output: string,
  parts: readonly ZipPart[],
  options: ParsedOptions,
  signal: AbortSignal,
): Promise<void> {
  const line = new ProgressLine(!isGiven(options, '--disable_progress_bar'));
  const total = parts.reduce((sum, { sizeInBytes }) => sum + sizeInBytes, 0);
  const size = await outputs.writeArchive(output, parts, {
    signal,
    onProgress: (bytes) => line.show(path.basename(output), { stage: 'writing', share: bytes / total }),
  });
  line.clear();
  console.log(`${output}: ${parts.length} files, ${formatBytes(size)}`);
}

/** The dataset's folder below nnUNet_results. */
async function resultsOfDataset(options: ParsedOptions): Promise<string> {
  const dataset = textOf(options, '-d');
  if (dataset === undefined) throw new UsageError('Name the models: -d DATASET, or -m FOLDER.');
  const results = nnunetResults();
  return path.join(results, await resultsFolderOfDataset(results, dataset));
}

async function partsOfDataset(options: ParsedOptions): Promise<readonly ZipPart[]> {
  const folder = await resultsOfDataset(options);
  return resultsParts(await filesBelow(folder), {
    ...optionsOf(options),
    datasetName: path.basename(folder),
    trainerName: textOf(options, '-tr') ?? 'nnUNetTrainer',
    plansName: textOf(options, '-p') ?? 'nnUNetPlans',
    configurations: listOf(options, '-c'),
  });
}

/** The folder's own name where it is nnU-Net's, which tells its trainer; the dataset's is in the plans. */
async function partsOfFolder(options: ParsedOptions): Promise<readonly ZipPart[]> {
  const folder = requiredText(options, '-m', 'the model folder');
  if ((await kindOf(folder)) !== 'folder') throw new UsageError(`-m ${folder} is not a folder.`);
  const { model } = (await openModel(firstFoldOf(options))).imported;
  const own = path.basename(path.resolve(folder));
  const name = own.split('__').length === 3 ? own : exportedFolderName(model);
  const [trainerName, plansName, configuration] = name.split('__');
  const below = (file: SourceFile) => file.path.slice(file.path.indexOf('/') + 1);
  const files = (await filesBelow(folder)).map((file) => ({
    ...file,
    path: `${model.datasetName}/${name}/${below(file)}`,
  }));
  return resultsParts(files, {
    ...optionsOf(options),
    datasetName: model.datasetName,
    trainerName,
    plansName,
    configurations: [configuration],
  });
}

function optionsOf(
  options: ParsedOptions,
): Pick<ResultsOptions, 'folds' | 'checkpointNames' | 'hasPredictions'> {
  return {
    folds: listOf(options, '-f'),
    checkpointNames: listOf(options, '-chk') ?? [CHECKPOINTS.final],
    hasPredictions: isGiven(options, '--exp_cv_preds'),
  };
}

/** To learn what the folder is; all its folds are looked at later. */
function firstFoldOf({ values, positionals }: ParsedOptions): ParsedOptions {
  const kept = new Map([...values].filter(([name]) => name === '-m' || name === '-chk'));
  const checkpoint = kept.get('-chk');
  if (checkpoint) kept.set('-chk', checkpoint.slice(0, 1));
  return { values: kept, positionals };
}
