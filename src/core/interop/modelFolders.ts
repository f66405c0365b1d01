// Which of the dropped files make up a model folder. Paths are looked at, contents only of zips.

import { openArchive } from '@/core/io/archive';
import { sniff } from '@/core/io/sniff';
import { fileName, type SourceFile } from '@/core/io/sourceFile';
import { isHiddenFile } from '@/core/io/systemFiles';
import { isZip } from '@/core/io/zip';
import { StudioError } from '@/shared/errors';
import { BUNDLE_ENDING, MANIFEST_FILE, MIMETYPE_FILE } from './bundleManifest';
import { NNUNET_FILES } from './nnunetFiles';

interface FoldFiles {
  /** By file name, `checkpoint_final.pth`; safetensors of a bundle under the name of the checkpoint they are of. */
  readonly checkpoints: ReadonlyMap<string, SourceFile>;
  readonly summary: SourceFile | undefined;
}

/** `Trainer__Plans__configuration/`, or a bundle, and what of it was dropped. */
export interface ModelFolder {
  readonly path: string;
  readonly plans: SourceFile | undefined;
  readonly dataset: SourceFile | undefined;
  /** By fold, `0`…`4` or `all`. */
  readonly folds: ReadonlyMap<string, FoldFiles>;
  readonly crossValidationSummary: SourceFile | undefined;
  /** Of a bundle. */
  readonly manifest: SourceFile | undefined;
  /** All of them, with paths below the folder. */
  readonly files: readonly SourceFile[];
}

const CHECKPOINT = /^(|.*\/)fold_([^/]+)\/([^/]+)\.(pth|pt|safetensors)$/;
const SUMMARY = /^(|.*\/)fold_([^/]+)\/validation\/summary\.json$/;
const CROSS_VALIDATION_SUMMARY = /^(|.*\/)crossval_results_folds_[^/]*\/summary\.json$/;

/**
 * Every folder with a fold's checkpoint in it; without any, a folder with a plans.json (its fold is then what is
 * missing). Throws `NoModel` if there is neither.
 */
export async function modelFolders(files: readonly SourceFile[]): Promise<readonly ModelFolder[]> {
  const all = await withoutArchives(files);
  const withCheckpoint = parentsOf(all, CHECKPOINT);
  const parents = withCheckpoint.length > 0 ? withCheckpoint : parentsOf(all, /^(|.*\/)plans\.json$/);
  if (parents.length > 0) return parents.map((parent) => modelFolder(parent, all));
  throw noModel(files, all);
}

/** The files, with the entries of archives in place of these. */
export async function withoutArchives(files: readonly SourceFile[]): Promise<readonly SourceFile[]> {
  const all = (await Promise.all(files.map((file) => unpacked(file, nameAmong(file, files))))).flat();
  return all.filter((file) => !isHiddenFile(file));
}

/** A file's name, or its path where others have the same name. */
export function nameAmong(file: SourceFile, files: readonly SourceFile[]): string {
  const name = fileName(file);
  return files.some((other) => other !== file && fileName(other) === name) ? file.path : name;
}

/** The entries of a zip, below its name; a file that is none as it is. A `.pth` is a zip too, and stays whole. */
async function unpacked(file: SourceFile, name: string): Promise<readonly SourceFile[]> {
  if (!(await isArchive(file))) return [file];
  if (!(await isZip(file))) {
    if (!file.path.toLowerCase().endsWith(BUNDLE_ENDING)) return [file];
    throw new StudioError(
      'BadBundle',
      `${file.path} is not a bundle: it does not begin like one.`,
      'Copy or download the file again; nnstudio export_bundle and the Models place write bundles.',
    );
  }
  return (await openArchive(file)).map((entry) => ({ ...entry, path: `${name}/${entry.path}` }));
}

/** By its name; or what was given by itself, by its content. */
async function isArchive(file: SourceFile): Promise<boolean> {
  if (/\.(zip|nnstudio)$/i.test(file.path)) return true;
  const isGivenByItself = !file.path.includes('/') && !/\.(pth|pt)$/i.test(file.path);
  return isGivenByItself && ['zip', 'model-bundle'].includes(await sniff(file));
}

function parentsOf(files: readonly SourceFile[], pattern: RegExp): readonly string[] {
  return [...new Set(files.flatMap(({ path }) => pattern.exec(path)?.[1] ?? []))].sort();
}

/** `parent` ends with a slash, or is empty. */
function modelFolder(parent: string, files: readonly SourceFile[]): ModelFolder {
  const own = files.filter(({ path }) => path.startsWith(parent));
  const directly = (name: string) => own.find(({ path }) => path === parent + name);
  const folds = new Map<string, { checkpoints: Map<string, SourceFile>; summary: SourceFile | undefined }>();
  for (const file of own) {
    const [, folder, fold, checkpoint, ending] = CHECKPOINT.exec(file.path) ?? [];
    if (folder !== parent) continue;
    const summary = own.find(({ path }) => {
      const match = SUMMARY.exec(path);
      return match?.[1] === parent && match[2] === fold;
    });
    const files = folds.get(fold) ?? { checkpoints: new Map(), summary };
    const name = `${checkpoint}.${ending === 'pt' ? 'pt' : 'pth'}`;
    if (ending !== 'safetensors' || !files.checkpoints.has(name)) files.checkpoints.set(name, file);
    folds.set(fold, files);
  }
  return {
    path: parent.replace(/\/$/, '') || 'the dropped folder',
    plans: directly(NNUNET_FILES.plans),
    dataset: directly(NNUNET_FILES.dataset),
    folds,
    crossValidationSummary: own.find(({ path }) => CROSS_VALIDATION_SUMMARY.exec(path)?.[1] === parent),
    manifest: directly(MIMETYPE_FILE) && directly(MANIFEST_FILE),
    files: own.map((file) => ({ ...file, path: file.path.slice(parent.length) })),
  };
}

function noModel(dropped: readonly SourceFile[], all: readonly SourceFile[]): StudioError {
  const lone = all.find(({ path }) => /\.(pth|pt)$/.test(path));
  const what = lone
    ? `${lone.path} is a checkpoint without its model folder`
    : `No model among the ${dropped.length === 1 ? `content of ${dropped[0].path}` : `${dropped.length} files`}`;
  return new StudioError(
    'NoModel',
    `${what}.`,
    'Drop the folder that nnU-Net wrote (Trainer__Plans__configuration, with dataset.json, plans.json and fold_0), one above it, or a zip of it.',
  );
}
