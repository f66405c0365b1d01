// Builds what a checkout runs from its sources, when they are newer than what was built last.
import { setupOrExit } from '../setup.mjs';
import { runTool } from './command.mjs';
import { isStale } from './freshness.mjs';

const NODE_SOURCES = [
  'src',
  'workers',
  'package.json',
  'package-lock.json',
  'securityHeaders.ts',
  'scripts/support/bundle.mjs',
];
const STUDIO_SOURCES = [
  'src',
  'workers',
  'public',
  'index.html',
  'vite.config.ts',
  'securityHeaders.ts',
  'package-lock.json',
];

/** What runs in Node: the command and the library, which share their parts. */
const NODE_ENTRIES = { nnstudio: 'src/cli/nnstudio.ts', library: 'src/library/library.ts' };

/**
 * Builds the command and the library, and with `studio` the studio, each where it is missing or older than its sources. Says
 * on stderr what it does; ends the process where that fails.
 *
 * @param {{ studio?: boolean }} [options]
 */
export async function buildWhatIsStale({ studio = false } = {}) {
  const buildsNode = isStale('dist/node/nnstudio.mjs', NODE_SOURCES);
  const buildsStudio = studio && isStale('dist/studio/index.html', STUDIO_SOURCES);
  if (!buildsNode && !buildsStudio) return;
  await setupOrExit({ forTests: false });
  if (buildsNode) {
    console.error('nnstudio: building the command, as its sources are newer');
    await buildNode().catch(exitWith);
  }
  if (buildsStudio) {
    console.error('nnstudio: building the studio, as its sources are newer …');
    await buildStudio().catch(exitWith);
  }
}

/**
 * @param {{ sourcemap?: boolean }} [options]
 */
export async function buildNode(options) {
  const { bundle } = await import('./bundle.mjs');
  await bundle('node', NODE_ENTRIES, options);
}

export async function buildStudio() {
  const code = await runTool('vite', ['build', '--logLevel', 'error']);
  if (code !== 0) throw new Error('the build of the studio failed: see its messages above.');
}

function exitWith(error) {
  console.error(`nnstudio: ${error.message}`);
  process.exit(1);
}
