// A training that is killed 30 times at random moments, in the middle of steps and of checkpoint writes: what it resumes
// from each time, and whether it ends with the bits of a training that nobody disturbed.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, watch } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isDict, type PickleValue } from '@/core/interop/pickleValues';
import { readTorchCheckpoint, type TorchCheckpoint, TorchTensor } from '@/core/interop/torchCheckpoint';
import { memoryFile } from '@/core/io/sourceFile';
import { integerBelow, keyedRandom } from '@/shared/random';
import { datasetFolder } from '@/storage/nodeFiles';
import { TINY_DATASET } from '../support/tinyDataset';
import { tinyPreprocessed } from '../support/tinyTraining';

const KILLS = 30;
const EPOCHS = 100;
const TRAINER = `nnUNetTrainer_${EPOCHS}epochs`;
/** A run lives for at most so many epochs, and ends anywhere in the next. */
const LONGEST_LIFE = 2;

export async function run(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'nnstudio-'));
  try {
    mkdirSync(path.join(folder, 'raw'));
    await tinyPreprocessed(undefined, datasetFolder(path.join(folder, 'preprocessed', TINY_DATASET)));
    const { epochMs } = await train(folder, 'undisturbed');
    console.log(`\nA training of ${EPOCHS} × 3 iterations, a checkpoint after each, killed ${KILLS} times`);
    const random = keyedRandom(1);
    let inWrites = 0;
    for (let kill = 1; kill <= KILLS; kill++) {
      const life = {
        epochs: integerBelow(random, LONGEST_LIFE + 1),
        ms: epochMs * random.uniform(),
        endsInWrite: kill % 3 === 0,
      };
      const { resumed } = await train(folder, 'killed', life);
      const isInWrite = removeParts(foldOf(folder, 'killed'));
      if (isInWrite) inWrites++;
      const place = isInWrite ? ', in a checkpoint write' : '';
      console.log(
        `  ${kill}: ${resumed}, killed after ${life.epochs} epochs and ${life.ms.toFixed(0)} ms${place}`,
      );
    }
    console.log(`  then: ${(await train(folder, 'killed')).resumed}, to the end`);
    const [whole, pieces] = await Promise.all(
      ['undisturbed', 'killed'].map((name) => finalTensors(folder, name)),
    );
    const different = [...whole].filter(([name, bits]) => pieces.get(name) !== bits).map(([name]) => name);
    console.log(
      `  ${inWrites} of ${KILLS} in a checkpoint write; ${different.length} of ${whole.size} tensors of network and optimiser differ`,
    );
    if (different.length > 0) throw new Error(`${different[0]} differs`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function foldOf(folder: string, results: string): string {
  return path.join(folder, results, TINY_DATASET, `${TRAINER}__nnUNetPlans__3d_fullres`, 'fold_0');
}

/** How long a run lives: so many epochs, then so long, then perhaps until a checkpoint begins to be written. */
interface Life {
  readonly epochs: number;
  readonly ms: number;
  readonly endsInWrite: boolean;
}

interface Run {
  /** What it resumed from. */
  readonly resumed: string;
  /** What an epoch took. */
  readonly epochMs: number;
}

/** Runs the command, to its end or as long as it may live. */
function train(folder: string, results: string, life?: Life): Promise<Run> {
  const folders = ['raw', 'preprocessed'].flatMap((name) => [`-${name}`, path.join(folder, name)]);
  const command = spawn(
    process.execPath,
    [
      path.resolve('bin/nnstudio.mjs'),
      ...['train', TINY_DATASET, '3d_fullres', '0', '-tr', TRAINER, '--c', '--no_pbar', '--no_validation'],
      ...['--iterations', '3', '--val_iterations', '1', '--checkpoint_minutes', '0'],
      ...[...folders, '-results', path.join(folder, results)],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let [output, errors, begunAt, isDoomed] = ['', '', 0, false];
  command.stderr.on('data', (data) => {
    errors += data;
  });
  command.stdout.on('data', (data) => {
    output += data;
    const begins = /epochs \d+ to \d+/.test(output);
    if (begins && begunAt === 0) begunAt = performance.now();
    const epochs = output.match(/^epoch \d+:/gm)?.length ?? 0;
    if (!life || isDoomed || !begins || epochs < life.epochs) return;
    isDoomed = true;
    setTimeout(() => {
      const kill = () => command.kill('SIGKILL');
      if (life.endsInWrite) onceWriting(foldOf(folder, results), kill);
      else kill();
    }, life.ms);
  });
  return new Promise((resolve, reject) => {
    command.on('exit', (code) => {
      const begin = /epochs (\d+) to \d+/.exec(output)?.[1];
      if (begin === undefined || (!life && code !== 0)) reject(new Error(errors || output));
      else resolve({ resumed: `resumed in epoch ${begin}`, epochMs: (performance.now() - begunAt) / EPOCHS });
    });
  });
}

/** Calls back when a checkpoint begins to be written. */
function onceWriting(folder: string, callback: () => void): void {
  const watcher = watch(folder, (_, name) => {
    if (!name?.endsWith('.part')) return;
    watcher.close();
    callback();
  });
}

/** Removes what writes that were cut short left behind. */
function removeParts(folder: string): boolean {
  const parts = readdirSync(folder).filter((name) => name.endsWith('.part'));
  for (const name of parts) rmSync(path.join(folder, name));
  return parts.some((name) => name.includes('checkpoint_'));
}

/** Every tensor of the final checkpoint by its place, as text of its bits. */
async function finalTensors(folder: string, results: string): Promise<ReadonlyMap<string, string>> {
  const file = path.join(foldOf(folder, results), 'checkpoint_final.pth');
  const checkpoint = await readTorchCheckpoint(memoryFile(readFileSync(file), file));
  const tensors = new Map<string, string>();
  await collect(checkpoint, checkpoint.root, '', tensors);
  return tensors;
}

async function collect(
  checkpoint: TorchCheckpoint,
  value: PickleValue | undefined,
  at: string,
  tensors: Map<string, string>,
): Promise<void> {
  if (value instanceof TorchTensor) {
    const data = await checkpoint.readTensor(value);
    tensors.set(at, Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64'));
  } else if (isDict(value)) {
    for (const [key, item] of value) await collect(checkpoint, item, `${at}.${String(key)}`, tensors);
  }
}
