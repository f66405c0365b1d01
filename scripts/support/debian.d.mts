/** A file of apt's sources. */
export interface AptSource {
  readonly file: string;
  readonly text: string;
}

/** The extra source that offers `<codename>-backports`, made from the entry that offers `<codename>`. */
export function backportsSources(
  sources: readonly AptSource[],
  codename: string,
): { name: string; text: string }[];
