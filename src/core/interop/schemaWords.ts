// What a schema finds wrong with a file, in words that say what is expected and what is there. Every issue of every schema
// goes through here: nobody is shown the schema library's own sentences.
import type { z } from 'zod';

type Issue = z.core.$ZodIssue;
type RawIssue = z.core.$ZodRawIssue;

/** Sentences that one error lists at most. */
const MAX_LISTED = 3;
const MAX_TEXT = 60;

const TYPES: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  bigint: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  set: 'a list',
  object: 'an object { … }',
  record: 'an object { … }',
  map: 'an object { … }',
  null: 'null',
  nan: 'NaN',
  undefined: 'nothing',
  never: 'nothing',
  date: 'a date',
  nonoptional: 'a value',
};

const FORMATS: Readonly<Record<string, string>> = {
  base64: 'Base64 text',
  base64url: 'Base64 text',
  email: 'an e-mail address',
  url: 'a web address',
  uuid: 'a UUID',
  guid: 'a UUID',
  date: 'a date like 2024-12-31',
  time: 'a time like 12:34:56',
  datetime: 'a date and time like 2024-12-31T12:34:56Z',
  json_string: 'JSON text',
  lowercase: 'lower-case text',
  uppercase: 'upper-case text',
};

/** For a schema's `safeParse(value, { error: expectation })`: what the issue expects and what it found. */
export function expectation(issue: RawIssue): string {
  const found = `found ${described(issue.input)}`;
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined
        ? `missing, expected ${typeName(issue)}`
        : `expected ${typeName(issue)}, ${found}`;
    case 'too_small':
      return `expected ${limit(issue.origin, issue.minimum, issue, 'min')}, ${found}`;
    case 'too_big':
      return `expected ${limit(issue.origin, issue.maximum, issue, 'max')}, ${found}`;
    case 'invalid_format':
      return `expected ${formatName(issue)}, ${found}`;
    case 'not_multiple_of':
      return `expected a multiple of ${issue.divisor}, ${found}`;
    case 'unrecognized_keys':
      return `has keys that do not belong here: ${(issue.keys ?? []).join(', ')}`;
    case 'invalid_value':
      return `expected ${alternatives((issue.values ?? []).map((value) => described(value)))}, ${found}`;
    case 'invalid_union':
      return unionMessage(issue.errors ?? [], found);
    case 'invalid_key':
      return `the key ${described(issue.input)} does not fit: ${firstMessage(issue.issues)}`;
    case 'invalid_element':
      return `one entry does not fit: ${firstMessage(issue.issues)}`;
    default:
      return `does not fit here, ${found}`;
  }
}

/** The issues as sentences, each with the path to the value. `value` is what was checked. */
export function issueSentences(issues: readonly Issue[], value: unknown): readonly string[] {
  const sentences = issues.flatMap((issue) => innermost(issue)).map((issue) => sentenceOf(issue, value));
  const distinct = [...new Set(sentences)];
  const more = distinct.length - MAX_LISTED;
  return [...distinct.slice(0, MAX_LISTED), ...(more > 0 ? [`and ${more} more of the kind`] : [])];
}

/** A value of a file, short enough for a sentence. */
export function described(value: unknown): string {
  if (typeof value === 'string') return `the text ${shortened(JSON.stringify(value))}`;
  if (typeof value === 'number') return String(value);
  if (Array.isArray(value))
    return value.length === 0 ? 'an empty list' : `the list ${shortened(compact(value))}`;
  if (value instanceof Map)
    return value.size === 0 ? 'an empty object {}' : keysOf([...value.keys()].map(String));
  if (typeof value === 'object' && value !== null) {
    const keys = Object.keys(value);
    return keys.length === 0 ? 'an empty object {}' : keysOf(keys);
  }
  return value === undefined ? 'nothing' : String(value);
}

/** A value as JSON on one line. */
export function compact(value: unknown): string {
  if (value instanceof Map) {
    return `{${[...value].map(([key, each]) => `${JSON.stringify(key)}: ${compact(each)}`).join(', ')}}`;
  }
  if (Array.isArray(value)) return `[${value.map(compact).join(', ')}]`;
  if (typeof value === 'object' && value !== null) return compact(new Map(Object.entries(value)));
  return typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? 'nothing');
}

