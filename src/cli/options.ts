// Command lines in nnU-Net's spelling: `-step_size 0.75`, `-f 0 1 2`, `--disable_tta`. One dash with several letters is
// one option, as in Python's argparse, which is why neither node:util's parseArgs nor commander serves:
// to both one dash means one letter.
import { StudioError } from '@/shared/errors';
import { nearestTo } from '@/shared/nearest';

export interface OptionSpec {
  /** Every spelling; the first is shown in messages. */
  readonly names: readonly string[];
  /** `flag` takes no value, `list` takes all values up to the next option. */
  readonly kind: 'flag' | 'text' | 'number' | 'list';
  /** What the help shows for the value. */
  readonly value?: string;
  readonly description: string;
}

/** What the help says of an option of nnU-Net's that changes nothing here. */
export function noEffect(because: string): string {
  return `accepted, has no effect here: ${because}`;
}

/** What a command line said, by the first spelling of each option. */
export interface ParsedOptions {
  readonly values: ReadonlyMap<string, readonly string[]>;
  readonly positionals: readonly string[];
}

/** A command line that cannot be meant: shown with the way to the help, exit code 2. */
export class UsageError extends StudioError {
  constructor(what: string, remedy = '') {
    super('Usage', what, remedy);
  }
}

/** For `catch`: errors of these names are mended by another command line. */
export function asUsage(names: readonly string[], options = ''): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof StudioError) || !names.includes(error.name)) throw error;
    throw new UsageError(error.message, options);
  };
}

export function parseOptions(args: readonly string[], specs: readonly OptionSpec[]): ParsedOptions {
  const values = new Map<string, readonly string[]>();
  const positionals: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const argument = args[i];
    if (argument === '--') {
      positionals.push(...args.slice(i + 1));
      break;
    }
    if (!isOption(argument)) {
      positionals.push(argument);
      continue;
    }
    const { name, attached } = splitOption(argument);
    const spec = findSpec(name, specs);
    const given = attached === undefined ? valuesAfter(args, i + 1, spec) : [attached];
    checkValues(spec, given, attached);
    values.set(spec.names[0], given);
    if (attached === undefined) i += given.length;
  }
  return { values, positionals };
}

/** A dash alone, or before a number, is a value. */
function isOption(argument: string): boolean {
  return argument.length > 1 && argument.startsWith('-') && Number.isNaN(Number(argument));
}

function splitOption(argument: string): { name: string; attached: string | undefined } {
  const equals = argument.indexOf('=');
  if (equals < 0) return { name: argument, attached: undefined };
  return { name: argument.slice(0, equals), attached: argument.slice(equals + 1) };
}

function findSpec(name: string, specs: readonly OptionSpec[]): OptionSpec {
  const spec = specs.find(({ names }) => names.includes(name)) ?? abbreviated(name, specs);
  if (spec) return spec;
  const nearest = nearestTo(
    name,
    specs.flatMap(({ names }) => names),
  );
  throw new UsageError(`Unknown option ${name}.`, nearest ? `Did you mean ${nearest}?` : '');
}

/** The one option that begins so, as argparse has it: `--save_prob`. */
function abbreviated(name: string, specs: readonly OptionSpec[]): OptionSpec | undefined {
  if (!name.startsWith('--') || name.length < 3) return undefined;
  const meant = specs.filter(({ names }) => names.some((each) => each.startsWith(name)));
  return meant.length === 1 ? meant[0] : undefined;
}

function valuesAfter(args: readonly string[], start: number, spec: OptionSpec): readonly string[] {
  if (spec.kind === 'flag') return [];
  const limit = spec.kind === 'list' ? Number.POSITIVE_INFINITY : 1;
  let end = start;
  while (end < args.length && end - start < limit && !isOption(args[end])) end++;
  return args.slice(start, end);
}

function checkValues({ names, kind, value }: OptionSpec, given: readonly string[], attached?: string): void {
  if (kind === 'flag') {
    if (attached !== undefined) throw new UsageError(`${names[0]} takes no value.`);
    return;
  }
  if (given.length === 0) throw new UsageError(`${names[0]} needs a value: ${names[0]} ${value ?? 'VALUE'}.`);
  if (kind === 'number' && !Number.isFinite(Number(given[0]))) {
    throw new UsageError(`${names[0]} needs a number, not ${given[0]}.`);
  }
}

export function isGiven({ values }: ParsedOptions, name: string): boolean {
  return values.has(name);
}

export function textOf({ values }: ParsedOptions, name: string): string | undefined {
  return values.get(name)?.[0];
}

export function numberOf(options: ParsedOptions, name: string, otherwise: number): number {
  const text = textOf(options, name);
  return text === undefined ? otherwise : Number(text);
}

export function listOf({ values }: ParsedOptions, name: string): readonly string[] | undefined {
  return values.get(name);
}

/** The value of an option that must be there. */
export function requiredText(options: ParsedOptions, name: string, meaning: string): string {
  const text = textOf(options, name);
  if (text === undefined) throw new UsageError(`${name} is missing: ${meaning}.`);
  return text;
}
