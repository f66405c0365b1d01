import { describe, expect, test } from 'vitest';
import { makePhantom, PHANTOM_LABELS, PHANTOM_SHAPE } from '@/core/sample/phantom';

const bytesOf = ({ buffer }: Uint16Array) => new Uint8Array(buffer);

describe('the phantom', () => {
  test('is the same for the same seed, another for another', () => {
    const [one, again, other] = [5, 5, 6].map((seed) => makePhantom(seed));
    expect(Buffer.compare(bytesOf(one.image), bytesOf(again.image))).toBe(0);
    expect(Buffer.compare(one.labels, again.labels)).toBe(0);
    expect(Buffer.compare(bytesOf(one.image), bytesOf(other.image))).not.toBe(0);
  });

  test.each([1, 2, 300])('has every structure, none of them large (seed %i)', (seed) => {
    const { image, labels } = makePhantom(seed);
    expect(image.length).toBe(PHANTOM_SHAPE[0] * PHANTOM_SHAPE[1] * PHANTOM_SHAPE[2]);
    for (const label of Object.values(PHANTOM_LABELS).slice(1)) {
      const share = labels.filter((value) => value === label).length / labels.length;
      expect(share).toBeGreaterThan(0.0001);
      expect(share).toBeLessThan(0.05);
    }
  });
});
