import type { Command } from './command';
import type { OptionSpec } from './options';

const OPTION_COLUMN = 34;

/** The overview that `nnstudio --help` prints. */
export function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length)) + 2;
  return [
    'nnstudio: nnU-Net v2 on WebGPU. Everything stays on this machine.',
    '',
    'Usage: nnstudio COMMAND [OPTIONS]',
    '',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}`),
    '',
    'nnstudio COMMAND --help explains a command and gives examples.',
  ].join('\n');
}

/** The page that `nnstudio COMMAND --help` prints. */
export function helpOf(command: Command): string {
  const { name, summary, usage, options, notes, examples } = command;
  return [
    `nnstudio ${name}: ${summary}`,
    '',
    `Usage: nnstudio ${name} ${usage}`,
    '',
    ...options.map(describeOption),
    ...(notes.length > 0 ? ['', ...notes] : []),
    '',
    'Examples',
    ...examples.map((example) => `  ${example}`),
  ].join('\n');
}

function describeOption({ names, kind, value, description }: OptionSpec): string {
  const spelling = `  ${names.join(', ')}${kind === 'flag' ? '' : ` ${value ?? 'VALUE'}`}`;
  const gap =
    spelling.length < OPTION_COLUMN
      ? spelling.padEnd(OPTION_COLUMN)
      : `${spelling}\n${' '.repeat(OPTION_COLUMN)}`;
  return `${gap}${description}`;
}
