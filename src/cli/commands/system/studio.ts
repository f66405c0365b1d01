import { createServer } from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { StudioError } from '@/shared/errors';
import { kindOf } from '@/storage/nodeFiles';
import { type Command, EXIT } from '../../command';
import { isGiven, type ParsedOptions, textOf, UsageError } from '../../options';
import { listenFrom } from '../../studio/listen';
import { canShowBrowser, openBrowser } from '../../studio/openBrowser';
import { studioFiles } from '../../studio/studioFiles';

const DEFAULT_PORT = 4173;

export const studioCommand: Command = {
  name: 'studio',
  summary: 'serves the studio on this machine and opens it in the browser',
  usage: '[OPTIONS]',
  options: [
    {
      names: ['--port', '-port'],
      kind: 'text',
      value: 'N',
      description: `port to listen on (default ${DEFAULT_PORT}); the next free one where it is in use, 0 for any`,
    },
    { names: ['--no-open', '--no_open'], kind: 'flag', description: 'does not open the browser' },
  ],
  notes: [
    'Only this machine can reach it. Ctrl-C stops it.',
    'The browser keeps datasets, models and trainings by address: on another port the studio starts empty.',
  ],
  examples: ['nnstudio studio', 'nnstudio studio --port 8080 --no-open'],
  run,
};

async function run(options: ParsedOptions, signal: AbortSignal): Promise<number> {
  if (options.positionals.length > 0) {
    throw new UsageError(`studio takes no ${options.positionals.join(' ')}, only options.`);
  }
  const port = portOf(options);
  const folder = builtStudio();
  if ((await kindOf(path.join(folder, 'index.html'))) !== 'file') {
    throw new StudioError('NoStudio', `There is no studio in ${folder}.`, 'Install nnstudio again.');
  }
  const answer = studioFiles(folder);
  const server = createServer((request, response) => void answer(request, response));
  const listening = await listenFrom(server, port);
  if (port !== 0 && listening !== port) {
    console.error(
      `Port ${port} is in use; the studio is on ${listening} instead. What the browser keeps for port ${port} is not seen there.`,
    );
  }
  const address = `http://localhost:${listening}/`;
  console.log(`\nnnStudio is at ${address}\nEverything stays on this machine. Ctrl-C stops it.`);
  if (!isGiven(options, '--no-open') && canShowBrowser()) {
    openBrowser(address, () =>
      console.error(`No browser could be opened: open ${address} in one with WebGPU yourself.`),
    );
  }
  await untilStopped(signal);
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
  return EXIT.ok;
}

function portOf(options: ParsedOptions): number {
  const text = textOf(options, '--port');
  if (text === undefined) return DEFAULT_PORT;
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new UsageError(`--port must be a whole number from 0 to 65535, not ${text}.`);
}

/** The studio's folder beside the one that this command was built into. */
function builtStudio(): string {
  return fileURLToPath(new URL('../studio/', import.meta.url));
}

function untilStopped(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
