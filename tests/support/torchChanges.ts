// Checkpoints as others write them.

import { withChangedPickle } from '@/core/interop/torchArchive';
import type { SourceFile } from '@/core/io/sourceFile';
import { OWN_KEY } from '@/core/training/checkpoint';

/** A checkpoint as nnU-Net writes it: what nnStudio adds is under no name that it knows. */
export async function withoutOwnKey(file: SourceFile): Promise<Uint8Array> {
  const changed = await withChangedPickle(file, (pickle) => {
    const text = Buffer.from(pickle).toString('latin1');
    return Buffer.from(text.replace(OWN_KEY, 'x'.repeat(OWN_KEY.length)), 'latin1');
  });
  if (!changed) throw new Error('not a checkpoint');
  return changed.bytes();
}
