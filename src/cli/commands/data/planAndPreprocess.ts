import { type Command, EXIT } from '../../command';
import {
  FINGERPRINT_OPTIONS,
  fingerprintStep,
  LOG_OPTIONS,
  PLAN_OPTIONS,
  PREPROCESS_OPTIONS,
  planStep,
  preprocessStep,
} from '../../datasetSteps';
import { DATASET_OPTIONS, namedDatasets } from '../../nnunetFolders';
import { isGiven, type ParsedOptions } from '../../options';
import { FORMAT_NOTE } from './preprocess';

export const planAndPreprocessCommand: Command = {
  name: 'plan_and_preprocess',
  summary: 'fingerprint, plans and preprocessed data of a dataset in one go',
  usage: '-d ID… [OPTIONS]',
  options: [
    ...DATASET_OPTIONS,
    ...FINGERPRINT_OPTIONS,
    {
      names: ['-npfp'],
      kind: 'number',
      value: 'N',
      description: 'fingerprint: cases side by side (default as for -np)',
    },
    ...PLAN_OPTIONS,
    ...PREPROCESS_OPTIONS,
    { names: ['--no_pp'], kind: 'flag', description: 'stops after planning' },
    ...LOG_OPTIONS,
  ],
  notes: ['Reads nnUNet_raw, writes nnUNet_preprocessed.', FORMAT_NOTE],
  examples: [
    'nnstudio plan_and_preprocess -d 4 --verify_dataset_integrity',
    'nnstudio plan_and_preprocess -d 4 -pl nnUNetPlannerResEncL -c 3d_fullres',
    'nnstudio plan_and_preprocess -d Dataset004_Hippocampus -preprocessed work --no_pp',
  ],
  run,
};

/** Every dataset through one step before the next begins, as nnU-Net does. */
async function run(options: ParsedOptions, signal: AbortSignal): Promise<number> {
  const datasets = await namedDatasets(options);
  for (const named of datasets) await fingerprintStep(named, options, '-npfp', signal);
  const plansNames: string[] = [];
  for (const named of datasets) plansNames.push((await planStep(named, options)).plans_name);
  if (isGiven(options, '--no_pp')) return EXIT.ok;
  for (const [i, named] of datasets.entries()) await preprocessStep(named, plansNames[i], options, signal);
  return EXIT.ok;
}
