import type { Command } from './command';
import type { OptionSpec } from './options';

const OPTION_COLUMN = 34;

/** The overview that `nnstudio --help` prints. */
export function overview(commands: readonly Command[], elsewhere: readonly string[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length)) + 2;
  return [
    'nnstudio: nnU-Net v2 on WebGPU. Everything stays on this machine.',
    '',
    'Usage: nnstudio COMMAND [OPTIONS]',
    '',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}`),
    '',
    'nnstudio COMMAND --help explains a command and gives examples.',
    "nnU-Net's own names work too: nnUNetv2_predict, predict_from_modelfolder, export_model_to_zip, …",
    `Not here (each says why and what to do): ${elsewhere.join(', ')}.`,
  ].join('\n');
}

/** The page that `nnstudio COMMAND --help` prints. */
export function helpOf(command: Command): string {
  const { name, aliases = [], summary, usage, options, notes, examples } = command;
  return [
    `nnstudio ${name}: ${summary}`,
    ...(aliases.length > 0 ? [`Also: ${aliases.join(', ')}`] : []),
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
