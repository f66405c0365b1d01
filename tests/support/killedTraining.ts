// nnstudio train on a tiny dataset, killed over and over and gone on with, against the same run undisturbed.
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { isDict, type PickleValue, sequenceItems } from '@/core/interop/pickleValues';
import { readTorchCheckpoint, type TorchCheckpoint, TorchTensor } from '@/core/interop/torchCheckpoint';
import { integerBelow, type Random, seededRandom } from '@/shared/random';
import { nodeDatasetFolder, nodeFile } from '@/storage/nodeFiles';
import { TINY_DATASET } from './tinyDataset';
import { tinyPreprocessed } from './tinyTraining';

/** Often, so that a kill rarely loses more than a step or two, and many fall into a write. */
const MINUTES_BETWEEN_CHECKPOINTS = 0.003;
const ITERATIONS = 5;
const WRITE_STAGES = ['opened', 'torn', 'written', 'flushed', 'renamed'] as const;
/** What differs between two runs of the same bits: when they were. */
const TIMES = ['epoch_start_timestamps', 'epoch_end_timestamps', 'seconds'];
/** One life of the process, at most. */
const LIFE_MS = 180_000;

export interface KillTest {
  /** The bundled command. */
  readonly command: string;
  readonly kills: number;
  readonly epochs: number;
  /** Of the moments. */
  readonly seed: number;
}

/** One kill. */
interface Kill {
  readonly moment: string;
  /** The epoch under way; none where training had not begun. */
  readonly epochAtDeath: number | 'none';
  /** The checkpoint that the next life starts from: epochs and iterations done. */
  readonly resumesFrom: string;
  /** Whether the run ended with the undisturbed run's bits. */
  isSame: boolean;
}

export interface KillTestResult {
  readonly kills: readonly Kill[];
  /** Trainings that were killed; one that ends before all kills are done makes room for another. */
  readonly runs: number;
  /** Values in a run's final and best checkpoint that were compared, tensors as one. */
  readonly values: number;
  /** What the command complained of, as of a checkpoint that it could not read. */
  readonly complaints: readonly string[];
}

/** When a life ends. */
type Moment =
  | { readonly kind: 'starting'; readonly afterMs: number }
  | { readonly kind: 'training'; readonly afterMs: number }
  | { readonly kind: 'writing'; readonly write: number; readonly stage: string };

