import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { doubledKeys, orderedEntries, parseOrderedJson } from '@/core/interop/orderedJson';
import { orderedRecord } from '@/core/interop/orderedRecord';
import { pythonJson } from '@/core/interop/pythonJson';

function object(text: string): object {
  return Object(parseOrderedJson(text));
}

describe('JSON that keeps the order of keys', () => {
  test.each([
    '{"background": 0, "9": [1, 2, 3], "8": [2, 3], "7": 3}',
    '{"2": "c", "0": "a", "1": "b"}',
    '{"b": 1, "10": 2, "a": 3, "9": 4}',
  ])('%s', (text) => {
    const keys = [...text.matchAll(/"(\w+)":/g)].map(([, key]) => key);
    expect(orderedEntries(object(text)).map(([key]) => key)).toEqual(keys);
    expect(Object.fromEntries(orderedEntries(object(text)))).toEqual(JSON.parse(text));
    expect([...pythonJson(object(text)).matchAll(/"(\w+)":/g)].map(([, key]) => key)).toEqual(keys);
  });

  test('through a schema, and through what a worker is sent', () => {
    const schema = z.looseObject({ labels: orderedRecord(z.int()) });
    const { labels } = schema.parse(parseOrderedJson('{"labels": {"background": 0, "9": 1, "8": 2}}'));
    expect([...structuredClone(labels).keys()]).toEqual(['background', '9', '8']);
  });

  test('inside lists and objects of a file that is passed on', () => {
    const text = '{"plans": [{"3": {"2": 1, "1": 2}, "0": []}]}';
    expect(pythonJson(parseOrderedJson(text)).replace(/\s+/g, '')).toBe(text.replace(/\s+/g, ''));
  });

  test('keys that are doubled are known, and the last one counts as in Python', () => {
    const labels = object('{"background": 0, "ignore": 2, "a": 1, "ignore": 3}');
    expect(doubledKeys(labels)).toEqual(new Map([['ignore', [2, 3]]]));
    expect(orderedEntries(labels)).toEqual([
      ['background', 0],
      ['ignore', 3],
      ['a', 1],
    ]);
  });
});

describe('what JSON.parse takes', () => {
  test.each([
    '0',
    '-0',
    '1e3',
    '-1.5E-2',
    '"\\u00e9\\n\\"\\\\"',
    '"\\\\"',
    '[]',
    '{}',
    ' [1, {"a": null}, true, false] ',
    '{"__proto__": {"a": 1}, "toString": 2}',
  ])('%s', (text) => {
    expect(JSON.stringify(parseOrderedJson(text))).toBe(JSON.stringify(JSON.parse(text)));
  });

  test.each([
    '',
    '{',
    '[1,]',
    '{"a":1,}',
    '{a: 1}',
    "{'a': 1}",
    '01',
    '1.',
    '.5',
    '+1',
    '"a',
    '"a\nb"',
    '"\\x"',
    '1 2',
    'nan',
    'undefined',
    '[1 2]',
  ])('and nothing else: %j', (text) => {
    expect(() => JSON.parse(text)).toThrow(SyntaxError);
    expect(() => parseOrderedJson(text)).toThrow(SyntaxError);
  });

  test('an error has its line and column', () => {
    expect(() => parseOrderedJson('{\n  "a": 1,\n  "b" 2\n}')).toThrow(
      'line 3, column 7: expected a colon, found "2\\n}"',
    );
  });

  test("Python's number words are numbers, texts that look like them stay texts", () => {
    expect(parseOrderedJson('[NaN, Infinity, -Infinity, "NaN"]')).toEqual([
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      'NaN',
    ]);
  });

  test('texts of many megabytes are no trouble', () => {
    const long = 'a\\n'.repeat(3e6);
    expect(parseOrderedJson(`["${long}"]`)).toEqual([JSON.parse(`"${long}"`)]);
  });

  test('nesting without end is refused', () => {
    expect(() => parseOrderedJson('['.repeat(100_000))).toThrow(/levels/);
  });
});
