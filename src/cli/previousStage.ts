// Where the second stage of a cascade gets the first one's segmentations from: a folder that is given, or a model that is
// run before it.
import { StudioError } from '@/shared/errors';
import { openNamed } from '@/storage/folderViews';
import { datasetFolder, kindOf } from '@/storage/nodeFiles';
import { type ModelSource, openPreviousStage } from './modelSource';
import { type OptionSpec, type ParsedOptions, textOf, UsageError } from './options';

export const PREVIOUS_STAGE_OPTION: OptionSpec = {
  names: ['-prev_stage_predictions'],
  kind: 'text',
  value: 'FOLDER',
  description: 'for a cascade: segmentations of its first stage (default: its model is run first)',
};

export type PreviousStage =
  | { readonly kind: 'folder'; readonly folder: string }
  | { readonly kind: 'model'; readonly source: ModelSource };

/**
 * `undefined` for a model that is no second stage. Throws `Usage` where the option makes no sense, and
 * `NeedsPreviousStage` where there is neither a folder nor a model.
 */
export async function previousStageOf(
  options: ParsedOptions,
  { imported }: ModelSource,
): Promise<PreviousStage | undefined> {
  const { name, previousStage } = imported.model.configuration;
  const folder = textOf(options, '-prev_stage_predictions');
  if (previousStage === undefined) {
    if (folder === undefined) return undefined;
    throw new UsageError(
      `-prev_stage_predictions is for the second stage of a cascade, which ${name} is not.`,
    );
  }
  if (folder !== undefined) {
    if ((await kindOf(folder)) === 'folder') return { kind: 'folder', folder };
    throw new UsageError(`-prev_stage_predictions: there is no folder ${folder}.`);
  }
  const source = await openPreviousStage(options, imported);
  if (source) return { kind: 'model', source };
  throw new StudioError(
    'NeedsPreviousStage',
    `${name} is the second stage of a cascade and needs the segmentations of ${previousStage}, whose model is not beside it.`,
    `Name their folder with -prev_stage_predictions, or give a folder or zip with the model of ${previousStage} too.`,
  );
}

/** `{case}{ending}` in a folder. */
export async function segmentationIn(folder: string, name: string) {
  return openNamed(datasetFolder(folder), name);
}
