// Zip archives as people make them: what they hold, without what their system added, and archives inside them opened too.
import { StudioError } from '@/shared/errors';
import type { SourceFile } from './sourceFile';
import { isHiddenFile } from './systemFiles';
import { isZip, openZip, withRandomAccess } from './zip';

/** Archives inside archives are opened this deep. */
const MAX_DEPTH = 3;
const ARCHIVE_ENDING = /\.(zip|nnstudio)$/i;

/**
 * The files of a zip archive. Paths of an archive inside it start with its own path. Throws what `openZip` throws, and
 * `UnsafeZip` where archives lie in each other too deep.
 */
export async function openArchive(file: SourceFile): Promise<readonly SourceFile[]> {
  return filesOf(file, 1);
}

async function filesOf(archive: SourceFile, depth: number): Promise<readonly SourceFile[]> {
  const shown = (await openZip(archive)).filter((entry) => !isHiddenFile(entry));
  const files: SourceFile[] = [];
  for (const entry of shown) {
    if (!ARCHIVE_ENDING.test(entry.path) || !(await isZip(entry))) {
      files.push(entry);
      continue;
    }
    if (depth === MAX_DEPTH) {
      throw new StudioError(
        'UnsafeZip',
        `${archive.path}: ${entry.path} is an archive in an archive, ${MAX_DEPTH} deep already.`,
        'Unpack it, then give the folder.',
      );
    }
    const inner = await filesOf(await withRandomAccess(entry), depth + 1);
    files.push(...inner.map((each) => ({ ...each, path: `${entry.path}/${each.path}` })));
  }
  return files;
}
