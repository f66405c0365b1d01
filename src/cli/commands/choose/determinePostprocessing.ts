import path from 'node:path';
import {
  type DeterminePostprocessingRequest,
  determinePostprocessing,
  type PostprocessingTrial,
} from '@/app/choose/determinePostprocessing';
import { someOf } from '@/app/evaluate/evaluateFolder';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import type { SourceFile } from '@/core/io/sourceFile';
import { describeStep } from '@/core/postprocessing/steps';
import { kindOf, nodeFile } from '@/storage/nodeFiles';
import { Outputs } from '@/storage/outputs';
import { type Command, EXIT } from '../../command';
import { formatDice } from '../../describe/evaluation';
import {
  isGiven,
  type OptionSpec,
  type ParsedOptions,
  requiredText,
  textOf,
  UsageError,
} from '../../options';
import { ProgressLine } from '../../progressLine';
import { existingFolder, PROCESSES_OPTION } from '../../trainedModels';

/** By which postprocessing finds out what label maps mean. */
export const DESCRIPTION_OPTIONS: readonly OptionSpec[] = [
  {
    names: ['-plans_json'],
    kind: 'text',
    value: 'FILE',
    description: 'plans.json (default: that among the predictions)',
  },
  {
    names: ['-dataset_json'],
    kind: 'text',
    value: 'FILE',
    description: 'dataset.json (default likewise)',
  },
];

/** What is written among the predictions, beside the folder of label maps. */
const WRITTEN: readonly string[] = [
  NNUNET_FILES.postprocessing,
  NNUNET_FILES.postprocessingRecord,
  NNUNET_FILES.summary,
];

function isWritten(name: string): boolean {
  return WRITTEN.includes(name);
}

export const determinePostprocessingCommand: Command = {
  name: 'determine_postprocessing',
  summary: 'finds out whether keeping only the largest component helps',
  usage: '-i PREDICTIONS -ref REFERENCES [OPTIONS]',
  options: [
    { names: ['-i'], kind: 'text', value: 'FOLDER', description: 'predictions, best of all training cases' },
    { names: ['-ref'], kind: 'text', value: 'FOLDER', description: 'references of the same names' },
    ...DESCRIPTION_OPTIONS,
    PROCESSES_OPTION,
    { names: ['--remove_postprocessed'], kind: 'flag', description: 'keeps no postprocessed label maps' },
  ],
  notes: [
    'First the whole foreground, then each label or region by itself: a step stays if the Dice grows.',
    'Writes postprocessing.pkl and postprocessing.json among the predictions, and the label maps in postprocessed.',
  ],
  examples: [
    'nnstudio determine_postprocessing -i crossval_results_folds_0_1_2_3_4 -ref $nnUNet_raw/Dataset004_Hippocampus/labelsTr',
  ],
  run,
};

async function run(options: ParsedOptions, signal: AbortSignal): Promise<number> {
  const predictions = await existingFolder(
    requiredText(options, '-i', 'the folder of the predictions'),
    'the folder of the predictions',
  );
  const references = await existingFolder(
    requiredText(options, '-ref', 'the folder of the references'),
    'the folder of the references',
  );
  const isRead = (below: string) => !below.includes('/') && !isWritten(below);
  const outputs = await Outputs.beside([
    { location: predictions.location, isRead },
    references.location,
    ...descriptionPaths(options),
  ]);
  await outputs.assertFolderFree(predictions.location, [
    ...WRITTEN,
    ...(await predictions.folder.list('')).map((name) => `postprocessed/${name}`),
  ]);
  const line = new ProgressLine(true);
  const { steps, before, after, missing } = await determinePostprocessing({
    predictions: { ...predictions, folder: outputs.folder(predictions.location) },
    references,
    ...(await descriptionsOf(options)),
    shouldKeepFiles: !isGiven(options, '--remove_postprocessed'),
    signal,
    ...postprocessingOutput(line),
  });
  line.clear();
  if (missing.length > 0) {
    console.error(
      `${missing.length} references have no prediction (${someOf(missing)}): postprocessing should be determined on all cases.`,
    );
  }
  console.log(
    steps.length === 0
      ? `Nothing helps; mean Dice ${formatDice(before.foregroundMean.Dice)}.`
      : `Mean Dice ${formatDice(before.foregroundMean.Dice)}, postprocessed ${formatDice(after.foregroundMean.Dice)}.`,
  );
  console.log(path.join(predictions.location, NNUNET_FILES.postprocessing));
  return EXIT.ok;
}

/** What determining prints as it goes. */
function postprocessingOutput(
  line: ProgressLine,
): Pick<DeterminePostprocessingRequest, 'onProgress' | 'onTrial'> {
  return {
    onProgress: ({ caseId, done, total }) =>
      line.show(caseId, { stage: 'postprocessing', share: done / total }),
    onTrial: (trial) => {
      line.clear();
      console.log(describeTrial(trial));
    },
  };
}

function describeTrial({ step, diceBefore, diceAfter, isAccepted }: PostprocessingTrial): string {
  const change = `Dice ${formatDice(diceBefore)} → ${formatDice(diceAfter)}`;
  return `Largest component of ${describeStep(step)}: ${change}, ${isAccepted ? 'kept' : 'not worth it'}`;
}

/** Paths of the files that {@link DESCRIPTION_OPTIONS} name. */
export function descriptionPaths(options: ParsedOptions): readonly string[] {
  return DESCRIPTION_OPTIONS.flatMap(({ names }) => textOf(options, names[0]) ?? []);
}

/** The files that options name instead of those among the predictions. */
export async function descriptionsOf(
  options: ParsedOptions,
): Promise<{ readonly plans: SourceFile | undefined; readonly dataset: SourceFile | undefined }> {
  const open = async (name: string) => {
    const location = textOf(options, name);
    if (location === undefined) return undefined;
    if ((await kindOf(location)) !== 'file') throw new UsageError(`${name}: there is no file ${location}.`);
    return nodeFile(location);
  };
  return { plans: await open('-plans_json'), dataset: await open('-dataset_json') };
}
