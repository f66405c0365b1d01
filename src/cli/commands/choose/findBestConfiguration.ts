import path from 'node:path';
import {
  type BestConfiguration,
  type CandidateModel,
  findBestConfiguration,
} from '@/app/choose/findBestConfiguration';
import { crossvalFolder } from '@/app/evaluate/accumulateCrossval';
import type { InferenceInformation, TrainedModel } from '@/core/evaluation/inferenceInstructions';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { readText } from '@/core/io/sourceFile';
import { readAnyPlans } from '@/core/planning/anyPlans';
import { describeStep } from '@/core/postprocessing/steps';
import { StudioError } from '@/shared/errors';
import type { PlacedFolder } from '@/storage/folderViews';
import { nodeDatasetFolder } from '@/storage/nodeFiles';
import { Outputs } from '@/storage/outputs';
import { type Command, EXIT } from '../../command';
import { formatDice } from '../../describe/evaluation';
import { isGiven, listOf, type ParsedOptions } from '../../options';
import { ProgressLine } from '../../progressLine';
import {
  assertValidationsStay,
  crossvalReferences,
  type DatasetPlaces,
  datasetPlaces,
  FOLDER_OPTIONS,
  FOLDS_OPTION,
  foldsOf,
  PROCESSES_OPTION,
  placedFolder,
  preprocessedReferences,
  trainedFolder,
  validationsOf,
} from '../../trainedModels';

const CONFIGURATIONS = ['2d', '3d_fullres', '3d_lowres', '3d_cascade_fullres'];

export const findBestConfigurationCommand: Command = {
  name: 'find_best_configuration',
  summary: 'compares trained configurations and pairs of them, and says how to predict',
  usage: 'DATASET [OPTIONS]',
  options: [
    {
      names: ['-c'],
      kind: 'list',
      value: 'CONFIG…',
      description: `configurations (default ${CONFIGURATIONS.join(' ')}, those of the plans)`,
    },
    { names: ['-p'], kind: 'list', value: 'PLANS…', description: 'plans (default nnUNetPlans)' },
    { names: ['-tr'], kind: 'list', value: 'TRAINER…', description: 'trainers (default nnUNetTrainer)' },
    FOLDS_OPTION,
    { names: ['--disable_ensembling'], kind: 'flag', description: 'tries no pairs; no --npz is needed' },
    {
      names: ['--no_overwrite'],
      kind: 'flag',
      description: 'keeps what was gathered and averaged before, though it may be outdated',
    },
    PROCESSES_OPTION,
    ...FOLDER_OPTIONS,
  ],
  notes: [
    'Every fold must be trained and validated, for pairs with --npz (train … --val --npz does it later).',
    'Writes inference_information.json and inference_instructions.txt into the dataset’s folder of results,',
    'crossval_results_folds_… into each model’s, and ensembles/… beside them, all as nnU-Net does.',
  ],
  examples: [
    'nnstudio find_best_configuration 4',
    'nnstudio find_best_configuration 4 -c 2d 3d_fullres -tr nnUNetTrainer_100epochs --disable_ensembling',
  ],
  run,
};

async function run(options: ParsedOptions, signal: AbortSignal): Promise<number> {
  const places = await datasetPlaces(options);
  const folds = foldsOf(options);
  const references = await crossvalReferences(places);
  const candidates = await candidatesOf(options, places);
  const outputs = await Outputs.beside([
    ...candidates.flatMap(({ folder }) => validationsOf(folder, folds)),
    references.location,
  ]);
  for (const { folder } of candidates) {
    const target = crossvalFolder(folder, folds).location;
    await assertValidationsStay(outputs, target, validationsOf(folder, folds));
  }
  const guarded = ({ location }: PlacedFolder) => ({ location, folder: outputs.folder(location) });
  const line = new ProgressLine(true);
  const found = await findBestConfiguration({
    datasetName: places.name,
    candidates: candidates.map((each) => ({ ...each, folder: guarded(each.folder) })),
    folds,
    references,
    preprocessedReferences: await preprocessedReferences(places),
    results: guarded(placedFolder(places.results)),
    isEnsemblingAllowed: !isGiven(options, '--disable_ensembling'),
    shouldOverwrite: !isGiven(options, '--no_overwrite'),
    // As in nnU-Net, -np is for the command itself.
    processes: Number(process.env.nnUNet_def_n_proc ?? 8),
    signal,
    onProgress: ({ stage, name, caseId, done, total }) =>
      line.show(`${name} ${caseId}`, { stage, share: done / total }),
    onCandidate: ({ name, summary }) => {
      line.clear();
      console.log(`${name}: ${formatDice(summary.foregroundMean.Dice)}`);
    },
  });
  line.clear();
  for (const each of describeBest(found)) console.log(each);
  console.log(path.join(places.results, NNUNET_FILES.inferenceInstructions));
  return EXIT.ok;
}

