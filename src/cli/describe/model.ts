import type { ModelSharing } from '@/core/interop/bundleManifest';
import type { ImportedModel } from '@/core/interop/importModel';
import type { LabelSet } from '@/core/interop/labels';
import type { StateDict } from '@/core/interop/model';
import type { DatasetDescription } from '@/core/interop/readDatasetJson';
import { fileName } from '@/core/io/sourceFile';
import { formatBytes } from '@/shared/numeric';
import { describeConfiguration } from './plans';
import { formatRows, type Row } from './table';

/** A trained model: what it was trained on, its network, folds and labels. Loads the first fold to count and check it. */
export async function describeModel(imported: ImportedModel): Promise<readonly string[]> {
  const { model, origin, sizeInBytes, crossValidationDice, sharing } = imported;
  const weights = await imported.loadFold(model.folds[0].fold);
  const rows: Row[] = [
    ['folder', origin],
    ...describeSharing(sharing ?? {}),
    ['dataset', model.datasetName],
    ['trainer', model.trainerName],
    ['plans', model.plans.plansName],
    ['images', `${model.fileEnding}, read as ${model.plans.imageReaderWriter}`],
    ['channels', model.channelNames.join(', ')],
    ['folds', model.folds.map(describeFold).join('; ')],
    ...(crossValidationDice === undefined
      ? []
      : [['cross-validation', `Dice ${crossValidationDice.toFixed(4)}`] as const]),
    [
      'parameters',
      `${(parameterCount(weights) / 1e6).toFixed(2)} million, checkpoints ${formatBytes(sizeInBytes)}`,
    ],
    ['test-time mirroring', model.mirrorAxes.length > 0 ? `axes ${model.mirrorAxes.join(', ')}` : 'none'],
  ];
  return [
    `Model ${fileName({ path: origin })}`,
    ...formatRows(rows, '  '),
    ...describeLabels(model.labels),
    ...describeConfiguration(model.configuration, model.plans),
  ];
}

function describeSharing({ title, authors, licence, citation, description }: ModelSharing): readonly Row[] {
  const firstLine = (text: string | undefined) => text?.trim().split('\n')[0];
  const rows = { title, authors, licence: firstLine(licence), citation: firstLine(citation), description };
  return Object.entries(rows).flatMap(([name, text]) => (text ? [[name, text] as const] : []));
}

function describeFold({
  fold,
  checkpointName,
  validationDice,
}: ImportedModel['model']['folds'][number]): string {
  const dice = validationDice === undefined ? '' : `, validation Dice ${validationDice.toFixed(4)}`;
  return `${fold} (${checkpointName}${dice})`;
}

function parameterCount(weights: StateDict): number {
  return [...weights.values()].reduce((sum, { data }) => sum + data.length, 0);
}

/** Channels and labels of a dataset.json. */
export function describeDataset(dataset: DatasetDescription, name: string): readonly string[] {
  const rows: Row[] = [
    ['channels', dataset.channelNames.join(', ')],
    ['images', dataset.fileEnding],
    ...(dataset.trainingCaseCount === undefined
      ? []
      : [['training cases', String(dataset.trainingCaseCount)] as const]),
  ];
  return [`Dataset description ${name}`, ...formatRows(rows, '  '), ...describeLabels(dataset.labels)];
}

function describeLabels(labels: LabelSet): readonly string[] {
  const rows = [...labels.names].map(([value, name]): Row => [String(value), name]);
  const regions = labels.foregroundRegions.map(
    (region, i): Row => [
      `region ${i + 1}`,
      `labels ${region.join(', ')}, written as ${labels.regionsClassOrder[i]}`,
    ],
  );
  const ignore: readonly Row[] =
    labels.ignoreLabel === undefined ? [] : [[String(labels.ignoreLabel), 'ignored in training']];
  return ['Labels', ...formatRows([...rows, ...regions, ...ignore], '  ')];
}
