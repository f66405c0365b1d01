import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { seededRandom, uniformIn } from '@/shared/random';
import { nodeCheckpoints } from '@/storage/nodeFiles';
import { bundle } from '../../scripts/support/bundle.mjs';

const BUNDLE = path.resolve('dist/test-checkpoint-writer');
const LATEST = 'checkpoint_latest.pth';
/** Takes some milliseconds to write, so that kills meet writes. */
const SIZE = 4 * 2 ** 20;
const KILLS = 10;
/** Kills go on until so many have met a write. */
const KILLS_IN_WRITES = 3;

beforeAll(() => bundle(path.basename(BUNDLE), { writer: 'tests/storage/checkpointWriter.ts' }), 120_000);
afterAll(() => rmSync(BUNDLE, { recursive: true, force: true }));

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'nnstudio-checkpoints-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('a file is a whole checkpoint whenever its writer is killed, and what was told to be kept is kept', async () => {
  const random = seededRandom(1);
  let last = 0;
  let kills = 0;
  let interrupted = 0;
  for (; kills < KILLS || interrupted < KILLS_IN_WRITES; kills++) {
    const told = await toldUntilKilled(last + 1, uniformIn(random, [0, 60]));
    const content = await (await nodeCheckpoints(folder).read(LATEST))?.bytes();
    expect(content?.length).toBe(SIZE);
    const numbers = new Uint32Array(content?.slice().buffer ?? new ArrayBuffer(4));
    const [number] = numbers;
    expect(numbers.every((each) => each === number)).toBe(true);
    expect(number).toBeGreaterThanOrEqual(told);
    if (parts().length > 0) interrupted++;
    last = number;
  }
  console.log(`${kills} kills, ${interrupted} of them in a write; ${last} checkpoints`);

  await nodeCheckpoints(folder).write('checkpoint_best.pth', Uint8Array.of(1));
  expect(readdirSync(folder).sort()).toEqual(['checkpoint_best.pth', LATEST]);
});

/** The number of the last checkpoint that the writer told of before it was killed, so long after its first one, ms. */
async function toldUntilKilled(first: number, afterMs: number): Promise<number> {
  const writer = spawn(process.execPath, [path.join(BUNDLE, 'writer.mjs'), folder, `${first}`, `${SIZE}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  const hasBegun = new Promise<void>((resolve, reject) => {
    writer.stdout.on('data', (data: Buffer) => {
      text += data.toString();
      resolve();
    });
    writer.once('close', () => reject(new Error('the writer ended by itself')));
  });
  await hasBegun;
  setTimeout(() => writer.kill('SIGKILL'), afterMs);
  await closed(writer);
  return Number(text.trim().split('\n').at(-1));
}

function closed(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => child.once('close', () => resolve()));
}

/** What was being written. */
function parts(): readonly string[] {
  return readdirSync(folder).filter((name) => name.endsWith('.part'));
}

test('what another process left half-written is deleted before the first write, nothing else', async () => {
  for (const name of ['.checkpoint_latest.pth.1.part', '.notes', 'progress.json', '.a.part']) {
    writeFileSync(path.join(folder, name), 'half');
  }
  await nodeCheckpoints(folder).write(LATEST, Uint8Array.of(1));
  expect(readdirSync(folder).sort()).toEqual(['.a.part', '.notes', LATEST, 'progress.json']);
});
