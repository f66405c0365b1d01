import { type ImportedModel, importModels } from '@/core/interop/importModel';
import { xyzConfiguration } from '@/core/planning/xyzConfiguration';
import { messageOf } from '@/shared/errors';
import { formatBytes } from '@/shared/numeric';
import { filesBelow, kindOf } from '@/storage/nodeFiles';
import { type Command, EXIT } from '../../command';
import { formatSizes } from '../../describe/table';
import { nnunetResults } from '../../modelSource';
import { type ParsedOptions, UsageError } from '../../options';

export const modelsCommand: Command = {
  name: 'models',
  summary: 'lists the trained models below nnUNet_results',
  usage: '[FOLDER]',
  options: [],
  notes: ['Without FOLDER, the environment variable nnUNet_results names it.'],
  examples: ['nnstudio models', 'nnstudio models /data/nnUNet_results'],
  run,
};

async function run({ positionals }: ParsedOptions): Promise<number> {
  const folder = positionals[0] ?? nnunetResults();
  if ((await kindOf(folder)) !== 'folder') throw new UsageError(`${folder} is not a folder.`);
  let hasFailed = false;
  for (const outcome of await importModels(await filesBelow(folder))) {
    if ('imported' in outcome) {
      for (const line of lines(outcome.imported)) console.log(line);
    } else {
      console.error(`${outcome.origin}\n  cannot be used: ${messageOf(outcome.error)}`);
      hasFailed = true;
    }
  }
  return hasFailed ? EXIT.someFailed : EXIT.ok;
}

function lines({ origin, model, sizeInBytes, crossValidationDice }: ImportedModel): readonly string[] {
  const { patchSize, spacing } = xyzConfiguration(model.configuration, model.plans.transposeBackward);
  const names = [...model.labels.names].filter(([value]) => value !== 0).map(([, name]) => name);
  const folds = model.folds.map(({ fold, validationDice }) =>
    validationDice === undefined ? fold : `${fold} (Dice ${validationDice.toFixed(3)})`,
  );
  const dice =
    crossValidationDice === undefined ? '' : `, cross-validation Dice ${crossValidationDice.toFixed(3)}`;
  return [
    origin,
    `  labels ${names.join(', ')}`,
    `  folds ${folds.join(', ')}${dice}; ${formatBytes(sizeInBytes)}`,
    `  patch ${formatSizes(patchSize)}, spacing ${formatSizes(spacing)} mm`,
  ];
}
