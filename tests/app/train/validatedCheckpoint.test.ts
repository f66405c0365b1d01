import { expect, test } from 'vitest';
import { validatedCheckpointLine } from '@/app/train/validatedCheckpoint';
import { CHECKPOINTS } from '@/core/interop/nnunetFiles';
import { writeTorchCheckpoint } from '@/core/interop/torchWriter';
import { memoryFile, type SourceFile } from '@/core/io/sourceFile';

function checkpoint(name: string, epochs: number): SourceFile {
  return memoryFile(writeTorchCheckpoint(new Map([['current_epoch', epochs]])), name);
}

const lineOf = (name: string, latest?: SourceFile) =>
  validatedCheckpointLine(
    { read: async (asked) => (asked === CHECKPOINTS.latest ? latest : undefined) },
    name,
    checkpoint(name, 100),
  );

test('a validation names its checkpoint, and one that has gone further', async () => {
  const plain = 'Validating checkpoint_final.pth, trained for 100 epochs.';
  expect(await lineOf(CHECKPOINTS.final)).toBe(plain);
  expect(await lineOf(CHECKPOINTS.final, checkpoint(CHECKPOINTS.latest, 100))).toBe(plain);
  expect(await lineOf(CHECKPOINTS.final, memoryFile(new Uint8Array(9), CHECKPOINTS.latest))).toBe(plain);
  expect(await lineOf(CHECKPOINTS.final, checkpoint(CHECKPOINTS.latest, 120))).toBe(
    `${plain} The training has gone on to epoch 120 in checkpoint_latest.pth and is not finished: --c finishes it.`,
  );
  expect(await lineOf(CHECKPOINTS.best, checkpoint(CHECKPOINTS.latest, 120))).toBe(
    'Validating checkpoint_best.pth, trained for 100 epochs.',
  );
});
