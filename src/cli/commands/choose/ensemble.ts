import { ensembleFolders } from '@/app/choose/ensembleFolders';
import { messageOf } from '@/shared/errors';
import type { PlacedFolder } from '@/storage/folderViews';
import { Outputs } from '@/storage/outputs';
import { type Command, EXIT } from '../../command';
import { isGiven, listOf, type ParsedOptions, requiredText, UsageError } from '../../options';
import { existingFolder, PROCESSES_OPTION } from '../../trainedModels';
import { DESCRIPTION_OPTIONS, descriptionPaths, descriptionsOf } from './determinePostprocessing';

export const ensembleCommand: Command = {
  name: 'ensemble',
  summary: 'averages the probabilities of several predictions',
  usage: '-i FOLDER… -o RESULTS [OPTIONS]',
  options: [
    {
      names: ['-i'],
      kind: 'list',
      value: 'FOLDER…',
      description: 'predictions of the same cases, made with --save_probabilities',
    },
    { names: ['-o'], kind: 'text', value: 'FOLDER', description: 'for the results' },
    ...DESCRIPTION_OPTIONS,
    PROCESSES_OPTION,
    { names: ['--save_npz'], kind: 'flag', description: 'keeps the averaged {case}.npz and {case}.pkl' },
  ],
  notes: ['Without -plans_json and -dataset_json, which are not nnU-Net’s, those in the first folder count.'],
  examples: ['nnstudio ensemble -i predictions_2d predictions_3d_fullres -o predictions'],
  run,
};

async function run(options: ParsedOptions, signal: AbortSignal): Promise<number> {
  const asked = listOf(options, '-i');
  if (!asked) throw new UsageError('-i is missing: the folders to average.');
  const output = requiredText(options, '-o', 'the folder for the results');
  const inputs: PlacedFolder[] = [];
  for (const each of asked) inputs.push(await existingFolder(each, 'a folder of predictions'));
  const outputs = await Outputs.beside([
    ...inputs.map(({ location }) => location),
    ...descriptionPaths(options),
  ]);
  for (const { folder } of inputs) await outputs.assertFolderFree(output, await folder.list(''));
  const reports = await ensembleFolders({
    inputs,
    output: outputs.folder(output),
    ...(await descriptionsOf(options)),
    shouldSaveProbabilities: isGiven(options, '--save_npz'),
    signal,
    onCase: ({ caseId, status, error, done, total }) => {
      if (status === 'failed') console.error(`${caseId}: FAILED. ${messageOf(error)}`);
      else console.log(`${caseId} (${done} of ${total}): averaged`);
    },
  });
  console.log(
    `${reports.length} ${reports.length === 1 ? 'case' : 'cases'}, ${inputs.length} predictions each, in ${output}`,
  );
  return EXIT.ok;
}
