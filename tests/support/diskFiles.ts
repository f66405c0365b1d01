import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import type { SourceFile } from '@/core/io/sourceFile';

/** All files below a folder, with paths that start with the folder's own name, as a dropped folder has them. */
export function folderFiles(folder: string): SourceFile[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort()
    .map((file) => diskFile(file, path.relative(path.dirname(folder), file)));
}

/** A file that is read only when asked for, whole each time. */
function diskFile(file: string, shownPath: string): SourceFile {
  const bytes = async () => new Uint8Array(readFileSync(file));
  return {
    path: shownPath.split(path.sep).join('/'),
    sizeInBytes: statSync(file).size,
    bytes,
    slice: async (start, end) => (await bytes()).subarray(start, end),
  };
}