/** Follows nnU-Net's `filter_available_models`: what the plans lack is left out, what they have must be trained. */
async function candidatesOf(
  options: ParsedOptions,
  places: DatasetPlaces,
): Promise<readonly CandidateModel[]> {
  const asked: TrainedModel[] = [];
  for (const trainer of listOf(options, '-tr') ?? ['nnUNetTrainer']) {
    for (const configuration of listOf(options, '-c') ?? CONFIGURATIONS) {
      for (const plans of listOf(options, '-p') ?? ['nnUNetPlans']) {
        asked.push({ trainer, plans, configuration });
      }
    }
  }
  const candidates: CandidateModel[] = [];
  for (const model of asked) {
    if (await isPlanned(model, places)) {
      candidates.push({ ...model, folder: await trainedFolder(places, model) });
    } else if (isGiven(options, '-c'))
      console.error(`left out ${model.configuration}: ${model.plans} has no such configuration`);
  }
  return candidates;
}

async function isPlanned({ plans, configuration }: TrainedModel, places: DatasetPlaces): Promise<boolean> {
  const file = places.preprocessed && (await nodeDatasetFolder(places.preprocessed).open(`${plans}.json`));
  if (!file) {
    throw new StudioError(
      'NoPlans',
      `${places.preprocessed ?? places.name} has no ${plans}.json.`,
      'Plan the dataset first, or set nnUNet_preprocessed.',
    );
  }
  const { configurations } = readAnyPlans(await readText(file), file.path);
  return Object.hasOwn(configurations, configuration);
}

function describeBest({
  best,
  postprocessing,
  information,
  instructions,
}: BestConfiguration): readonly string[] {
  const { steps } = postprocessing;
  return [
    `Best: ${best.name}, mean Dice ${formatDice(best.summary.foregroundMean.Dice)}`,
    steps.length === 0
      ? 'Postprocessing: nothing helps.'
      : `Postprocessing: the largest component of ${steps.map(describeStep).join(', then of ')}; mean Dice ${formatDice(postprocessing.after.foregroundMean.Dice)}`,
    '',
    instructions,
    '***The same with nnStudio:***',
    '',
    ...studioCommands(information),
    '',
  ];
}

/** The instructions as commands of ours; the stage before a cascade is found by itself. */
function studioCommands({ best, datasetName, folds }: InferenceInformation): readonly string[] {
  const isEnsemble = best.models.length > 1;
  const outputs = best.models.map((_, i) => (isEnsemble ? `OUTPUT_FOLDER_MODEL_${i + 1}` : 'OUTPUT_FOLDER'));
  return [
    ...best.models.map(
      ({ trainer, plans, configuration }, i) =>
        `nnstudio predict -d ${datasetName} -i INPUT_FOLDER -o ${outputs[i]} -f ${folds.join(' ')} -tr ${trainer} -c ${configuration} -p ${plans}${isEnsemble ? ' --save_probabilities' : ''}`,
    ),
    ...(isEnsemble ? [`nnstudio ensemble -i ${outputs.join(' ')} -o OUTPUT_FOLDER`] : []),
    `nnstudio apply_postprocessing -i OUTPUT_FOLDER -o OUTPUT_FOLDER_PP -pp_pkl_file ${best.postprocessingFile} -plans_json ${best.plansFile}`,
  ];
}
