import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { validate } from '@/core/interop/json';
import { orderedRecord } from '@/core/interop/orderedRecord';
import { messageOf } from '@/shared/errors';

/** What a person is told of the value. */
function words(schema: z.ZodType, value: unknown): string {
  try {
    validate(schema, value, 'file.json', 'BadFile', '');
    return 'nothing';
  } catch (error) {
    return messageOf(error);
  }
}

const label = z.union([z.int(), z.array(z.int()).min(1)]);

/** Each kind of issue that the library has, by its code. */
const KINDS: readonly (readonly [code: string, schema: z.ZodType, value: unknown, words: string])[] = [
  ['invalid_type', z.object({ a: z.string() }), { a: 1 }, 'a: expected a text, found 1'],
  ['invalid_type', z.object({ a: z.string() }), {}, 'a: missing, expected a text'],
  ['invalid_type', z.object({ a: z.int() }), { a: 1.5 }, 'a: expected a whole number, found 1.5'],
  ['invalid_type', z.object({ a: z.number() }), { a: Number.NaN }, 'a: expected a number, found NaN'],
  ['invalid_type', z.object({ a: z.number() }), { a: Infinity }, 'a: expected a number, found Infinity'],
  [
    'invalid_type',
    z.object({ a: z.boolean() }),
    { a: 'yes' },
    'a: expected true or false, found the text "yes"',
  ],
  ['invalid_type', z.array(z.int()), [1, null], '[1]: expected a whole number, found null'],
  ['invalid_type', z.object({}), [], 'the file as a whole: expected an object { … }, found an empty list'],
  [
    'invalid_type',
    z.object({ a: orderedRecord(z.int()) }),
    { a: [1] },
    'a: expected an object { … }, found the list [1]',
  ],
  [
    'invalid_type',
    z.object({ a: orderedRecord(z.int()) }),
    { a: { b: 'c' } },
    'a.b: expected a whole number, found the text "c"',
  ],
  [
    'invalid_type',
    z.object({ a: z.tuple([z.int()]) }),
    { a: { b: 1 } },
    'a: expected a list, found an object with the key b',
  ],
  [
    'too_small',
    z.object({ a: z.array(z.int()).min(1) }),
    { a: [] },
    'a: expected at least 1 entry, found an empty list',
  ],
  [
    'too_small',
    z.object({ a: z.array(z.int()).length(3) }),
    { a: [1] },
    'a: expected exactly 3 entries, found the list [1]',
  ],
  [
    'too_small',
    z.object({ a: z.string().min(1) }),
    { a: '' },
    'a: expected a text that is not empty, found the text ""',
  ],
  ['too_small', z.object({ a: z.number().min(2) }), { a: 1 }, 'a: expected a number of at least 2, found 1'],
  ['too_small', z.object({ a: z.number().positive() }), { a: 0 }, 'a: expected a number above 0, found 0'],
  [
    'too_big',
    z.object({ a: z.array(z.int()).max(1) }),
    { a: [1, 2] },
    'a: expected at most 1 entry, found the list [1, 2]',
  ],
  ['too_big', z.object({ a: z.number().lt(2) }), { a: 2 }, 'a: expected a number below 2, found 2'],
  [
    'too_big',
    z.object({ a: z.string().max(3) }),
    { a: 'abcd' },
    'a: expected at most 3 letters, found the text "abcd"',
  ],
  [
    'invalid_format',
    z.object({ a: z.string().startsWith('.') }),
    { a: 'x' },
    'a: expected a text that starts with ".", found the text "x"',
  ],
  [
    'invalid_format',
    z.object({ a: z.string().endsWith('.') }),
    { a: 'x' },
    'a: expected a text that ends with ".", found the text "x"',
  ],
  [
    'invalid_format',
    z.object({ a: z.string().includes('y') }),
    { a: 'x' },
    'a: expected a text with "y" in it, found the text "x"',
  ],
  [
    'invalid_format',
    z.object({ a: z.string().regex(/^\d$/) }),
    { a: 'x' },
    'a: expected a text of the form /^\\d$/, found the text "x"',
  ],
  ['invalid_format', z.object({ a: z.base64() }), { a: '*' }, 'a: expected Base64 text, found the text "*"'],
  [
    'not_multiple_of',
    z.object({ a: z.number().multipleOf(4) }),
    { a: 6 },
    'a: expected a multiple of 4, found 6',
  ],
  [
    'unrecognized_keys',
    z.strictObject({ a: z.int() }),
    { a: 1, b: 2, c: 3 },
    'the file as a whole: has keys that do not belong here: b, c',
  ],
  [
    'invalid_value',
    z.object({ a: z.literal('x') }),
    { a: 'y' },
    'a: expected the text "x", found the text "y"',
  ],
  [
    'invalid_value',
    z.object({ a: z.enum(['x', 'y']) }),
    { a: 1 },
    'a: expected the text "x" or the text "y", found 1',
  ],
  [
    'invalid_union',
    z.object({ a: label }),
    { a: '1' },
    'a: expected a whole number or a list, found the text "1"',
  ],
  ['too_small', z.object({ a: label }), { a: [] }, 'a: expected at least 1 entry, found an empty list'],
  [
    'invalid_union',
    z.object({ a: label }),
    { a: [1, 'b'] },
    'a[1]: expected a whole number, found the text "b"',
  ],
  [
    'invalid_key',
    z.object({ a: z.record(z.string().regex(/^\d$/), z.int()) }),
    { a: { b: 1 } },
    'a.b: the key the text "b" does not fit: expected a text of the form /^\\d$/, found the text "b"',
  ],
  [
    'invalid_element',
    z.map(z.object({}), z.int()),
    new Map([[{}, 'a']]),
    'the file as a whole: one entry does not fit: expected a whole number, found the text "a"',
  ],
  ['custom', z.object({ a: z.custom((value) => value === 1) }), { a: 2 }, 'a: does not fit here, found 2'],
  [
    'custom',
    z.object({ a: z.custom((value) => value === 1, 'expected a one') }),
    { a: 2 },
    'a: expected a one, found 2',
  ],
];

describe('what a schema refuses is said in words', () => {
  test.each(KINDS)('%s', (code, schema, value, expected) => {
    expect(schema.safeParse(value).error?.issues[0].code).toBe(code);
    expect(words(schema, value)).toBe(`file.json: ${expected}.`);
  });

  test('every kind of issue that the library has', () => {
    const codes: Record<z.core.$ZodIssue['code'], true> = {
      invalid_type: true,
      too_big: true,
      too_small: true,
      invalid_format: true,
      not_multiple_of: true,
      unrecognized_keys: true,
      invalid_union: true,
      invalid_key: true,
      invalid_element: true,
      invalid_value: true,
      custom: true,
    };
    expect([...new Set(KINDS.map(([code]) => code))].sort()).toEqual(Object.keys(codes).sort());
  });

  test('and never in the sentences of the library', () => {
    const own = KINDS.flatMap(
      ([, schema, value]) => schema.safeParse(value).error?.issues.map(({ message }) => message) ?? [],
    );
    expect(own.filter((message) => /^(Invalid|Too|Unrecognized)/.test(message)).length).toBeGreaterThan(20);
    for (const [, schema, value] of KINDS)
      expect(words(schema, value)).not.toMatch(/Invalid|Too (small|big)|Unrecognized|received/);
  });

  test('many faults are counted', () => {
    expect(words(z.array(z.int()), ['a', 'b', 'c', 'd', 'e'])).toMatch(
      /\[2\]: [^;]*; and 2 more of the kind\.$/,
    );
  });
});
