import { type Command, EXIT } from '../../command';
import { PLAN_OPTIONS, planStep } from '../../datasetSteps';
import { DATASET_OPTIONS, namedDatasets } from '../../nnunetFolders';
import type { ParsedOptions } from '../../options';

export const planExperimentCommand: Command = {
  name: 'plan_experiment',
  summary: 'plans networks, patches and batches from dataset.json and fingerprint',
  usage: '-d ID… [OPTIONS]',
  options: [...DATASET_OPTIONS, ...PLAN_OPTIONS],
  notes: [
    'Needs nnUNet_raw/DatasetXXX_Name/dataset.json and the fingerprint in nnUNet_preprocessed, but no images.',
  ],
  examples: [
    'nnstudio plan_experiment -d 4',
    'nnstudio plan_experiment -d 4 -pl nnUNetPlannerResEncL -gpu_memory_target 16 -overwrite_plans_name plans16GB',
  ],
  run,
};

async function run(options: ParsedOptions): Promise<number> {
  for (const named of await namedDatasets(options)) await planStep(named, options);
  return EXIT.ok;
}
