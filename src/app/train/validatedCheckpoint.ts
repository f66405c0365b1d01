// Which checkpoint a validation takes, in words: an older final one lies there while its training is made longer.
import { CHECKPOINTS } from '@/core/interop/nnunetFiles';
import type { SourceFile } from '@/core/io/sourceFile';
import { readCheckpointProgress } from '@/core/training/readCheckpoint';
import type { CheckpointStore } from '@/storage/checkpointStore';

/** A line for the log that names the checkpoint with its epochs, and one that has gone further. */
export async function validatedCheckpointLine(
  checkpoints: Pick<CheckpointStore, 'read'>,
  name: string,
  file: SourceFile,
): Promise<string> {
  const { epoch } = await readCheckpointProgress(file);
  const latest = await checkpoints.read(CHECKPOINTS.latest);
  // A latest one that cannot be read is the business of whoever goes on from it.
  const newer = latest && (await readCheckpointProgress(latest).catch(() => undefined));
  const line = `Validating ${name}, trained for ${epoch} epochs.`;
  if (name !== CHECKPOINTS.final || !newer || newer.epoch <= epoch) return line;
  return `${line} The training has gone on to epoch ${newer.epoch} in ${CHECKPOINTS.latest} and is not finished: --c finishes it.`;
}
