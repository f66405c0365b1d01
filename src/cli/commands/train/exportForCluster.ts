import path from 'node:path';
import {
  type ClusterExport,
  clusterParts,
  clusterSchedule,
  clusterSplitNotices,
  clusterSummary,
  withoutStaleFinal,
} from '@/app/train/exportForCluster';
import { assertLabelled } from '@/core/dataset/unlabelledCases';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { readText } from '@/core/io/sourceFile';
import { type ZipPart, zipPart } from '@/core/io/zipStream';
import { configurationOf, readPlans } from '@/core/planning/readPlans';
import { StudioError } from '@/shared/errors';
import { formatBytes } from '@/shared/numeric';
import { filesBelow, kindOf, nodeDatasetFolder, nodeFile } from '@/storage/nodeFiles';
import { Outputs, pathsOf } from '@/storage/outputs';
import { type Command, EXIT } from '../../command';
import { nnunetResults } from '../../modelSource';
import { type NamedDataset, namedDataset, openDataset } from '../../nnunetFolders';
import { isGiven, numberOf, type ParsedOptions, requiredText, textOf, UsageError } from '../../options';
import { foldOf, trainerIn, unaskedIterations } from '../../scheduleOptions';
import { writeWithProgress } from '../models/exportModel';

export const exportForClusterCommand: Command = {
  name: 'export_for_cluster',
  summary: 'packs a training with its data, to go on under nnU-Net on several GPUs',
  usage: 'DATASET CONFIGURATION FOLD -o ZIP|FOLDER [OPTIONS]',
  options: [
    { names: ['-o'], kind: 'text', value: 'OUTPUT', description: 'the zip to write, or a folder' },
    { names: ['-tr'], kind: 'text', value: 'TRAINER', description: 'trainer (default nnUNetTrainer)' },
    { names: ['-p'], kind: 'text', value: 'PLANS', description: 'plans (default nnUNetPlans)' },
    { names: ['-num_gpus'], kind: 'number', value: 'N', description: 'GPUs to train on there (default 1)' },
    {
      names: ['--no_raw'],
      kind: 'flag',
      description: 'without nnUNet_raw, which training does not read',
    },
    {
      names: ['--iterations'],
      kind: 'number',
      value: 'N',
      description: 'training iterations of an epoch (default: as the checkpoint tells, else 250)',
    },
    {
      names: ['--val_iterations'],
      kind: 'number',
      value: 'N',
      description: 'validation iterations of an epoch (default: as the checkpoint tells, else 50)',
    },
    ...(['raw', 'preprocessed', 'results'] as const).map(
      (kind) =>
        ({
          names: [`-${kind}`],
          kind: 'text',
          value: 'FOLDER',
          description: `instead of the variable nnUNet_${kind}`,
        }) as const,
    ),
    { names: ['--disable_progress_bar'], kind: 'flag', description: 'no progress line' },
  ],
  notes: [
    'nnUNet_raw, nnUNet_preprocessed and nnUNet_results as nnU-Net lays them out, and CONTINUE.txt with the commands.',
    'What comes back is a model folder: predict -m, import_model, the studio, and train --c take it.',
  ],
  examples: [
    'nnstudio export_for_cluster 4 3d_fullres 0 -num_gpus 4 -o hippocampus_fold_0.zip',
    'nnstudio export_for_cluster 4 3d_fullres 0 -tr nnUNetTrainer_30epochs -o cluster --no_raw',
  ],
  run,
};

async function run(options: ParsedOptions, signal: AbortSignal): Promise<number> {
  const output = requiredText(options, '-o', 'the zip or folder to write');
  const job = await jobOf(options);
  const parts = clusterParts(job);
  const { sizeInBytes, fileCount, commands, notes } = clusterSummary(job);
  console.log(`${fileCount} files, ${formatBytes(sizeInBytes)}`);
  const outputs = await Outputs.beside(pathsOf(await Promise.all(parts.map((part) => part.open()))));
  if (/\.zip$/i.test(output)) {
    await outputs.assertFree([output]);
    await writeWithProgress(outputs, output, parts, options, signal);
  } else {
    await outputs.assertFolderFree(
      output,
      parts.map((part) => part.path),
    );
    await writeFolder(outputs, output, parts, signal);
  }
  for (const note of notes) console.log(note);
  console.log(['', 'There:', ...commands.map((line) => `  ${line}`)].join('\n'));
  return EXIT.ok;
}

