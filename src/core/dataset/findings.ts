/** One fault: an `error` keeps the dataset from being trained, a `warning` does not. */
export interface Finding {
  readonly severity: 'error' | 'warning';
  /** What and where, and what to do. */
  readonly message: string;
}

export function error(what: string, remedy: string): Finding {
  return { severity: 'error', message: `${what} ${remedy}` };
}

export function warning(what: string, remedy: string): Finding {
  return { severity: 'warning', message: `${what} ${remedy}` };
}
