// Where the second stage of a cascade gets the first one's segmentations from: a folder that is given, or a model that is
// run before it.
import { StudioError } from '@/shared/errors';
import { openNamed } from '@/storage/folderViews';
import { kindOf, nodeDatasetFolder } from '@/storage/nodeFiles';
import { type ModelRequest, type ModelSource, openPreviousStageOnDisk } from '../models/openModelOnDisk';

/** A folder of segmentations, or the model that makes them. */
export type PreviousStage =
  | { readonly kind: 'folder'; readonly folder: string }
  | { readonly kind: 'model'; readonly source: ModelSource };

/**
 * `undefined` for a model that is no second stage. Throws `NoPreviousStage` where a folder is given and makes no sense, and
 * `NeedsPreviousStage` where there is neither a folder nor a model.
 */
export async function openPreviousStage(
  request: ModelRequest,
  { imported }: ModelSource,
  folder: string | undefined,
): Promise<PreviousStage | undefined> {
  const { name, previousStage } = imported.model.configuration;
  if (previousStage === undefined) {
    if (folder === undefined) return undefined;
    throw new StudioError(
      'NoPreviousStage',
      `Segmentations of a previous stage are for the second stage of a cascade, which ${name} is not.`,
    );
  }
  if (folder !== undefined) {
    if ((await kindOf(folder)) === 'folder') return { kind: 'folder', folder };
    throw new StudioError('NoPreviousStage', `There is no folder ${folder}.`);
  }
  const source = await openPreviousStageOnDisk(request, imported);
  if (source) return { kind: 'model', source };
  throw new StudioError(
    'NeedsPreviousStage',
    `${name} is the second stage of a cascade and needs the segmentations of ${previousStage}, whose model is not beside it.`,
    `Name their folder, or give a folder or zip with the model of ${previousStage} too.`,
  );
}

/** `{case}{ending}` in a folder. */
export async function segmentationIn(folder: string, name: string) {
  return openNamed(nodeDatasetFolder(folder), name);
}