async function writeFolder(
  outputs: Outputs,
  output: string,
  parts: readonly ZipPart[],
  signal: AbortSignal,
): Promise<void> {
  if ((await kindOf(output)) === 'file')
    throw new UsageError(`${output} is a file.`, 'Name a folder or a zip.');
  const folder = outputs.folder(output);
  for (const part of parts) {
    signal.throwIfAborted();
    await folder.write(part.path, await (await part.open()).bytes());
  }
  console.log(output);
}

async function jobOf(options: ParsedOptions): Promise<ClusterExport> {
  const [dataset, configurationName, foldText, ...rest] = options.positionals;
  if (foldText === undefined || rest.length > 0) {
    throw new UsageError(
      'export_for_cluster takes a dataset, a configuration and a fold, as train does.',
      'For example: export_for_cluster 4 3d_fullres 0 -o fold_0.zip',
    );
  }
  const fold = foldOf(foldText);
  const gpus = numberOf(options, '-num_gpus', 1);
  if (!Number.isInteger(gpus) || gpus < 1) throw new UsageError('-num_gpus must be a whole number from 1.');
  const named = await namedDataset(dataset, options);
  const { name, preprocessedFolder } = named;
  const plansName = textOf(options, '-p') ?? 'nnUNetPlans';
  const trainer = trainerIn(options);
  const plansPath = path.join(preprocessedFolder, `${plansName}.json`);
  if ((await kindOf(plansPath)) !== 'file') {
    throw new StudioError('NoPlans', `There is no ${plansPath}.`, 'Run plan_and_preprocess first.');
  }
  const plans = readPlans(await readText(await nodeFile(plansPath)), plansPath);
  const { batchSize, dataIdentifier, previousStage } = configurationOf(plans, configurationName, plansPath);
  const results = path.join(textOf(options, '-results') ?? nnunetResults(), name);
  const modelName = (configuration: string) => `${trainer.name}__${plansName}__${configuration}`;
  const ofFold = await withoutStaleFinal(
    await resultsOfFold(path.join(results, modelName(configurationName)), `fold_${foldText}`),
  );
  const beforeThis = previousStage
    ? await nextStageFiles(results, `${name}/${modelName(previousStage)}`, configurationName)
    : [];
  const splitNotices = await clusterSplitNotices({
    question: { preprocessed: nodeDatasetFolder(preprocessedFolder), plansName, configurationName, fold },
    trainer,
    hasCheckpoint: ofFold.some((part) => part.path.endsWith('.pth')),
    previousStage: beforeThis,
  });
  return {
    datasetName: name,
    plansName,
    configurationName,
    fold,
    trainerName: trainer.name,
    schedule: await clusterSchedule(trainer, ofFold, unaskedIterations(options, trainer)),
    batchSize: trainer.batchSize ?? batchSize,
    gpus,
    splitNotices,
    dataIdentifier,
    raw: isGiven(options, '--no_raw') ? [] : await rawFiles(named),
    preprocessed: await filesUnder(preprocessedFolder),
    results: ofFold,
    previousStage: beforeThis,
  };
}

/** The raw dataset, where it is here. Throws `NoLabelMaps` where cases lack theirs: nnU-Net would refuse it. */
async function rawFiles(named: NamedDataset) {
  const files = await filesUnder(named.rawFolder);
  const json = `${named.name}/${NNUNET_FILES.dataset}`;
  if (files.some(({ path: file }) => file === json)) assertLabelled(await openDataset(named));
  return files;
}

async function filesUnder(folder: string) {
  return (await kindOf(folder)) === 'folder' ? filesBelow(folder) : [];
}

/** Of the model folder: the files beside the folds, and the fold without its predictions. */
async function resultsOfFold(folder: string, fold: string): Promise<readonly ZipPart[]> {
  return (await filesUnder(folder)).flatMap((file): readonly ZipPart[] => {
    const below = file.path.slice(file.path.indexOf('/') + 1);
    const isTaken = !below.includes('/') || (below.startsWith(`${fold}/`) && !/\/validation\//.test(below));
    return isTaken ? [zipPart(file, below)] : [];
  });
}

async function nextStageFiles(
  results: string,
  model: string,
  configurationName: string,
): Promise<readonly ZipPart[]> {
  const below = `predicted_next_stage/${configurationName}`;
  const files = await filesUnder(path.join(results, model.split('/')[1], below));
  return files.map((file) => zipPart(file, `${model}/${below}/${path.basename(file.path)}`));
}
