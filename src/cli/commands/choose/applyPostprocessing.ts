import { applyPostprocessing } from '@/app/choose/applyPostprocessing';
import { readPostprocessing } from '@/core/postprocessing/postprocessingFiles';
import { describeStep } from '@/core/postprocessing/steps';
import { messageOf } from '@/shared/errors';
import { kindOf, nodeFile } from '@/storage/nodeFiles';
import { Outputs } from '@/storage/outputs';
import { type Command, EXIT } from '../../command';
import { type ParsedOptions, requiredText, UsageError } from '../../options';
import { existingFolder, PROCESSES_OPTION } from '../../trainedModels';
import { DESCRIPTION_OPTIONS, descriptionPaths, descriptionsOf } from './determinePostprocessing';

export const applyPostprocessingCommand: Command = {
  name: 'apply_postprocessing',
  summary: 'applies a postprocessing.pkl to predictions',
  usage: '-i PREDICTIONS -o RESULTS -pp_pkl_file FILE [OPTIONS]',
  options: [
    { names: ['-i'], kind: 'text', value: 'FOLDER', description: 'predictions' },
    { names: ['-o'], kind: 'text', value: 'FOLDER', description: 'for the results' },
    {
      names: ['-pp_pkl_file', '--pp_pkl_file'],
      kind: 'text',
      value: 'FILE',
      description: 'postprocessing.pkl, of nnU-Net’s making or ours',
    },
    ...DESCRIPTION_OPTIONS,
    PROCESSES_OPTION,
  ],
  notes: ['The file is read without running what is in it; one that asks for anything else is refused.'],
  examples: ['nnstudio apply_postprocessing -i predictions -o postprocessed -pp_pkl_file postprocessing.pkl'],
  run,
};

async function run(options: ParsedOptions, signal: AbortSignal): Promise<number> {
  const location = requiredText(options, '-pp_pkl_file', 'the postprocessing.pkl');
  const output = requiredText(options, '-o', 'the folder for the results');
  const input = await existingFolder(
    requiredText(options, '-i', 'the folder of the predictions'),
    'the folder of the predictions',
  );
  if ((await kindOf(location)) !== 'file') throw new UsageError(`There is no file ${location}.`);
  const outputs = await Outputs.beside([input.location, location, ...descriptionPaths(options)]);
  await outputs.assertFolderFree(output, await input.folder.list(''));
  const steps = await readPostprocessing(await nodeFile(location));
  const asked = steps.map((step) => `the largest component of ${describeStep(step)}`).join(', then ');
  console.log(asked === '' ? 'The file has no steps: label maps stay as they are.' : `Keeping ${asked}`);
  const reports = await applyPostprocessing({
    input: input.folder,
    output: outputs.folder(output),
    steps,
    ...(await descriptionsOf(options)),
    signal,
    onCase: (report) => {
      if (report.status === 'failed') console.error(`${report.caseId}: FAILED. ${messageOf(report.error)}`);
      else console.log(`${report.caseId}: ${report.removedVoxels} voxels removed`);
    },
  });
  console.log(`${reports.length} ${reports.length === 1 ? 'case' : 'cases'} in ${output}`);
  return EXIT.ok;
}
