import { type Command, EXIT } from '../../command';
import { LOG_OPTIONS, PREPROCESS_OPTIONS, preprocessStep } from '../../datasetSteps';
import { DATASET_OPTIONS, namedDatasets } from '../../nnunetFolders';
import { type ParsedOptions, textOf } from '../../options';

/** What of a preprocessed dataset can be read where. */
export const FORMAT_NOTE =
  "Arrays are {case}.npz and {case}.pkl, nnU-Net's own format up to 2.5, which later versions read too.";

export const preprocessCommand: Command = {
  name: 'preprocess',
  summary: 'crops, normalises and resamples all cases for training',
  usage: '-d ID… [OPTIONS]',
  options: [
    ...DATASET_OPTIONS,
    { names: ['-plans_name'], kind: 'text', value: 'NAME', description: 'plans (default nnUNetPlans)' },
    ...PREPROCESS_OPTIONS,
    ...LOG_OPTIONS,
  ],
  notes: [FORMAT_NOTE, 'Cases that are done and unchanged are left as they are.'],
  examples: ['nnstudio preprocess -d 4 -c 3d_fullres', 'nnstudio preprocess -d 4 -plans_name plans16GB'],
  run,
};

async function run(options: ParsedOptions, signal: AbortSignal): Promise<number> {
  const plansName = textOf(options, '-plans_name') ?? 'nnUNetPlans';
  for (const named of await namedDatasets(options)) await preprocessStep(named, plansName, options, signal);
  return EXIT.ok;
}
