import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { accumulateCrossval, crossvalFolder } from '@/app/evaluate/accumulateCrossval';
import { StudioError } from '@/shared/errors';
import { Outputs } from '@/storage/outputs';
import { type Command, EXIT } from '../../command';
import { describeSummary } from '../../describe/evaluation';
import { type ParsedOptions, requiredText, textOf } from '../../options';
import { ProgressLine } from '../../progressLine';
import {
  assertValidationsStay,
  crossvalReferences,
  datasetPlaces,
  FOLDER_OPTIONS,
  FOLDS_OPTION,
  foldsOf,
  trainedFolder,
  validationsOf,
} from '../../trainedModels';

export const accumulateCrossvalCommand: Command = {
  name: 'accumulate_crossval_results',
  summary: 'gathers the validations of all folds in one folder, and evaluates them together',
  usage: 'DATASET -c CONFIGURATION [OPTIONS]',
  options: [
    { names: ['-c'], kind: 'text', value: 'CONFIG', description: 'configuration' },
    {
      names: ['-o'],
      kind: 'text',
      value: 'FOLDER',
      description: 'an empty or new folder (default: crossval_results_folds_… in the model’s)',
    },
    FOLDS_OPTION,
    { names: ['-p'], kind: 'text', value: 'PLANS', description: 'plans (default nnUNetPlans)' },
    { names: ['-tr'], kind: 'text', value: 'TRAINER', description: 'trainer (default nnUNetTrainer)' },
    ...FOLDER_OPTIONS,
  ],
  notes: [
    'Predictions are evaluated against labelsTr of the raw dataset, or gt_segmentations of the preprocessed one.',
  ],
  examples: [
    'nnstudio accumulate_crossval_results 4 -c 3d_fullres',
    'nnstudio accumulate_crossval_results Dataset004_Hippocampus -c 2d -f 0 1 2 -o crossval',
  ],
  run,
};

async function run(options: ParsedOptions, signal: AbortSignal): Promise<number> {
  const places = await datasetPlaces(options);
  const folds = foldsOf(options);
  const model = await trainedFolder(places, {
    configuration: requiredText(options, '-c', 'the configuration, such as 3d_fullres'),
    plans: textOf(options, '-p') ?? 'nnUNetPlans',
    trainer: textOf(options, '-tr') ?? 'nnUNetTrainer',
  });
  const output = textOf(options, '-o');
  if (output !== undefined) await assertEmpty(output);
  const references = await crossvalReferences(places);
  const validations = validationsOf(model, folds);
  const outputs = await Outputs.beside([...validations, references.location]);
  const location = output === undefined ? crossvalFolder(model, folds).location : path.resolve(output);
  await assertValidationsStay(outputs, location, validations);
  const target = { folder: outputs.folder(location), location };
  const line = new ProgressLine(true);
  const summary = await accumulateCrossval({
    model,
    folds,
    references,
    target,
    shouldOverwrite: true,
    signal,
    onCase: ({ caseId, done, total }) => line.show(caseId, { stage: 'evaluating', share: done / total }),
  });
  line.clear();
  for (const each of describeSummary(summary)) console.log(each);
  console.log(target.location);
  return EXIT.ok;
}

async function assertEmpty(folder: string): Promise<void> {
  const names = await readdir(folder).catch((): string[] => []);
  if (names.length === 0) return;
  throw new StudioError(
    'FolderNotEmpty',
    `${folder} holds ${names.length} files already.`,
    'Name an empty folder, so that nothing of yours is lost.',
  );
}
