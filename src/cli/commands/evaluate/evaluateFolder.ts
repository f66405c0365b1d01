import path from 'node:path';
import { type EvaluationOptions, evaluateFolder, optionsOf } from '@/app/evaluate/evaluateFolder';
import { namesWithEnding } from '@/app/files/labelMapFiles';
import type { LabelOrRegion } from '@/core/evaluation/metrics';
import { summaryJson } from '@/core/evaluation/summary';
import { type CaseSurfaces, surfaceJson } from '@/core/evaluation/surfaceSummary';
import { readJson } from '@/core/interop/json';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { readDatasetJson } from '@/core/interop/readDatasetJson';
import { readerFor } from '@/core/io/readers';
import { readText, type SourceFile } from '@/core/io/sourceFile';
import type { PlacedFolder } from '@/storage/folderViews';
import { kindOf, nodeFile } from '@/storage/nodeFiles';
import { Outputs } from '@/storage/outputs';
import { type Command, EXIT } from '../../command';
import { describeEvaluatedCase, describeSummary, describeSurfaces } from '../../describe/evaluation';
import { isGiven, numberOf, type OptionSpec, type ParsedOptions, textOf, UsageError } from '../../options';
import { ProgressLine } from '../../progressLine';
import { existingFolder, PROCESSES_OPTION } from '../../trainedModels';

/** Options of both commands that evaluate folders. */
export const EVALUATION_OPTIONS: readonly OptionSpec[] = [
  {
    names: ['-o'],
    kind: 'text',
    value: 'FILE',
    description: 'the summary (default: summary.json among the predictions)',
  },
  PROCESSES_OPTION,
  { names: ['--chill'], kind: 'flag', description: 'references without a prediction are left out' },
  {
    names: ['--surface'],
    kind: 'number',
    value: 'MM',
    description: '[ours] also surface Dice with this tolerance and 95 % Hausdorff distance',
  },
];

const SURFACE_FILE = 'surface.json';
/** Of an evaluation before, which this one replaces. */
const SUMMARIES = [NNUNET_FILES.summary, SURFACE_FILE];

/** What {@link EVALUATION_OPTIONS} mean beyond their names. */
export const EVALUATION_NOTES: readonly string[] = [
  '--surface, which is not nnU-Net’s, writes surface.json beside the summary; its means leave infinite distances out.',
];

export const evaluateFolderCommand: Command = {
  name: 'evaluate_folder',
  summary: 'compares predictions with references, by the labels of dataset.json',
  usage: 'REFERENCES PREDICTIONS [OPTIONS]',
  options: [
    {
      names: ['-djfile'],
      kind: 'text',
      value: 'FILE',
      description: 'dataset.json (default: that among the predictions)',
    },
    {
      names: ['-pfile'],
      kind: 'text',
      value: 'FILE',
      description: 'plans.json: taken for the sake of scripts, as dataset.json says all',
    },
    ...EVALUATION_OPTIONS,
  ],
  notes: [
    'Files are compared by name. A Dice is nan where neither has the label; means leave such cases out.',
    'Regions and the ignore label are treated as in nnU-Net.',
    ...EVALUATION_NOTES,
  ],
  examples: [
    'nnstudio evaluate_folder labelsTs predictions',
    'nnstudio evaluate_folder labelsTs predictions -djfile dataset.json -pfile plans.json -o scores.json --chill',
  ],
  run,
};

async function run(options: ParsedOptions, signal: AbortSignal): Promise<number> {
  const { references, predictions } = await comparedFolders(options);
  const given = textOf(options, '-djfile');
  if (given !== undefined && (await kindOf(given)) !== 'file') throw new UsageError(`There is no ${given}.`);
  const dataset =
    given === undefined ? await predictions.folder.open(NNUNET_FILES.dataset) : await nodeFile(given);
  if (!dataset) {
    throw new UsageError(
      `There is no dataset.json in ${predictions.location}.`,
      'Name it with -djfile, or name labels with evaluate_simple.',
    );
  }
  const question = await questionOfDataset(dataset, references);
  return evaluateAndWrite(options, { references, predictions, question }, signal);
}

