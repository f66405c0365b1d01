import { expect, test } from 'vitest';
import { pythonFloat, pythonJson } from '@/core/interop/pythonJson';

test.each([
  [1, '1.0'],
  [0.1, '0.1'],
  [1e-4, '0.0001'],
  [1.5e-5, '1.5e-05'],
  [0.00012345678901234567, '0.00012345678901234567'],
  [1e16, '1e+16'],
  [123456789012345680, '1.2345678901234568e+17'],
  [9007199254740991, '9007199254740991.0'],
  [-2.5, '-2.5'],
  [-0, '-0.0'],
  [5e-324, '5e-324'],
  [Number.NaN, 'NaN'],
  [Number.NEGATIVE_INFINITY, '-Infinity'],
])('%d is written as Python writes it', (value, expected) => {
  expect(pythonFloat(value)).toBe(expected);
});

test('indent, key order, floats and escapes are those of json.dump(indent=4)', () => {
  const value = {
    b: [1, 2],
    a: { spacing: [1, 0.5], empty: [], none: {}, text: 'é "x"', flag: true, null: null },
  };
  expect(pythonJson(value, { shouldSortKeys: true, isFloat: (path) => path.includes('spacing') })).toBe(
    `{
    "a": {
        "empty": [],
        "flag": true,
        "none": {},
        "null": null,
        "spacing": [
            1.0,
            0.5
        ],
        "text": "\\u00e9 \\"x\\""
    },
    "b": [
        1,
        2
    ]
}`,
  );
});

test('a number that is none is not written, but where nnU-Net writes it', () => {
  const value = {
    configurations: { '3d_lowres': { batch_size: Number.NaN, spacing: [1, Number.POSITIVE_INFINITY] } },
  };
  expect(() => pythonJson(value)).toThrow('configurations.3d_lowres.batch_size is NaN, which is not written');
  expect(() => pythonJson({ a: [1, Number.NEGATIVE_INFINITY] })).toThrow('a[] is -Infinity');
  expect(pythonJson({ Dice: Number.NaN }, { mayBeNaN: ([key]) => key === 'Dice' })).toContain('"Dice": NaN');
});
