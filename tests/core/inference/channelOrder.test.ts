import { describe, expect, test } from 'vitest';
import { activationToLogits, toChannelsFirst, toFileOrder } from '@/core/inference/channelOrder';
import { mirrorWindow } from '@/core/inference/windowSums';

describe('channels last', () => {
  test('windows go out and outputs come back with their voxels in place', () => {
    const window = Float32Array.of(1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60); // [2, 2, 3]
    const { values, shape } = toFileOrder(window, 2, [2, 3], 'last');
    expect(shape).toEqual([1, 2, 3, 2]);
    expect([...values]).toEqual([1, 10, 2, 20, 3, 30, 4, 40, 5, 50, 6, 60]);
    expect(toChannelsFirst({ data: values, shape }, 2, [2, 3], 'last')).toEqual(window);
  });

  test('an output of another shape is refused with both shapes', () => {
    const output = { data: new Float32Array(6), shape: [1, 1, 2, 3] };
    expect(() => toChannelsFirst(output, 2, [2, 3], 'first')).toThrow(/gives 1 × 1 × 2 × 3.*1 × 2 × 2 × 3/);
  });
});

test('logits of probabilities give the probabilities back', () => {
  const p = Float32Array.of(0.2, 0.5, 0.999, 0, 1);
  const logits = activationToLogits(p, 'sigmoid');
  logits.forEach((logit, i) => {
    expect(1 / (1 + Math.exp(-logit))).toBeCloseTo(p[i], 6);
    expect(Number.isFinite(logit)).toBe(true);
  });
  const [a, b] = activationToLogits(Float32Array.of(0.25, 0.75), 'softmax');
  expect(Math.exp(b - a)).toBeCloseTo(3, 5);
});

test('mirroring a window turns the axes that are named, in every channel', () => {
  const window = Float32Array.from({ length: 2 * 2 * 2 * 3 }, (_, i) => i); // [2, 2, 2, 3]
  const target = new Float32Array(window.length);
  mirrorWindow(window, [2, 2, 3], [0, 2], target);
  const at = (c: number, z: number, y: number, x: number) => ((c * 2 + z) * 2 + y) * 3 + x;
  for (const [c, z, y, x] of [
    [0, 0, 0, 0],
    [0, 1, 0, 2],
    [1, 0, 1, 1],
  ]) {
    expect(target[at(c, z, y, x)]).toBe(at(c, 1 - z, y, 2 - x));
  }
});
