/** One fault: an `error` keeps the dataset from being trained, a `warning` does not. */
export interface Finding {
  readonly severity: 'error' | 'warning';
  /** What and where, and what to do. */
  readonly message: string;
}

/** Names listed in one message. */
const MAX_LISTED = 5;

/** The first of them, and how many more there are. */
export function listed(names: readonly (string | number)[]): string {
  const more = names.length - MAX_LISTED;
  return names.slice(0, MAX_LISTED).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

export function error(what: string, remedy: string): Finding {
  return { severity: 'error', message: `${what} ${remedy}` };
}

export function warning(what: string, remedy: string): Finding {
  return { severity: 'warning', message: `${what} ${remedy}` };
}
