import { mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import type { ZipPart } from '@/core/io/zipStream';
import { writeWhole } from './nodeFiles';

/**
 * Writes files below a folder, all or none: they are put beside it first, what `replaced` names is deleted when all of them
 * are there, and then they are moved into place.
 */
export async function unpackInto(
  folder: string,
  parts: readonly ZipPart[],
  { replaced, signal }: { readonly replaced: readonly string[]; readonly signal: AbortSignal },
): Promise<void> {
  const staged = path.join(folder, `.unpacking-${process.pid}`);
  try {
    for (const part of parts) {
      signal.throwIfAborted();
      await writeWhole(path.join(staged, part.path), await (await part.open()).bytes());
    }
    for (const each of replaced) await rm(path.join(folder, each), { recursive: true, force: true });
    for (const part of parts) {
      const location = path.join(folder, part.path);
      await mkdir(path.dirname(location), { recursive: true });
      await rename(path.join(staged, part.path), location);
    }
  } finally {
    await rm(staged, { recursive: true, force: true });
  }
}
