import { readerNameOf } from '@/app/plan/planDataset';
import { parseDatasetDocument } from '@/core/dataset/rawDataset';
import { readJson } from '@/core/interop/json';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { readText } from '@/core/io/sourceFile';
import { readAnyPlans } from '@/core/planning/anyPlans';
import { movePlans } from '@/core/planning/movePlans';
import { plansJson } from '@/core/planning/writePlans';
import { StudioError } from '@/shared/errors';
import { nodeDatasetFolder, nodeFile } from '@/storage/nodeFiles';
import { Outputs } from '@/storage/outputs';
import { type Command, EXIT } from '../../command';
import { DATASET_OPTIONS, namedDataset } from '../../nnunetFolders';
import { type ParsedOptions, requiredText, textOf } from '../../options';

export const movePlansCommand: Command = {
  name: 'move_plans_between_datasets',
  summary: 'gives one dataset the plans of another',
  usage: '-s SOURCE -t TARGET -sp PLANS [-tp PLANS]',
  options: [
    {
      names: ['-s'],
      kind: 'text',
      value: 'DATASET',
      description: 'id or name of the dataset that has the plans',
    },
    {
      names: ['-t'],
      kind: 'text',
      value: 'DATASET',
      description: 'id or name of the dataset that gets them',
    },
    { names: ['-sp'], kind: 'text', value: 'PLANS', description: 'their name, like nnUNetPlans' },
    { names: ['-tp'], kind: 'text', value: 'PLANS', description: 'their name there (default: the same)' },
    ...DATASET_OPTIONS.filter(({ names }) => names[0] !== '-d'),
  ],
  notes: ['Both datasets must be in nnUNet_preprocessed; the target needs its dataset.json in nnUNet_raw.'],
  examples: ['nnstudio move_plans_between_datasets -s 4 -t 104 -sp nnUNetPlans -tp nnUNetPlans_from4'],
  run,
};

async function run(options: ParsedOptions): Promise<number> {
  const source = await namedDataset(requiredText(options, '-s', 'the dataset that has the plans'), options);
  const target = await namedDataset(requiredText(options, '-t', 'the dataset that gets them'), options);
  const plansName = requiredText(options, '-sp', 'the name of the plans');
  const file = await nodeDatasetFolder(source.preprocessedFolder).open(`${plansName}.json`);
  if (!file) {
    throw new StudioError(
      'NoPlans',
      `${source.name} has no ${plansName}.json.`,
      'Run plan_experiment first.',
    );
  }
  const json = await nodeFile(`${target.rawFolder}/${NNUNET_FILES.dataset}`).catch(() => undefined);
  if (!json) throw new StudioError('NoDataset', `There is no ${target.rawFolder}/dataset.json.`, 'Check -t.');
  const document = parseDatasetDocument(await readJson(json), json.path);
  const moved = movePlans(readAnyPlans(await readText(file), file.path), {
    datasetName: target.name,
    plansName: textOf(options, '-tp'),
    reader: readerNameOf(document),
  });
  const read = [
    `${source.preprocessedFolder}/${plansName}.json`,
    `${target.rawFolder}/${NNUNET_FILES.dataset}`,
    `${target.preprocessedFolder}/${NNUNET_FILES.fingerprint}`,
  ];
  const folder = (await Outputs.beside(read)).folder(target.preprocessedFolder);
  await folder.write(`${moved.plans_name}.json`, plansJson(moved));
  console.log(`${target.name}: ${moved.plans_name} from ${source.name}`);
  return EXIT.ok;
}
