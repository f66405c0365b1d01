import path from 'node:path';
import { type OverlayCase, preprocessedOverlays, rawOverlays, writeOverlays } from '@/app/data/plotOverlays';
import { readText } from '@/core/io/sourceFile';
import { DEFAULT_OVERLAY_INTENSITY } from '@/core/overview/overlayPicture';
import { configurationOf, readPlans } from '@/core/planning/readPlans';
import { StudioError } from '@/shared/errors';
import { nodeDatasetFolder } from '@/storage/nodeFiles';
import { Outputs } from '@/storage/outputs';
import { type Command, EXIT } from '../../command';
import { DATASET_OPTIONS, type NamedDataset, namedDatasets, openDataset } from '../../nnunetFolders';
import {
  isGiven,
  noEffect,
  numberOf,
  type ParsedOptions,
  requiredText,
  textOf,
  UsageError,
} from '../../options';
import { ProgressLine } from '../../progressLine';

export const plotOverlayCommand: Command = {
  name: 'plot_overlay_pngs',
  summary: 'draws the labels of each training case over its image, as PNG',
  usage: '-d DATASET -o FOLDER [OPTIONS]',
  options: [
    ...DATASET_OPTIONS,
    { names: ['-o'], kind: 'text', value: 'FOLDER', description: 'for the pictures, {case}.png' },
    { names: ['-np'], kind: 'number', value: 'N', description: noEffect('cases are drawn one by one') },
    {
      names: ['-channel_idx'],
      kind: 'number',
      value: 'N',
      description: 'channel of the image, from 0 (default 0)',
    },
    { names: ['--use_raw'], kind: 'flag', description: 'the raw images instead of the preprocessed ones' },
    {
      names: ['-p'],
      kind: 'text',
      value: 'PLANS',
      description: 'of preprocessed images (default nnUNetPlans)',
    },
    {
      names: ['-c'],
      kind: 'text',
      value: 'CONFIG',
      description: 'of preprocessed images (default 3d_fullres if there is one, else 2d)',
    },
    {
      names: ['-overlay_intensity'],
      kind: 'number',
      value: 'SHARE',
      description: `how strong the labels' colours are (default ${DEFAULT_OVERLAY_INTENSITY})`,
    },
  ],
  notes: [
    'Of each case the slice with most of its labels is drawn, voxel by voxel: spacing is disregarded, as in nnU-Net.',
    'Exit code: 0 all cases drawn, 1 some failed.',
  ],
  examples: [
    'nnstudio plot_overlay_pngs -d 4 -o overlays --use_raw',
    'nnstudio plot_overlay_pngs -d 4 -o overlays -c 2d -channel_idx 1',
  ],
  run,
};

async function run(options: ParsedOptions, signal: AbortSignal): Promise<number> {
  const output = requiredText(options, '-o', 'the folder for the pictures');
  const channel = numberOf(options, '-channel_idx', 0);
  if (!Number.isInteger(channel) || channel < 0) {
    throw new UsageError('-channel_idx must be a whole number from 0.');
  }
  const intensity = numberOf(options, '-overlay_intensity', DEFAULT_OVERLAY_INTENSITY);
  const [named, ...others] = await namedDatasets(options);
  if (others.length > 0) throw new UsageError('-d takes one dataset here.');
  const isRaw = isGiven(options, '--use_raw');
  const cases = isRaw ? await rawOverlays(await openDataset(named)) : await preprocessedCases(named, options);
  const outputs = await Outputs.beside([isRaw ? named.rawFolder : named.preprocessedFolder]);
  await outputs.assertFolderFree(
    output,
    cases.map(({ caseId }) => `${caseId}.png`),
  );
  const line = new ProgressLine(true);
  const failures = await writeOverlays(cases, {
    channel,
    intensity,
    signal,
    write: (caseId, png) => outputs.writeFile(path.join(output, `${caseId}.png`), png),
    onCase: (caseId, done) => line.show(caseId, { stage: 'drawing', share: done / cases.length }),
  });
  line.clear();
  for (const { caseId, message } of failures) console.error(`${caseId}: ${message}`);
  console.log(`${named.name}: ${cases.length - failures.length} of ${cases.length} cases drawn in ${output}`);
  return failures.length > 0 ? EXIT.someFailed : EXIT.ok;
}

async function preprocessedCases(
  { name, preprocessedFolder }: NamedDataset,
  options: ParsedOptions,
): Promise<readonly OverlayCase[]> {
  const folder = nodeDatasetFolder(preprocessedFolder);
  const plansFile = `${textOf(options, '-p') ?? 'nnUNetPlans'}.json`;
  const file = await folder.open(plansFile);
  if (!file) {
    throw new StudioError(
      'NotPreprocessed',
      `${name} has no ${plansFile} in ${preprocessedFolder}.`,
      'Run plan_and_preprocess first, or draw the raw images: --use_raw.',
    );
  }
  const plans = readPlans(await readText(file), plansFile);
  const usual = '3d_fullres' in plans.configurations ? '3d_fullres' : '2d';
  return preprocessedOverlays(folder, configurationOf(plans, textOf(options, '-c') ?? usual, plansFile));
}
