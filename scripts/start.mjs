// Serves the studio:  npm start [-- --port 4173] [--no-open]
// Sets up what is missing, builds when sources are newer than the build, and opens the browser where there is one.
import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import { setupOrExit } from './setup.mjs';
import { projectRoot, runTool } from './support/command.mjs';
import { isStale } from './support/freshness.mjs';

const SOURCES = [
  'src',
  'workers',
  'public',
  'index.html',
  'vite.config.ts',
  'securityHeaders.ts',
  'package-lock.json',
];

const { values: options } = parseArgs({
  options: {
    port: { type: 'string', default: '4173' },
    'no-open': { type: 'boolean', default: false },
  },
});

await setupOrExit({ forTests: false });
if (isStale('dist/studio/index.html', SOURCES)) {
  console.log('Building the studio …');
  if ((await runTool('vite', ['build', '--logLevel', 'error'])) !== 0) process.exit(1);
}

const { preview } = await import('vite');
const server = await preview({
  root: projectRoot,
  preview: { port: Number(options.port), strictPort: false },
});
const url = server.resolvedUrls?.local[0] ?? `http://localhost:${options.port}/`;
console.log(`\nnnStudio is at ${url}\nEverything stays on this machine. Ctrl-C stops it.`);
if (hasBrowser()) openBrowser(url);

function hasBrowser() {
  if (options['no-open'] || process.env.CI) return false;
  return process.platform !== 'linux' || Boolean(process.env.DISPLAY || process.env.WAYLAND_DISPLAY);
}

/** Best effort: the address is on the screen for whoever has no such opener. */
function openBrowser(address) {
  const openers = { darwin: ['open'], win32: ['cmd', '/c', 'start', ''] };
  const [command, ...args] = openers[process.platform] ?? ['xdg-open'];
  const opener = spawn(command, [...args, address], { stdio: 'ignore', detached: true });
  opener.on('error', () => {});
  opener.unref();
}
