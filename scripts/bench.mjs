// Prints measured rates and memory:
//   npm run bench [-- name … --all]   runs tests/bench/<name>.ts; without names the engine's own (DEFAULT_BENCHES)
//   npm run bench:ort                 runs tests/bench/ort.ts
// A benchmark exports `run(options)` with `{ isExhaustive }` (--all: also what takes minutes on a software adapter).
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { importBundled } from './support/bundle.mjs';
import { projectRoot } from './support/command.mjs';

const DEFAULT_BENCHES = [
  'adapter',
  'conv3d',
  'networks',
  'training',
  'trainingMemory',
  'preprocessing',
  'loading',
  'slidingWindow',
];

const existing = readdirSync(path.join(projectRoot, 'tests/bench'))
  .filter((name) => name.endsWith('.ts'))
  .map((name) => name.slice(0, -'.ts'.length));
const asked = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
const unknown = asked.filter((name) => !existing.includes(name));
if (unknown.length > 0) {
  console.error(`No such benchmark: ${unknown.join(', ')}. There are ${existing.join(', ')}.`);
  process.exit(1);
}

const names = asked.length > 0 ? asked : DEFAULT_BENCHES.filter((name) => existing.includes(name));
const entries = Object.fromEntries(names.map((name) => [name, `tests/bench/${name}.ts`]));
const modules = await importBundled('bench', entries);
for (const name of names) await modules[name].run({ isExhaustive: process.argv.includes('--all') });
// Dawn keeps threads of its own: leave without waiting for them.
process.exit(0);
