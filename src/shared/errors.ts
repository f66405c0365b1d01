/**
 * An error a person can act on: what is wrong and where (`message`), and what to do (`remedy`).
 *
 * `name` is the code: of an error's fields only `name`, `message` and `stack` survive a worker boundary, so tell
 * errors apart by name. The remedy is therefore part of `message` too.
 */
export class StudioError extends Error {
  constructor(name: string, what: string, remedy = '', options?: ErrorOptions) {
    super(remedy ? `${what} ${remedy}` : what, options);
    this.name = name;
  }
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** True for the error that an `AbortSignal` raises: a person cancelled, nothing is wrong. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
