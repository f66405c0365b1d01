// The whole proof, one command: set-up, `npm run check`, unit and golden tests in Node on Dawn, then the studio's build
// and its journeys in Chromium. Stops at the first stage that fails. Last line: `N passed, N failed`.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setup } from './setup.mjs';
import { findChromium } from './support/chromium.mjs';
import { formatDuration, runCommand, runTool } from './support/command.mjs';

const reports = mkdtempSync(path.join(os.tmpdir(), 'nnstudio-tests-'));
const vitestReport = path.join(reports, 'vitest.json');
const playwrightReport = path.join(reports, 'playwright.json');

const STAGES = [
  {
    name: 'types, lint, layers, names, unused code',
    run: () => runCommand('npm', ['run', '--silent', 'check']),
  },
  {
    name: 'unit, gradient and golden tests',
    run: () =>
      runTool('vitest', [
        'run',
        '--reporter=default',
        '--reporter=json',
        `--outputFile.json=${vitestReport}`,
      ]),
  },
  { name: 'build of the studio', run: () => runTool('vite', ['build', '--logLevel', 'error']) },
  {
    name: 'build of the command',
    run: () => runCommand(process.execPath, ['bin/nnstudio.mjs', '--version']),
  },
  { name: 'journeys in Chromium', run: runJourneys },
];

async function runJourneys() {
  return runTool('playwright', ['test', '--reporter=list,json'], {
    env: {
      PLAYWRIGHT_JSON_OUTPUT_NAME: playwrightReport,
      PLAYWRIGHT_JSON_OUTPUT_FILE: playwrightReport,
      NNSTUDIO_CHROMIUM: (await findChromium()) ?? '',
    },
  });
}

/** Runs the stages in order; the name of the one that failed, or `undefined`. */
async function firstFailure() {
  for (const { name, run } of STAGES) {
    console.log(`\n== ${name}`);
    const start = performance.now();
    const code = await run();
    const duration = formatDuration(performance.now() - start);
    console.log(`== ${name}: ${code === 0 ? 'ok' : 'FAILED'} (${duration})`);
    if (code !== 0) return name;
  }
  return undefined;
}

function readReport(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}

function countTests() {
  const vitest = readReport(vitestReport);
  const journeys = readReport(playwrightReport)?.stats;
  return {
    passed: (vitest?.numPassedTests ?? 0) + (journeys?.expected ?? 0) + (journeys?.flaky ?? 0),
    failed: (vitest?.numFailedTests ?? 0) + (journeys?.unexpected ?? 0),
    skipped: (vitest?.numPendingTests ?? 0) + (vitest?.numTodoTests ?? 0) + (journeys?.skipped ?? 0),
  };
}

/** Sets up, then runs the stages; the name of what failed, or `undefined`. */
async function runAll() {
  try {
    await setup({ forTests: true });
  } catch (error) {
    console.error(`setup: ${error.message}`);
    return 'set-up';
  }
  return firstFailure();
}

const start = performance.now();
const failedStage = await runAll();
const { passed, failed, skipped } = countTests();
rmSync(reports, { recursive: true, force: true });
console.log(`\nTook ${formatDuration(performance.now() - start)}.`);
if (failedStage) console.log(`Stopped at: ${failedStage}.`);
// A stage may fail without a failing test (types, lint, build): it counts as one failure.
const failures = failedStage && failed === 0 ? 1 : failed;
console.log(`${passed} passed, ${failures} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exit(failedStage || passed === 0 ? 1 : 0);
