import { describe, expect, test } from 'vitest';
import { hintsOfChannel, looksLikeCt, openingWindow, windowOf } from '@/app/files/ctWindow';
import { seededRandom } from '@/shared/random';

const random = seededRandom(1);
/** A sample of so many values around each mean, ascending. */
const values = (...parts: readonly (readonly [count: number, mean: number, deviation: number])[]) =>
  Float32Array.from(
    parts.flatMap(([count, mean, deviation]) =>
      Array.from({ length: count }, () => Math.round(mean + deviation * random.normal())),
    ),
  ).sort();

describe('a CT is known by its values', () => {
  test.each([
    { what: 'air, fat and soft tissue', sample: values([500, -1000, 20], [150, -90, 15], [350, 45, 15]) },
    { what: 'a scan padded with -3024', sample: values([300, -3024, 0], [200, -1000, 20], [500, 45, 15]) },
    { what: 'a cut-out of an abdomen', sample: values([200, -100, 15], [750, 45, 20], [50, 600, 200]) },
  ])('$what', ({ sample }) => {
    expect(looksLikeCt(sample)).toBe(true);
  });

  test.each([
    { what: 'an MR image', sample: values([400, 0, 0], [600, 400, 150]) },
    { what: 'an MR image with ringing below zero', sample: values([500, 0, 8], [500, 90, 40]) },
    { what: 'a z-scored image', sample: values([1000, 0, 1]).map((value) => value + 0.5) },
    { what: 'a phase image', sample: values([1000, 0, 2000]) },
    { what: 'a picture', sample: values([1000, 128, 40]) },
  ])('and $what is none', ({ sample }) => {
    expect(looksLikeCt(sample)).toBe(false);
  });
});

describe('an image opens', () => {
  const automatic = { low: -1000, high: 400 };
  const softTissue = { low: -160, high: 240 };

  test('as a CT by name, by DICOM modality or by its values: in a soft-tissue window', () => {
    expect(openingWindow({ automatic, looksLikeCt: false }, hintsOfChannel('CT'))).toEqual(softTissue);
    expect(openingWindow({ automatic, looksLikeCt: false }, { isCt: true })).toEqual(softTissue);
    expect(openingWindow({ automatic, looksLikeCt: true }, hintsOfChannel('channel 0'))).toEqual(softTissue);
  });

  test('as anything else between percentiles, whatever its values are like', () => {
    expect(openingWindow({ automatic, looksLikeCt: false }, {})).toBe(automatic);
    expect(openingWindow({ automatic, looksLikeCt: true }, { isCt: false })).toBe(automatic);
  });

  test('in the window that its file names, unless nothing could be seen in it', () => {
    const lung = windowOf({ level: -600, width: 1500 });
    expect(openingWindow({ automatic, looksLikeCt: true }, { isCt: true, window: lung })).toBe(lung);
    const elsewhere = windowOf({ level: 30_000, width: 100 });
    expect(openingWindow({ automatic, looksLikeCt: true }, { window: elsewhere })).toEqual(softTissue);
  });
});
