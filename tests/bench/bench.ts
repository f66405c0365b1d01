/** How much a benchmark should do. */
export interface BenchOptions {
  /** Also the cases that take minutes on a software adapter. */
  readonly isExhaustive: boolean;
}

/** Each benchmark of this folder exports this as `run`: it opens its own device and prints its own table. */
export type RunBench = (options: BenchOptions) => Promise<void>;
