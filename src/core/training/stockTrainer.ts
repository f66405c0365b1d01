// A checkpoint for any nnU-Net: its trainer is a class that stock nnU-Net has.
import { withChangedPickle, withChangedText } from '@/core/interop/torchArchive';
import type { SourceFile } from '@/core/io/sourceFile';
import type { ZipPart } from '@/core/io/zipStream';
import { stockTrainerName } from './trainers';

/**
 * The checkpoint itself where its trainer is one of stock nnU-Net, or one that is not known here. Else one that names the
 * stock class with the same network: nnU-Net's predictor builds the network by it, and finds no other.
 */
export async function withStockTrainer(file: SourceFile): Promise<SourceFile> {
  const changed = await withChangedPickle(file, (pickle) =>
    withChangedText(pickle, 'trainer_name', stockTrainerName),
  );
  return changed ?? file;
}

/** A part of an archive; a checkpoint among them as {@link withStockTrainer} gives it. */
export function partForAnyNnunet(part: ZipPart): ZipPart {
  if (!/(^|\/)fold_[^/]+\/[^/]+\.pth$/.test(part.path)) return part;
  return { ...part, open: async () => withStockTrainer(await part.open()) };
}
