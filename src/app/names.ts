// Names that people give to models, cases and datasets.

/** Longer ones fit nowhere on the page. */
const MOST_LETTERS = 120;

export interface NameRules {
  /** What is named, `model`. */
  readonly what: string;
  /** Of the others of its kind. */
  readonly taken: readonly string[];
  /** Files are called by it. */
  readonly isFileName?: boolean;
}

/** Why a name cannot be given, in a sentence with what to do; `undefined` where it can. Spaces around it do not count. */
export function nameProblem(
  given: string,
  { what, taken, isFileName = false }: NameRules,
): string | undefined {
  const name = given.trim();
  if (name === '') return `Enter a name: a ${what} cannot be without one.`;
  if (name.length > MOST_LETTERS) {
    return `This name has ${name.length} letters; shorten it to ${MOST_LETTERS} or fewer.`;
  }
  const unusable = isFileName && /[\\/:*?"<>|\p{Cc}]|^\.|\.$/u.exec(name)?.[0];
  if (unusable) {
    return `Files are called by this name, and some systems allow no “${unusable}” there; leave it out.`;
  }
  const isTaken = taken.some((one) => sameName(one, name));
  return isTaken ? `Another ${what} is called ${name} already; choose another name.` : undefined;
}

/** Case and the way accents are composed make no other name. */
function sameName(a: string, b: string): boolean {
  const plain = (name: string) => name.trim().normalize('NFC').toLowerCase();
  return plain(a) === plain(b);
}
