// A dataset that was preprocessed elsewhere: nnU-Net's folder nnUNet_preprocessed/DatasetXXX_Name.

import { readJson } from '@/core/interop/json';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { fileName, type SourceFile } from '@/core/io/sourceFile';
import { isHiddenFile } from '@/core/io/systemFiles';
import { caseOfFile } from '@/core/training/caseFormats';
import { byCodePoint, type DatasetDocument, parseDatasetDocument } from './rawDataset';

export interface PreprocessedFolder {
  /** The folder's. */
  readonly folder: string;
  readonly document: DatasetDocument;
  /** dataset.json as it was read, with keys of whatever meaning. */
  readonly json: object;
  /** In code-point order; those that have arrays. */
  readonly caseIds: readonly string[];
  /** Folders of arrays, `nnUNetPlans_3d_fullres`. */
  readonly dataIdentifiers: readonly string[];
  /** All of it, by paths below the folder. */
  readonly files: ReadonlyMap<string, SourceFile>;
}

/** A file of a trained model. */
const CHECKPOINT = /(^|\/)fold_(\d+|all)\/checkpoint_\w+\.pth$/;
/** Where the folder of label maps lies, by case id and file ending. */
export const GROUND_TRUTH = 'gt_segmentations';
const NO_PLANS: ReadonlySet<string> = new Set([
  NNUNET_FILES.dataset,
  NNUNET_FILES.fingerprint,
  NNUNET_FILES.splits,
]);

/** Whether a file beside the folders of preprocessed data is a plans file, by its name. */
export function isPlansFile(name: string): boolean {
  return name.endsWith('.json') && !NO_PLANS.has(name);
}

/**
 * The preprocessed dataset among unpacked files; `undefined` where there is none: it has dataset.json, plans beside that,
 * and a folder with arrays of cases. Looks at names, and reads dataset.json. Throws `BadJson`, `BadDatasetJson`.
 */
export async function findPreprocessedDataset(
  files: readonly SourceFile[],
): Promise<PreprocessedFolder | undefined> {
  const seen = files.filter((file) => !isHiddenFile(file));
  // Taken to a cluster with its training: the model in it is what matters.
  if (seen.some(({ path }) => CHECKPOINT.test(path))) return undefined;
  for (const jsonFile of seen.filter((file) => fileName(file) === NNUNET_FILES.dataset)) {
    const root = jsonFile.path.slice(0, -NNUNET_FILES.dataset.length);
    const own = seen.filter(({ path }) => path.startsWith(root));
    const below = new Map(own.map((file) => [file.path.slice(root.length), file]));
    const arrays = [...below.keys()].flatMap((path) => {
      const [folder, name, ...deeper] = path.split('/');
      const found = name !== undefined && deeper.length === 0 ? caseOfFile(name) : undefined;
      return found ? [{ folder, caseId: found.caseId }] : [];
    });
    const hasPlans = [...below.keys()].some((path) => !path.includes('/') && isPlansFile(path));
    if (arrays.length === 0 || !hasPlans) continue;
    const json = await readJson(jsonFile);
    return {
      folder: root.split('/').at(-2) ?? 'dataset',
      document: parseDatasetDocument(json, jsonFile.path),
      json: Object(json),
      caseIds: [...new Set(arrays.map(({ caseId }) => caseId))].sort(byCodePoint),
      dataIdentifiers: [...new Set(arrays.map(({ folder }) => folder))].sort(byCodePoint),
      files: below,
    };
  }
  return undefined;
}
