// The `nnstudio` command: finds the command, parses its options, and turns what happens into an exit code.
import { isAbort, messageOf } from '@/shared/errors';
import { nearestTo } from '@/shared/nearest';
import { version } from '../../package.json';
import { EXIT } from './command';
import { COMMANDS, commandNamed, ELSEWHERE_NAMES, whyElsewhere } from './commandList';
import { helpOf, overview } from './help';
import { parseOptions, UsageError } from './options';

async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || ['--help', '-h', 'help'].includes(name)) {
    console.log(overview(COMMANDS, ELSEWHERE_NAMES));
    return name === undefined ? EXIT.usage : EXIT.ok;
  }
  if (name === '--version') {
    console.log(version);
    return EXIT.ok;
  }
  const command = commandNamed(name);
  if (!command) {
    const reason = whyElsewhere(name);
    if (reason) throw new UsageError(`${name} is not part of nnStudio: ${reason}`);
    const nearest = nearestTo(
      name,
      COMMANDS.flatMap((each) => [each.name, ...(each.aliases ?? [])]),
    );
    throw new UsageError(
      `Unknown command ${name}.`,
      nearest ? `Did you mean ${nearest}?` : 'nnstudio --help lists them.',
    );
  }
  if (rest.includes('--help') || rest.includes('-h')) {
    console.log(helpOf(command));
    return EXIT.ok;
  }
  return command.run(parseOptions(rest, command.options), cancelledByCtrlC());
}

/** Fires on the first Ctrl-C, so that what is under way ends cleanly; a second one ends the process at once. */
function cancelledByCtrlC(): AbortSignal {
  const controller = new AbortController();
  process.once('SIGINT', () => {
    console.error('\nStopping. Press Ctrl-C again to stop at once.');
    controller.abort();
    process.once('SIGINT', () => process.exit(EXIT.cancelled));
  });
  process.once('SIGTERM', () => controller.abort());
  return controller.signal;
}

function exitCodeOf(error: unknown): number {
  if (isAbort(error)) {
    console.error('Cancelled.');
    return EXIT.cancelled;
  }
  console.error(`nnstudio: ${messageOf(error)}`);
  if (error instanceof UsageError) console.error('nnstudio COMMAND --help shows how it is meant.');
  // What is not ours to explain is a defect: its place in the code helps whoever reports it.
  else if (process.env.NNSTUDIO_DEBUG && error instanceof Error) console.error(error.stack);
  return error instanceof UsageError ? EXIT.usage : EXIT.someFailed;
}

const exitCode = await main(process.argv.slice(2)).catch(exitCodeOf);
// Dawn keeps threads of its own: leave without waiting for them, once what was printed has left.
process.stdout.write('', () => process.exit(exitCode));