export async function killTraining({ command, kills, epochs, seed }: KillTest): Promise<KillTestResult> {
  const root = mkdtempSync(path.join(os.tmpdir(), 'nnstudio-kills-'));
  try {
    await tinyPreprocessed(undefined, nodeDatasetFolder(path.join(root, 'preprocessed', TINY_DATASET)));
    const training = new KilledTraining(command, root, epochs);
    const undisturbed = await training.live('undisturbed');
    if (!undisturbed.hasEnded) throw new Error('the undisturbed run was killed');
    const expected = await training.bits('undisturbed');

    const random = seededRandom(seed);
    const rows: Kill[] = [];
    let run = 0;
    const complaints = [...undisturbed.complaints];
    let ofThisRun: Kill[] = [];
    for (;;) {
      const moment = rows.length < kills ? drawMoment(random, undisturbed) : undefined;
      const life = await training.live(`${run}`, moment);
      complaints.push(...life.complaints);
      if (!life.hasEnded && moment) {
        const resumesFrom = await training.newest(`${run}`);
        const kill = { moment: describe(moment), epochAtDeath: life.epoch, resumesFrom, isSame: false };
        rows.push(kill);
        ofThisRun.push(kill);
        continue;
      }
      const actual = await training.bits(`${run}`);
      for (const kill of ofThisRun) kill.isSame = actual.join('\n') === expected.join('\n');
      ofThisRun = [];
      run++;
      if (rows.length >= kills) return { kills: rows, runs: run, values: expected.length, complaints };
    }
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** How one life went. */
interface Life {
  readonly hasEnded: boolean;
  /** The epoch it died in. */
  readonly epoch: number | 'none';
  readonly complaints: readonly string[];
  /** Until training begins, and from there to the end. */
  readonly startMs: number;
  readonly trainMs: number;
}

class KilledTraining {
  private readonly command: string;
  private readonly root: string;
  private readonly trainer: string;

  constructor(command: string, root: string, epochs: number) {
    this.command = command;
    this.root = root;
    this.trainer = `nnUNetTrainer_${epochs}epochs`;
  }

  /** Runs the training below `results`, from its newest checkpoint to its end or until it is killed. */
  async live(results: string, moment?: Moment): Promise<Life> {
    const began = performance.now();
    const child = this.start(results, moment);
    const limit = setTimeout(() => child.kill('SIGKILL'), LIFE_MS);
    let [output, errors] = ['', ''];
    let startMs = 0;
    child.stderr?.on('data', (data: Buffer) => {
      errors += data.toString();
    });
    child.stdout?.on('data', (data: Buffer) => {
      output += data.toString();
      if (startMs > 0) return;
      startMs = performance.now() - began;
      if (moment?.kind === 'training') setTimeout(() => child.kill('SIGKILL'), moment.afterMs);
    });
    if (moment?.kind === 'starting') setTimeout(() => child.kill('SIGKILL'), moment.afterMs);
    const { code, signal } = await endOf(child);
    clearTimeout(limit);
    if (signal !== 'SIGKILL' && code !== 0) throw new Error(`nnstudio train ended with ${code}: ${errors}`);
    if (signal && (!moment || performance.now() - began >= LIFE_MS)) throw new Error('a life took too long');
    const first = /epochs (\d+) to/.exec(output)?.[1];
    const done = output.match(/^epoch \d+:/gm)?.length ?? 0;
    return {
      hasEnded: signal === null,
      epoch: first === undefined ? 'none' : Number(first) + done,
      complaints: errors.match(/^nnstudio: .*$/gm) ?? [],
      startMs,
      trainMs: performance.now() - began - startMs,
    };
  }

  private start(results: string, moment: Moment | undefined): ChildProcess {
    const preload = path.resolve('tests/support/dieInWrite.mjs');
    const isInWrite = moment?.kind === 'writing';
    return spawn(
      process.execPath,
      [
        ...(isInWrite ? ['--import', preload] : []),
        ...[this.command, 'train', TINY_DATASET, '3d_fullres', '0', '-tr', this.trainer, '--c'],
        ...['--seed', '5', '--iterations', `${ITERATIONS}`, '--val_iterations', '2', '--no_validation'],
        ...['--checkpoint_minutes', `${MINUTES_BETWEEN_CHECKPOINTS}`, '-raw', path.join(this.root, 'raw')],
        ...['-preprocessed', path.join(this.root, 'preprocessed'), '-results', path.join(this.root, results)],
      ],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: {
          ...process.env,
          ...(isInWrite && { NNSTUDIO_DIE_IN_WRITE: `${moment.write} ${moment.stage}` }),
        },
      },
    );
  }

  private folder(results: string): string {
    return path.join(this.root, results, TINY_DATASET, `${this.trainer}__nnUNetPlans__3d_fullres`, 'fold_0');
  }

  /** Where the next life starts: the furthest of the checkpoints, every one of which must be whole. */
  async newest(results: string): Promise<string> {
    let newest = 'the beginning';
    let furthest = -1;
    for (const file of checkpointsIn(this.folder(results))) {
      const { root } = await readTorchCheckpoint(await nodeFile(file));
      const [epoch, iterations] = [numberAt(root, 'current_epoch'), numberAt(root, 'nnstudio', 'iterations')];
      if (epoch * ITERATIONS + iterations < furthest) continue;
      furthest = epoch * ITERATIONS + iterations;
      newest = `epoch ${epoch}, iteration ${iterations}`;
    }
    return newest;
  }

  /** All that the final and the best checkpoint hold, a line each, but when it was. */
  async bits(results: string): Promise<readonly string[]> {
    const lines: string[] = [];
    for (const name of ['checkpoint_final.pth', 'checkpoint_best.pth']) {
      const checkpoint = await readTorchCheckpoint(await nodeFile(path.join(this.folder(results), name)));
      for await (const line of linesOf(checkpoint, checkpoint.root, name)) lines.push(line);
    }
    return lines;
  }
}

function drawMoment(random: Random, { startMs, trainMs }: Life): Moment {
  const kind = random.uniform();
  if (kind < 0.15) return { kind: 'starting', afterMs: startMs * random.uniform() };
  if (kind < 0.55) return { kind: 'training', afterMs: (trainMs / 5) * random.uniform() };
  return {
    kind: 'writing',
    write: 1 + integerBelow(random, 4),
    stage: WRITE_STAGES[integerBelow(random, WRITE_STAGES.length)],
  };
}

function describe(moment: Moment): string {
  switch (moment.kind) {
    case 'starting':
      return `starting, after ${Math.round(moment.afterMs)} ms`;
    case 'training':
      return `training, after ${Math.round(moment.afterMs)} ms`;
    case 'writing':
      return `in its write ${moment.write}: ${moment.stage}`;
    default:
      return moment satisfies never;
  }
}

function endOf(child: ChildProcess): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
}

function checkpointsIn(folder: string): readonly string[] {
  try {
    const names = readdirSync(folder).filter((name) => /^checkpoint_\w+\.pth$/.test(name));
    return names.map((name) => path.join(folder, name));
  } catch {
    return []; // it died before its first file
  }
}

function numberAt(root: PickleValue, ...keys: readonly string[]): number {
  let value: PickleValue | undefined = root;
  for (const key of keys) value = isDict(value) ? value.get(key) : undefined;
  return Number(value);
}

async function* linesOf(
  checkpoint: TorchCheckpoint,
  value: PickleValue | undefined,
  place: string,
): AsyncGenerator<string> {
  const items = sequenceItems(value);
  if (value instanceof TorchTensor) {
    const { buffer, byteOffset, byteLength } = await checkpoint.readTensor(value);
    const hash = createHash('sha256')
      .update(new Uint8Array(buffer, byteOffset, byteLength))
      .digest('hex');
    yield `${place} [${value.shape}] ${hash}`;
  } else if (isDict(value)) {
    for (const [key, each] of value) {
      if (!TIMES.includes(String(key))) yield* linesOf(checkpoint, each, `${place}/${key}`);
    }
  } else if (items) {
    for (const [i, each] of items.entries()) yield* linesOf(checkpoint, each, `${place}/${i}`);
  } else if (typeof value !== 'object' || value === null) {
    yield `${place} ${value}`;
  }
}
