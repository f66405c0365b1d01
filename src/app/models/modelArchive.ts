// The files of a model archive under the names that nnU-Net looks for below nnUNet_results, however it was zipped.

import { type ImportedModel, importModels } from '@/core/interop/importModel';
import { type ModelFolder, modelFolders } from '@/core/interop/modelFolders';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { openArchive } from '@/core/io/archive';
import { sniffFolder } from '@/core/io/sniff';
import { fileName, type SourceFile } from '@/core/io/sourceFile';
import { type ZipPart, zipPart } from '@/core/io/zipStream';
import { StudioError } from '@/shared/errors';
import { nnunetParts, resultsPathOf } from './exportModel';

/** A dataset's folder somewhere in a path. */
const DATASET_FOLDER = /(?:^|\/)(Dataset\d{3}_[^/]+\/.+)$/;
const MODEL_FOLDER = /^[^/]+__[^/]+__[^/]+$/;

/**
 * What an archive of models is unpacked to, paths below nnUNet_results: as it is where it was laid out by nnU-Net, without
 * folders above the dataset's, and under names from checkpoint and plans where it lacks such folders. Bundles are written
 * out for nnU-Net. Throws `NoModel`, and what reading a model throws.
 */
export async function modelArchiveParts(archive: SourceFile): Promise<readonly ZipPart[]> {
  const entries = await openArchive(archive);
  const inside = entries.map((entry) => ({ ...entry, path: `${fileName(archive)}/${entry.path}` }));
  if (sniffFolder(entries) === 'nnunet-model' && entries.every(isWhereItBelongs)) {
    for (const folder of await modelFolders(inside)) assertComplete(folder);
    return entries.map((entry) => zipPart(entry));
  }
  const models = (await importModels(inside)).map((outcome) => {
    if ('error' in outcome) throw outcome.error;
    return outcome.imported;
  });
  const parts = models.flatMap((model) => partsOf(model, inside));
  const twice = parts.find((part, i) => parts.findIndex(({ path }) => path === part.path) < i);
  if (twice) {
    throw new StudioError(
      'NoModel',
      `${archive.path} holds several models that would all be ${twice.path}.`,
      'Give an archive of one of them.',
    );
  }
  return parts;
}

/** The networks of others are unpacked too, so that models are not read: what all need is looked at. */
function assertComplete({ path, plans, dataset }: ModelFolder): void {
  const missing = [!plans && NNUNET_FILES.plans, !dataset && NNUNET_FILES.dataset]
    .filter(Boolean)
    .join(' and no ');
  if (!missing) return;
  throw new StudioError(
    'IncompleteModel',
    `${path} has no ${missing}.`,
    'Zip the whole model folder, the one that holds dataset.json, plans.json and fold_0.',
  );
}

/** Below a dataset's folder, or beside these. */
function isWhereItBelongs({ path }: SourceFile): boolean {
  return /^Dataset\d{3}_[^/]+\/./.test(path) || !path.includes('/');
}

function partsOf(imported: ImportedModel, files: readonly SourceFile[]): readonly ZipPart[] {
  if (imported.sharing || imported.model.foreignNetwork) return nnunetParts(imported);
  const target = targetOf(imported);
  return files
    .filter(({ path }) => path.startsWith(`${imported.origin}/`))
    .map((file) => zipPart(file, target + file.path.slice(imported.origin.length)));
}

/** `DatasetXXX_Name/Trainer__Plans__configuration`: the model's own folders, as far as they are called so. */
function targetOf({ origin, model }: ImportedModel): string {
  const own = DATASET_FOLDER.exec(origin)?.[1];
  if (own && MODEL_FOLDER.test(own.slice(own.indexOf('/') + 1))) return own;
  const [dataset, folder] = resultsPathOf(model).split('/');
  const last = origin.slice(origin.lastIndexOf('/') + 1);
  return `${own?.split('/')[0] ?? dataset}/${MODEL_FOLDER.test(last) ? last : folder}`;
}
