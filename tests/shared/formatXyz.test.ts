import { expect, test } from 'vitest';
import { formatShape, formatXyz } from '@/shared/geometry';

test('people read sizes x first, arrays keep their own order', () => {
  expect(formatXyz([12, 24, 28])).toBe('28 × 24 × 12');
  expect(formatXyz([2.5, 0.70312, 1], 3)).toBe('1 × 0.703 × 2.5');
  expect(formatXyz([24, 28])).toBe('28 × 24');
  expect(formatShape([12, 24, 28])).toBe('12 × 24 × 28');
});
