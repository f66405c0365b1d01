// Kills `nnstudio train` at random moments, in checkpoint writes too, goes on each time, and compares what it ends with
// to the same run undisturbed, bit for bit:
//   npm run test:kill [-- KILLS [SEED]]      (default 30 kills, seed 1)
import { rmSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { bundle } from './support/bundle.mjs';
import { formatDuration, projectRoot } from './support/command.mjs';

const [kills = 30, seed = 1] = process.argv.slice(2).map(Number);
/** Apart from the command's own, so that the command stays the same throughout. */
const folder = path.join(projectRoot, 'dist', 'kill-test');

process.chdir(projectRoot);
const start = performance.now();
try {
  await bundle(path.basename(folder), {
    nnstudio: 'src/cli/nnstudio.ts',
    killedTraining: 'tests/support/killedTraining.ts',
  });
  const { killTraining } = await import(pathToFileURL(path.join(folder, 'killedTraining.mjs')).href);
  const command = path.join(folder, 'nnstudio.mjs');
  const result = await killTraining({ command, kills, epochs: 12, seed });
  console.table(result.kills);
  for (const complaint of result.complaints) console.log(complaint);
  const same = result.kills.filter(({ isSame }) => isSame).length;
  const duration = formatDuration(performance.now() - start);
  console.log(`${kills} kills in ${result.runs} runs, ${result.values} values compared (${duration})`);
  console.log(`${same} passed, ${kills - same} failed`);
  process.exitCode = same === kills ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
