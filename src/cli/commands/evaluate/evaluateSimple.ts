import { byCodePoint } from '@/core/dataset/rawDataset';
import { imageEnding } from '@/core/io/imageNames';
import { readerFor } from '@/core/io/readers';
import { StudioError } from '@/shared/errors';
import type { PlacedFolder } from '@/storage/folderViews';
import type { Command } from '../../command';
import { listOf, numberOf, type ParsedOptions, textOf, UsageError } from '../../options';
import { comparedFolders, EVALUATION_NOTES, EVALUATION_OPTIONS, evaluateAndWrite } from './evaluateFolder';

export const evaluateSimpleCommand: Command = {
  name: 'evaluate_simple',
  summary: 'compares predictions with references, by labels that are listed',
  usage: 'REFERENCES PREDICTIONS -l LABEL… [OPTIONS]',
  options: [
    { names: ['-l'], kind: 'list', value: 'LABEL…', description: 'labels to evaluate, each by itself' },
    {
      names: ['-il'],
      kind: 'number',
      value: 'LABEL',
      description: 'voxels with this label in the reference are left out',
    },
    ...EVALUATION_OPTIONS,
  ],
  notes: [
    'Neither dataset.json nor plans are needed; for regions take evaluate_folder.',
    ...EVALUATION_NOTES,
  ],
  examples: ['nnstudio evaluate_simple labelsTs predictions -l 1 2 3'],
  run,
};

async function run(options: ParsedOptions, signal: AbortSignal): Promise<number> {
  const { references, predictions } = await comparedFolders(options);
  const labels = (listOf(options, '-l') ?? []).map(labelOf);
  if (labels.length === 0) throw new UsageError('-l is missing: the labels to evaluate.');
  const ignoreLabel = textOf(options, '-il') === undefined ? undefined : numberOf(options, '-il', 0);
  const question = {
    labels: labels.map((label) => [label]),
    ignoreLabel,
    ...(await formatOf(references)),
  };
  return evaluateAndWrite(options, { references, predictions, question }, signal);
}

function labelOf(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new UsageError(`Labels are whole numbers, not ${text}.`);
}

/** Ending and reader, by the first reference. */
async function formatOf({ folder, location }: PlacedFolder) {
  const names = (await folder.list('')).filter((name) => !/^\.|\.json$/.test(name)).sort(byCodePoint);
  const first = names.find((name) => imageEnding(name) !== undefined) ?? names[0];
  const fileEnding = first && (imageEnding(first) ?? /\.[^.]+$/.exec(first)?.[0]);
  const example = first === undefined ? undefined : await folder.open(first);
  if (fileEnding === undefined || !example) {
    throw new StudioError(
      'NoCases',
      `There is no reference in ${location}.`,
      'Name the folder of label maps.',
    );
  }
  const { reader } = await readerFor({ fileEnding, exampleFiles: [example] });
  return { fileEnding, reader: reader.name };
}
