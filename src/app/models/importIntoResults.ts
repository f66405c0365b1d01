// Unpacking models into nnUNet_results, where others may be: a model is never laid beside or over another training's folds
// unless that is asked for.

import { parseJson } from '@/core/interop/json';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { orderedEntries } from '@/core/interop/orderedJson';
import { readText, type SourceFile } from '@/core/io/sourceFile';
import { haveSameBytes } from '@/shared/bytes';
import { StudioError } from '@/shared/errors';

/** What is there already, looked up by paths below nnUNet_results. */
export interface ExistingResults {
  open(path: string): Promise<SourceFile | undefined>;
  /** Names of the files directly in a folder; none where there is no such folder. */
  list(folder: string): Promise<readonly string[]>;
}

/** A file or folder that the import would take the place of. */
export interface Replaced {
  /** Below nnUNet_results. */
  readonly path: string;
  /** What it is, in words. */
  readonly what: string;
}

/**
 * What importing `files`, with paths below nnUNet_results, would replace: folds that are there; a whole model folder whose
 * plans or labels are others, as its folds are then another training's; and other files of other content.
 */
export async function replacedBy(
  files: readonly SourceFile[],
  existing: ExistingResults,
): Promise<readonly Replaced[]> {
  const replaced: Replaced[] = [];
  for (const folder of modelFoldersOf(files)) {
    const differing = await differingDocument(files, folder, existing);
    const folds = foldsOf(files, folder);
    const there: string[] = [];
    for (const fold of folds) {
      if ((await existing.list(`${folder}/${fold}`)).length > 0) there.push(fold);
    }
    if (differing !== undefined) {
      replaced.push({ path: folder, what: `${folder}, which is another training: its ${differing} differs` });
    } else {
      replaced.push(...there.map((fold) => ({ path: `${folder}/${fold}`, what: `${folder}/${fold}` })));
    }
  }
  for (const file of files) {
    const isCovered = replaced.some(({ path }) => file.path === path || file.path.startsWith(`${path}/`));
    if (isCovered || isDocument(file.path)) continue;
    const other = await existing.open(file.path);
    if (other && !(await areSameFiles(file, other)))
      replaced.push({ path: file.path, what: `${file.path}, which differs` });
  }
  return replaced;
}

/** Throws `WouldReplaceModel` naming what is there. */
export function assertNothingReplaced(replaced: readonly Replaced[], archive: string): void {
  if (replaced.length === 0) return;
  throw new StudioError(
    'WouldReplaceModel',
    `${archive} would replace what is in nnUNet_results: ${replaced.map(({ what }) => what).join('; ')}.`,
    'Nothing has been changed. --force replaces it; another nnUNet_results keeps both.',
  );
}

const FOLD = /^(.+\/[^/]+__[^/]+__[^/]+)\/(fold_[^/]+)\//;
const DOCUMENT = /^(.+\/[^/]+__[^/]+__[^/]+)\/(plans|dataset|dataset_fingerprint)\.json$/;

function isDocument(path: string): boolean {
  return DOCUMENT.test(path);
}

function modelFoldersOf(files: readonly SourceFile[]): readonly string[] {
  return [...new Set(files.flatMap(({ path }) => FOLD.exec(path)?.[1] ?? DOCUMENT.exec(path)?.[1] ?? []))];
}

function foldsOf(files: readonly SourceFile[], folder: string): readonly string[] {
  const found = files.flatMap(({ path }) => {
    const [, own, fold] = FOLD.exec(path) ?? [];
    return own === folder ? [fold] : [];
  });
  return [...new Set(found)].sort();
}

/** The document in which the model that is there is another one; `undefined` where it is the same, or none is there. */
async function differingDocument(
  files: readonly SourceFile[],
  folder: string,
  existing: ExistingResults,
): Promise<string | undefined> {
  for (const [name, meaning] of [
    [NNUNET_FILES.plans, meaningOfPlans],
    [NNUNET_FILES.dataset, meaningOfDataset],
  ] as const) {
    const own = files.find(({ path }) => path === `${folder}/${name}`);
    const other = await existing.open(`${folder}/${name}`);
    if (own && other && (await meaning(own)) !== (await meaning(other))) return name;
  }
  return undefined;
}

/** nnU-Net adds whether a training was continued. */
async function meaningOfPlans(file: SourceFile): Promise<string> {
  const { continue_training: _, ...plans } = Object(parseJson(await readText(file), file.path));
  return JSON.stringify(sorted(plans));
}

/** With keys in one order, which plans have no meaning in. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, each]) => [key, sorted(each)]));
}

/** What a network's channels and labels mean; the order of labels is that of regions. */
async function meaningOfDataset(file: SourceFile): Promise<string> {
  const dataset = Object(parseJson(await readText(file), file.path));
  const { channel_names, labels, regions_class_order, file_ending } = dataset;
  const ordered = (value: unknown) => (typeof value === 'object' && value ? orderedEntries(value) : value);
  return JSON.stringify([ordered(channel_names), ordered(labels), regions_class_order, file_ending]);
}

async function areSameFiles(a: SourceFile, b: SourceFile): Promise<boolean> {
  if (a.sizeInBytes !== b.sizeInBytes) return false;
  return haveSameBytes(await a.bytes(), await b.bytes());
}
