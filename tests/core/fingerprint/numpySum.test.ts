import { expect, test } from 'vitest';
import { joinSegments, sumSegment } from '@/core/fingerprint/numpySum';
import { randomNormal } from '@/shared/random';

/** Sums `numbers` in segments of `length`, the last one shorter. */
function sumInSegments(numbers: Float32Array, length: number): number {
  const segments = [];
  for (let start = 0; start < numbers.length; start += length) {
    let next = start;
    const count = Math.min(length, numbers.length - start);
    segments.push(
      sumSegment(numbers.length, start, count, (target) => {
        target.set(numbers.subarray(next, next + target.length));
        next += target.length;
      }),
    );
  }
  return joinSegments(segments);
}

test.each([1, 7, 8, 129, 8191, 8192, 8193, 40_000])(
  '%i numbers have one sum, however they arrive',
  (count) => {
    const numbers = randomNormal(count, 3).map((value) => value * 1000 + 500);
    const whole = sumInSegments(numbers, count);
    for (const length of [1, 100, 8192, 10_000].filter((each) => count / each < 9000)) {
      expect(sumInSegments(numbers, length)).toBe(whole);
    }
    expect(Math.abs(whole / numbers.reduce((sum, value) => sum + value, 0) - 1)).toBeLessThan(1e-5);
  },
);

test('the order of additions is that of numpy 1.24', () => {
  // (np.arange(300000, dtype=np.float32) * np.float32(0.37)).sum(); exactly it would be 16649944500.
  const numbers = Float32Array.from({ length: 300_000 }, (_, i) => Math.fround(i * Math.fround(0.37)));
  expect(sumInSegments(numbers, 70_001)).toBe(16_649_945_088);
  // np.arange(100000, dtype=np.float32).sum(); exactly 4999950000.
  expect(
    sumInSegments(
      Float32Array.from({ length: 100_000 }, (_, i) => i),
      30_000,
    ),
  ).toBe(4_999_949_824);
});
