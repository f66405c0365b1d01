import { rmSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bundle } from '../../scripts/support/bundle.mjs';
import { killTraining } from '../support/killedTraining';

/** Apart from the command's own, which others may be building while this test runs. */
const BUNDLE = path.resolve('dist/test-train-killed');

beforeAll(() => bundle(path.basename(BUNDLE), { nnstudio: 'src/cli/nnstudio.ts' }), 120_000);
afterAll(() => rmSync(BUNDLE, { recursive: true, force: true }));

test('a training that is killed and gone on with ends with the undisturbed one’s bits', {
  timeout: 600_000,
}, async () => {
  const command = path.join(BUNDLE, 'nnstudio.mjs');
  const { kills, values, complaints } = await killTraining({ command, kills: 5, epochs: 6, seed: 2 });
  console.table(kills);
  expect(kills.map(({ isSame }) => isSame)).toEqual([true, true, true, true, true]);
  expect(values).toBeGreaterThan(100);
  expect(complaints).toEqual([]);
});
