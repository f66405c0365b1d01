// Preprocessed cases in nnU-Net's newer format.
import { writeB2nd } from '@/core/io/blosc2/writeB2nd';
import { readNpz } from '@/core/io/npy';
import type { memoryFolder } from './memoryFolder';

/** A folder with the same cases as `.b2nd` in place of `.npz`. */
export async function withCasesAsB2nd<Folder extends ReturnType<typeof memoryFolder>>(
  folder: Folder,
): Promise<Folder> {
  for (const [path, content] of [...folder.contents]) {
    if (!path.endsWith('.npz')) continue;
    const below = path.slice(0, -'.npz'.length);
    const arrays = await readNpz(content);
    for (const [name, array] of arrays) {
      await folder.write(`${below}${name === 'data' ? '' : '_seg'}.b2nd`, writeB2nd(array));
    }
    await folder.remove(path);
  }
  return folder;
}