/** The reader as dataset.json names it, else by the first reference, as nnU-Net chooses it. */
async function questionOfDataset(dataset: SourceFile, references: PlacedFolder): Promise<EvaluationOptions> {
  const { labels, fileEnding } = readDatasetJson(await readText(dataset), dataset.path);
  const { overwrite_image_reader_writer: overwrite } = Object(await readJson(dataset));
  const [first] = await namesWithEnding(references.folder, fileEnding);
  const example = first === undefined ? undefined : await references.folder.open(first);
  const { reader } = await readerFor({
    fileEnding,
    overwrite: typeof overwrite === 'string' ? overwrite : undefined,
    ...(example && { exampleFiles: [example] }),
  });
  return optionsOf({ labels, fileEnding, reader: reader.name });
}

/** The two folders of a command line. */
export async function comparedFolders(options: ParsedOptions) {
  const [references, predictions, ...rest] = options.positionals;
  if (predictions === undefined || rest.length > 0) {
    throw new UsageError('Name two folders: that of the references, then that of the predictions.');
  }
  return {
    references: await existingFolder(references, 'the folder of the references'),
    predictions: await existingFolder(predictions, 'the folder of the predictions'),
  };
}

interface Comparison {
  readonly references: PlacedFolder;
  readonly predictions: PlacedFolder;
  readonly question: EvaluationOptions;
}

/** Evaluates, prints, and writes the summary. */
export async function evaluateAndWrite(
  options: ParsedOptions,
  { references, predictions, question }: Comparison,
  signal: AbortSignal,
): Promise<number> {
  const output = path.resolve(textOf(options, '-o') ?? path.join(predictions.location, NNUNET_FILES.summary));
  if (!output.endsWith('.json')) throw new UsageError(`-o names a file that ends in .json, not ${output}.`);
  const surfaceToleranceMm = toleranceOf(options);
  const isRead = (below: string) => !below.includes('/') && !SUMMARIES.includes(below);
  const outputs = await Outputs.beside([
    { location: references.location, isRead },
    { location: predictions.location, isRead },
    ...['-djfile', '-pfile'].flatMap((name) => textOf(options, name) ?? []),
  ]);
  const folder = path.dirname(output);
  await outputs.assertFree([
    output,
    ...(surfaceToleranceMm === undefined ? [] : [path.join(folder, SURFACE_FILE)]),
  ]);
  const surfaces: CaseSurfaces[] = [];
  const line = new ProgressLine(true);
  const summary = await evaluateFolder({
    references,
    predictions,
    question,
    surfaceToleranceMm,
    mayLackPredictions: isGiven(options, '--chill'),
    signal,
    onStep: (caseId, { share, label }) =>
      line.show(caseId, { stage: stageOf(label, question.labels), share }),
    onCase: (report) => {
      line.clear();
      const [outcome, ...warnings] = describeEvaluatedCase(report, question.labels);
      if (report.status === 'failed') console.error(outcome);
      else console.log(outcome);
      for (const warning of warnings) console.error(warning);
      if (report.status === 'done' && report.surfaces)
        surfaces.push({ ...report, surfaces: report.surfaces });
    },
  });
  const results = outputs.folder(folder);
  await results.write(path.basename(output), summaryJson(summary));
  for (const line of describeSummary(summary)) console.log(line);
  if (surfaceToleranceMm !== undefined) {
    await results.write(SURFACE_FILE, surfaceJson(question.labels, surfaces, surfaceToleranceMm));
    for (const line of describeSurfaces(question.labels, surfaces, surfaceToleranceMm)) console.log(line);
  }
  console.log(output);
  return EXIT.ok;
}

function stageOf(label: number | undefined, labels: readonly LabelOrRegion[]): string {
  return label === undefined ? 'comparing' : `label ${label + 1} of ${labels.length}`;
}

function toleranceOf(options: ParsedOptions): number | undefined {
  if (!isGiven(options, '--surface')) return undefined;
  const tolerance = numberOf(options, '--surface', 0);
  if (tolerance >= 0) return tolerance;
  throw new UsageError(`--surface is a tolerance in mm from 0, not ${tolerance}.`);
}
