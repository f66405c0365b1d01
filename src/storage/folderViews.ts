// Folders seen otherwise than they lie: a part of one, several as one.
import type { SourceFile } from '@/core/io/sourceFile';
import { nameKey } from '@/shared/names';
import type { DatasetFolder } from './datasetFolder';

/** A folder that is only read. */
export type ReadFolder = Pick<DatasetFolder, 'open' | 'list'>;

/**
 * A folder, and what files call it that name others: its absolute path on disk, or in the browser its place among
 * nnU-Net's folders (`nnUNet_results/Dataset004_Hippocampus/…`).
 */
export interface PlacedFolder<Folder = DatasetFolder> {
  readonly folder: Folder;
  readonly location: string;
}

/** What lies below `path` of a folder, as a folder. */
export function subfolder(folder: DatasetFolder, path: string): DatasetFolder {
  const at = (name: string) => (name === '' ? path : `${path}/${name}`);
  return {
    has: (name) => folder.has(at(name)),
    write: (name, content) => folder.write(at(name), content),
    open: (name) => folder.open(at(name)),
    list: (name) => folder.list(at(name)),
    remove: (name) => folder.remove(at(name)),
  };
}

/** {@link subfolder} with its place. */
export function placedSubfolder({ folder, location }: PlacedFolder, path: string): PlacedFolder {
  return { folder: subfolder(folder, path), location: `${location}/${path}` };
}

/**
 * One folder of several: what lies below a name of `parts` is in that folder, under the same path; everything else in
 * `base`. So folds that were trained apart, each in a folder of its own, make up one model.
 */
export function joinedFolder(
  base: DatasetFolder,
  parts: Readonly<Record<string, DatasetFolder>>,
): DatasetFolder {
  const folderOf = (path: string) => {
    const first = path.split('/', 1)[0];
    return Object.hasOwn(parts, first) ? parts[first] : base;
  };
  return {
    has: (path) => folderOf(path).has(path),
    write: (path, content) => folderOf(path).write(path, content),
    open: (path) => folderOf(path).open(path),
    list: (path) => folderOf(path).list(path),
    remove: (path) => folderOf(path).remove(path),
  };
}

/** The file of a name, however the accents in it are composed; one written in the very same way goes first. */
export async function openNamed(folder: ReadFolder, name: string): Promise<SourceFile | undefined> {
  const exact = await folder.open(name);
  if (exact || nameKey(name) === name.normalize('NFD')) return exact;
  const like = (await folder.list('')).find((other) => nameKey(other) === nameKey(name));
  return like === undefined ? undefined : folder.open(like);
}

/** Removes the files that lie directly in a folder. */
export async function clearFolder(folder: DatasetFolder, path = ''): Promise<void> {
  for (const name of await folder.list(path)) await folder.remove(path === '' ? name : `${path}/${name}`);
}