function keysOf(keys: readonly string[]): string {
  return `an object with ${keys.length === 1 ? 'the key' : 'the keys'} ${shortened(keys.join(', '))}`;
}

function shortened(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}

function typeName({ expected, inst }: RawIssue): string {
  // Of a text where a whole number belongs the issue itself says `number`; what the schema asks for tells more.
  const isWhole = /int/.test(String(Reflect.get(Object(inst?._zod.def), 'format')));
  const type = expected === 'number' && isWhole ? 'int' : String(expected);
  return TYPES[type] ?? `a ${type}`;
}

function limit(
  origin: string | undefined,
  bound: unknown,
  { inclusive, exact }: RawIssue & { readonly inclusive?: boolean; readonly exact?: boolean },
  side: 'min' | 'max',
): string {
  const amount = exact ? 'exactly' : side === 'min' ? 'at least' : 'at most';
  const isStrict = inclusive === false;
  switch (origin) {
    case 'array':
    case 'set':
    case 'map':
      return `${amount} ${bound} ${Number(bound) === 1 ? 'entry' : 'entries'}`;
    case 'string':
      return Number(bound) === 1 && side === 'min'
        ? 'a text that is not empty'
        : `${amount} ${bound} letters`;
    default:
      if (isStrict) return `a number ${side === 'min' ? 'above' : 'below'} ${bound}`;
      return `a number of ${amount} ${bound}`;
  }
}

function formatName(issue: RawIssue): string {
  const detail = (key: string) => String(Reflect.get(issue, key));
  const format = detail('format');
  switch (format) {
    case 'starts_with':
      return `a text that starts with ${JSON.stringify(detail('prefix'))}`;
    case 'ends_with':
      return `a text that ends with ${JSON.stringify(detail('suffix'))}`;
    case 'includes':
      return `a text with ${JSON.stringify(detail('includes'))} in it`;
    case 'regex':
      return `a text of the form ${detail('pattern')}`;
    default:
      return FORMATS[format] ?? `a text of the form ${format}`;
  }
}

function firstMessage(issues: readonly Issue[] | undefined): string {
  return issues?.[0]?.message ?? 'it is not what is expected';
}

const EXPECTED = /^(?:missing, )?expected (.*?)(?:, found .*)?$/s;

/** What each of the forms would have been. */
function unionMessage(branches: readonly (readonly Issue[])[], found: string): string {
  const forms = branches.flatMap((issues) => {
    const [first] = issues;
    const expected = first && EXPECTED.exec(first.message)?.[1];
    return expected ? [expected] : [];
  });
  return forms.length > 0
    ? `expected ${alternatives([...new Set(forms)])}, ${found}`
    : `does not fit here, ${found}`;
}

function alternatives(forms: readonly string[]): string {
  const last = forms.at(-1) ?? 'another value';
  return forms.length < 2 ? last : `${forms.slice(0, -1).join(', ')} or ${last}`;
}

/** Of a choice of forms, the issues of the form that came furthest, if one did. */
function innermost(issue: Issue): readonly Issue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const branches: readonly (readonly Issue[])[] = issue.errors;
  const isClose = (one: Issue) => one.path.length > 0 || one.code !== 'invalid_type';
  const close = branches.filter((issues) => issues.length > 0 && issues.every(isClose));
  if (close.length !== 1) return [issue];
  return close[0].flatMap((inner) => innermost({ ...inner, path: [...issue.path, ...inner.path] }));
}

function sentenceOf(issue: Issue, value: unknown): string {
  const place = placeOf(issue.path);
  const message =
    issue.code === 'custom' && /^expected/.test(issue.message) && !/, found /.test(issue.message)
      ? `${issue.message}, found ${described(valueAt(value, issue.path))}`
      : issue.message;
  return place === '' ? `the file as a whole: ${message}` : `${place}: ${message}`;
}

/** `labels.organ`, `folds[2]`. */
function placeOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (place, key) =>
      typeof key === 'number' ? `${place}[${key}]` : place === '' ? String(key) : `${place}.${String(key)}`,
    '',
  );
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (each, key) =>
      each instanceof Map
        ? each.get(key)
        : typeof each === 'object' && each !== null
          ? Reflect.get(each, key)
          : undefined,
    value,
  );
}
