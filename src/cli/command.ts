import type { OptionSpec, ParsedOptions } from './options';

/** What a finished command tells the shell. */
export const EXIT = { ok: 0, someFailed: 1, usage: 2, cancelled: 130 } as const;

/** One command of `nnstudio`. */
export interface Command {
  readonly name: string;
  /** Further names that nnU-Net has for it. */
  readonly aliases?: readonly string[];
  readonly summary: string;
  /** What follows the command's name, as the help shows it. */
  readonly usage: string;
  readonly options: readonly OptionSpec[];
  /** More that the help says, one paragraph a line. */
  readonly notes: readonly string[];
  readonly examples: readonly string[];
  /** Resolves with the exit code. `signal` fires on Ctrl-C. */
  run(options: ParsedOptions, signal: AbortSignal): Promise<number>;
}
