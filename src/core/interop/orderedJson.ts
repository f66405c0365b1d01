// JSON whose objects keep the order of their keys. JavaScript moves keys that look like whole numbers ("9", "8") to the
// front and sorts them, but the order of labels, regions and channels has a meaning. Python's bare NaN and Infinity count
// as numbers, as Python writes them.

const BLANK = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORD = /-?[A-Za-z]+/y;

const WORDS: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['true', true],
  ['false', false],
  ['null', null],
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
]);

/** Objects whose keys JavaScript lists in another order than the file. */
const FILE_ORDER = new WeakMap<object, readonly string[]>();
/** Keys that an object of the file has more than once, with all their values. */
export type DoubledKeys = ReadonlyMap<string, readonly unknown[]>;

const DOUBLED = new WeakMap<object, DoubledKeys>();

/** Deeper nesting is no file of anyone's. */
const MAX_DEPTH = 500;

/**
 * Parses JSON as `JSON.parse` does, with Python's number words. {@link orderedEntries} lists the keys of its objects in the
 * file's order. Throws a `SyntaxError` with line and column.
 */
export function parseOrderedJson(text: string): unknown {
  let at = 0;

  const fail = (expected: string): SyntaxError => {
    const before = text.slice(0, at).split('\n');
    const found = at < text.length ? JSON.stringify(text.slice(at, at + 12)) : 'the end of the file';
    const place = `line ${before.length}, column ${(before.at(-1) ?? '').length + 1}`;
    return new SyntaxError(`${place}: expected ${expected}, found ${found}`);
  };
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    if (found !== undefined) at += found.length;
    return found;
  };
  const takeLetter = (letter: string): boolean => {
    take(BLANK);
    if (text[at] !== letter) return false;
    at++;
    return true;
  };
  const string = (what: string): string => {
    if (text[at] !== '"') throw fail(what);
    const end = endOfString(text, at);
    if (end < 0) throw fail('a string that ends');
    try {
      const parsed: string = JSON.parse(text.slice(at, end));
      at = end;
      return parsed;
    } catch {
      throw fail('a string on one line, with escapes that JSON knows');
    }
  };
  const value = (depth: number): unknown => {
    take(BLANK);
    if (depth > MAX_DEPTH) throw fail(`at most ${MAX_DEPTH} levels`);
    if (text[at] === '{') return object(depth);
    if (text[at] === '[') return array(depth);
    if (text[at] === '"') return string('a string');
    const start = at;
    const number = take(NUMBER);
    if (number !== undefined) return Number(number);
    const word = take(WORD);
    if (word !== undefined && WORDS.has(word)) return WORDS.get(word);
    at = start;
    throw fail('a value');
  };
  const array = (depth: number): unknown[] => {
    const items: unknown[] = [];
    at++;
    if (takeLetter(']')) return items;
    do items.push(value(depth + 1));
    while (takeLetter(','));
    if (!takeLetter(']')) throw fail('a comma or ]');
    return items;
  };
  const object = (depth: number): object => {
    const entries = new Map<string, unknown>();
    const doubled = new Map<string, unknown[]>();
    at++;
    if (!takeLetter('}')) {
      do {
        take(BLANK);
        const key = string('a key in double quotes');
        if (!takeLetter(':')) throw fail('a colon');
        const item = value(depth + 1);
        if (entries.has(key)) doubled.set(key, [...(doubled.get(key) ?? [entries.get(key)]), item]);
        entries.set(key, item);
      } while (takeLetter(','));
      if (!takeLetter('}')) throw fail('a comma or }');
    }
    const made = objectOf(entries);
    if (doubled.size > 0) DOUBLED.set(made, doubled);
    return made;
  };

  const parsed = value(0);
  take(BLANK);
  if (at < text.length) throw fail('the end of the file');
  return parsed;
}

/** Behind the closing quote of the string at `start`; -1 where there is none. */
function endOfString(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let escapes = 0;
    while (text[quote - 1 - escapes] === '\\') escapes++;
    if (escapes % 2 === 0) return quote + 1;
  }
  return -1;
}

/** The entries as an object that {@link orderedEntries} lists in their order. */
function objectOf(entries: ReadonlyMap<string, unknown>): object {
  const made: Record<string, unknown> = {};
  for (const [key, value] of entries) {
    // Assigned, this one key would set the prototype.
    if (key === '__proto__')
      Object.defineProperty(made, key, { value, enumerable: true, writable: true, configurable: true });
    else made[key] = value;
  }
  const inFile = [...entries.keys()];
  if (Object.keys(made).some((key, i) => key !== inFile[i])) FILE_ORDER.set(made, inFile);
  return made;
}

/** Entries of an object or map in the order of the file it was parsed from. */
export function orderedEntries(value: object): readonly (readonly [string, unknown])[] {
  if (value instanceof Map) return [...value];
  const order = FILE_ORDER.get(value);
  return order ? order.map((key) => [key, Reflect.get(value, key)]) : Object.entries(value);
}

/** Keys that the file has more than once in this object; the last of each counts, as in Python. */
export function doubledKeys(value: object): DoubledKeys {
  return DOUBLED.get(value) ?? new Map();
}
