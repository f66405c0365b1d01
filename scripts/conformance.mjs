// Compares this engine with golden data of the real nnU-Net, topic by topic:
//   npm run test:conformance [-- topic …]      (folder: NNSTUDIO_GOLDEN, default ../shared/golden)
// The topic `journeys` has the journeys in Chromium that need real data.
// Fails when a case fails, when the folder is absent, and when a topic that was asked for has no case.
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { importBundled } from './support/bundle.mjs';
import { findChromium } from './support/chromium.mjs';
import { formatDuration, projectRoot, runTool } from './support/command.mjs';

const golden = path.resolve(projectRoot, process.env.NNSTUDIO_GOLDEN ?? '../shared/golden');
const known = readdirSync(path.join(projectRoot, 'tests/conformance'))
  .filter((name) => name.endsWith('.ts') && name !== 'topic.ts')
  .map((name) => name.slice(0, -'.ts'.length))
  .sort();
const JOURNEYS = 'journeys';
const asked = process.argv.slice(2);
const withJourneys = asked.length === 0 || asked.includes(JOURNEYS);

function exitWith(message) {
  console.error(message);
  process.exit(1);
}

if (!existsSync(golden)) exitWith(`No golden data at ${golden}. Name its folder in NNSTUDIO_GOLDEN.`);
const unknown = asked.filter((topic) => topic !== JOURNEYS && !known.includes(topic));
if (unknown.length > 0) {
  exitWith(`Unknown topic: ${unknown.join(', ')}. Known: ${[...known, JOURNEYS].join(', ')}.`);
}

const topics = asked.length > 0 ? asked.filter((topic) => topic !== JOURNEYS) : known;
const modules = await importBundled(
  'conformance',
  Object.fromEntries(topics.map((topic) => [topic, `tests/conformance/${topic}.ts`])),
);

let passed = 0;
let failed = 0;
const emptyTopics = [];
for (const topic of topics) {
  const start = performance.now();
  try {
    const result = await modules[topic].run(golden, (line) => console.log(`  ${line}`));
    for (const line of result.lines) console.log(`  ${line}`);
    const duration = formatDuration(performance.now() - start);
    const worst = result.worstError.toExponential(2);
    console.log(`${topic}: ${result.passed} of ${result.total}, worst error ${worst} (${duration})`);
    passed += result.passed;
    failed += result.total - result.passed;
    if (result.total === 0) emptyTopics.push(topic);
  } catch (error) {
    console.error(error);
    console.log(`${topic}: stopped by an error after ${formatDuration(performance.now() - start)}`);
    failed += 1;
  }
}

const uncovered = readdirSync(golden, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !known.includes(entry.name))
  .map(({ name }) => name);
if (asked.length === 0 && uncovered.length > 0)
  console.log(`no comparison exists for: ${uncovered.join(', ')}`);

if (withJourneys) {
  const env = { NNSTUDIO_CONFORMANCE: '1', NNSTUDIO_CHROMIUM: (await findChromium()) ?? '' };
  const isRight =
    (await runTool('vite', ['build', '--logLevel', 'error'])) === 0 &&
    (await runTool('playwright', ['test', '--reporter=list'], { env })) === 0;
  console.log(`${JOURNEYS}: ${isRight ? 'ok' : 'FAILED'}`);
  if (isRight) passed += 1;
  else failed += 1;
}

const missing = emptyTopics.filter((topic) => asked.includes(topic));
if (missing.length > 0) console.error(`No case found for ${missing.join(', ')} in ${golden}.`);
if (passed === 0) console.error(`No case found in ${golden}.`);
console.log(`${passed} passed, ${failed} failed`);
// Dawn keeps threads of its own: leave without waiting for them.
process.exit(failed > 0 || missing.length > 0 || passed === 0 ? 1 : 0);
