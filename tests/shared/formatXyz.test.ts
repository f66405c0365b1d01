import { describe, expect, test } from 'vitest';
import { formatNetworkXyz, formatShape, formatXyz, networkOfXyz, xyzOfNetwork } from '@/shared/geometry';

test('people read sizes x first, arrays keep their own order', () => {
  expect(formatXyz([12, 24, 28])).toBe('28 × 24 × 12');
  expect(formatXyz([2.5, 0.70312, 1], 3)).toBe('1 × 0.703 × 2.5');
  expect(formatXyz([24, 28])).toBe('28 × 24');
  expect(formatShape([12, 24, 28])).toBe('12 × 24 × 28');
});

describe('sizes along the axes of a network', () => {
  /** `transpose_forward`, its inverse, and what the image axes x, y, z are called along the network's. */
  test.each([
    { forward: [0, 1, 2], backward: [0, 1, 2] },
    { forward: [1, 0, 2], backward: [1, 0, 2] },
    { forward: [2, 0, 1], backward: [1, 2, 0] },
    { forward: [1, 2, 0], backward: [2, 0, 1] },
    { forward: [2, 1, 0], backward: [2, 1, 0] },
  ])('are shown as x, y, z of the image: transpose_forward $forward', ({ forward, backward }) => {
    const names = forward.map((axis) => 'zyx'[axis]);
    expect(xyzOfNetwork(names, backward)).toEqual(['x', 'y', 'z']);
    expect(networkOfXyz(['x', 'y', 'z'], backward)).toEqual(names);
    const inPlane = xyzOfNetwork(names.slice(1), backward);
    expect(inPlane).toEqual(['x', 'y', 'z'].filter((name) => name !== names[0]));
    expect(networkOfXyz(inPlane, backward)).toEqual(names.slice(1));
  });

  test('as text', () => {
    // Sagittal slices first: the network's axes are x, z, y.
    expect(formatNetworkXyz([5, 1.5, 0.70312], [1, 2, 0], 3)).toBe('5 × 0.703 × 1.5');
    expect(formatNetworkXyz([320, 256], [1, 2, 0])).toBe('256 × 320');
    expect(formatNetworkXyz([16, 320, 256], [0, 1, 2])).toBe('256 × 320 × 16');
  });
});
