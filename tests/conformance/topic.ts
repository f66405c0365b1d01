/** What one topic of golden data showed. */
export interface TopicResult {
  readonly topic: string;
  /** Cases within their tolerance, of `total`. */
  readonly passed: number;
  readonly total: number;
  /** Largest error over all cases, in the topic's own measure. */
  readonly worstError: number;
  /** One line per case, or per failing case, with its figures. */
  readonly lines: readonly string[];
}

/** How much of a topic: `npm test` runs a sample of those that take minutes. */
export type TopicScope = 'all' | 'sample';

/**
 * Each `tests/conformance/<topic>.ts` exports this as `run`; cases are discovered in the folder, never named in code. A
 * long topic prints as it goes.
 */
export type RunTopic = (
  goldenFolder: string,
  print: (line: string) => void,
  scope?: TopicScope,
) => Promise<TopicResult>;
