import { type Command, EXIT } from '../../command';
import { FINGERPRINT_OPTIONS, fingerprintStep, LOG_OPTIONS } from '../../datasetSteps';
import { DATASET_OPTIONS, namedDatasets } from '../../nnunetFolders';
import type { ParsedOptions } from '../../options';

export const extractFingerprintCommand: Command = {
  name: 'extract_fingerprint',
  summary: "computes a dataset's fingerprint: shapes, spacings, intensities",
  usage: '-d ID… [OPTIONS]',
  options: [
    ...DATASET_OPTIONS,
    ...FINGERPRINT_OPTIONS,
    {
      names: ['-np'],
      kind: 'number',
      value: 'N',
      description: 'cases side by side (default as for preprocess)',
    },
    ...LOG_OPTIONS,
  ],
  notes: ['Writes dataset_fingerprint.json into nnUNet_preprocessed/DatasetXXX_Name.'],
  examples: ['nnstudio extract_fingerprint -d 4 --verify_dataset_integrity'],
  run,
};

async function run(options: ParsedOptions, signal: AbortSignal): Promise<number> {
  for (const named of await namedDatasets(options)) await fingerprintStep(named, options, '-np', signal);
  return EXIT.ok;
}
