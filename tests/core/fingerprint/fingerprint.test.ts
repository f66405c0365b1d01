import { describe, expect, test } from 'vitest';
import { caseFingerprint } from '@/core/fingerprint/caseFingerprint';
import { datasetFingerprint } from '@/core/fingerprint/datasetFingerprint';
import { MersenneTwister } from '@/shared/mersenneTwister';
import { randomNormal } from '@/shared/random';
import { median, percentile } from '@/shared/statistics';

const SHAPE = [4, 5, 6] as const;
const SAMPLES = 20_001;

function volume(seed: number, channels = 2) {
  const data = randomNormal(channels * 120, seed).map((value) => value * 100 - 20);
  return { data, channels, shape: SHAPE, spacing: [3, 1, 1] as const };
}

const labels = Uint8Array.from({ length: 120 }, (_, i) => (i % 3 === 0 ? 1 + (i % 2) : 0));

/** Draws as numpy would: all channels from one generator. */
function drawn(images: readonly ReturnType<typeof volume>[], channel: number): number[] {
  return images.flatMap(({ data }) => {
    const random = new MersenneTwister(1234);
    const draws: number[] = [];
    const foreground = [...labels.keys()].filter((i) => labels[i] > 0);
    for (let c = 0; c <= channel; c++) {
      for (let i = 0; i < SAMPLES; i++) {
        const voxel = foreground[random.integerUpTo(foreground.length - 1)];
        if (c === channel) draws.push(data[c * 120 + voxel]);
      }
    }
    return draws;
  });
}

/** Foreground and generator, channel by channel, as small foregrounds are kept. */
function replayable({ data, channels }: ReturnType<typeof volume>, samples: number) {
  const random = new MersenneTwister(1234);
  const foreground = [...labels.keys()].filter((i) => labels[i] > 0);
  return Array.from({ length: channels }, (_, c) => {
    const saved = random.saved();
    random.integersUpTo(foreground.length - 1, new Uint32Array(samples));
    return { values: Float32Array.from(foreground, (voxel) => data[c * 120 + voxel]), random: saved };
  });
}

describe('intensities of a dataset', () => {
  const images = [volume(1), volume(2), volume(3)];
  const cases = images.map((image) => caseFingerprint(image, labels, SAMPLES));

  test.each([0, 1])('of channel %i are those of the draws', async (channel) => {
    const { foreground_intensity_properties_per_channel: found } = await datasetFingerprint(
      cases,
      2,
      SAMPLES,
    );
    const draws = drawn(images, channel);
    const mean = draws.reduce((sum, value) => sum + value, 0) / draws.length;
    const variance = draws.reduce((sum, value) => sum + (value - mean) ** 2, 0) / draws.length;
    const properties = found[`${channel}`];
    expect(properties.min).toBe(Math.min(...new Set(draws)));
    expect(properties.max).toBe(Math.max(...new Set(draws)));
    expect(properties.median).toBe(Math.fround(median(draws)));
    expect(properties.percentile_00_5).toBeCloseTo(percentile(draws, 0.5), 4);
    expect(properties.percentile_99_5).toBeCloseTo(percentile(draws, 99.5), 4);
    expect(properties.mean).toBeCloseTo(mean, 3);
    expect(properties.std).toBeCloseTo(Math.sqrt(variance), 3);
  });

  test('a case without foreground adds nothing, and makes the sums float64', async () => {
    const empty = caseFingerprint(volume(4), new Uint8Array(120), SAMPLES);
    const { foreground_intensity_properties_per_channel: found, shapes_after_crop } =
      await datasetFingerprint([...cases, empty], 2, SAMPLES);
    const draws = drawn(images, 1);
    const mean = draws.reduce((sum, value) => sum + value, 0) / draws.length;
    expect(found['1'].mean).toBeCloseTo(mean, 9);
    expect(shapes_after_crop).toHaveLength(4);
  });

  test('more foreground than draws: the draws themselves are held, with the same statistics', async () => {
    const few = 30;
    const held = images.map((image) => caseFingerprint(image, labels, few));
    const replayed = held.map((each, i) => ({ ...each, intensities: replayable(images[i], few) }));
    expect(held[0].intensities[0].random).toBeUndefined();
    expect(held[0].intensities[0].values).toHaveLength(few);
    expect(await datasetFingerprint(held, 2, few)).toEqual(await datasetFingerprint(replayed, 2, few));
  });

  test('a dataset without any foreground has no statistics', async () => {
    const empty = caseFingerprint(volume(4), new Uint8Array(120), SAMPLES);
    const { foreground_intensity_properties_per_channel: found } = await datasetFingerprint(
      [empty],
      2,
      SAMPLES,
    );
    expect(found['0'].mean).toBeNaN();
  });
});

test('the crop leaves out zero borders, and the share of what is left is told', () => {
  const image = volume(1, 1);
  image.data.fill(0, 0, 30);
  const { shapeAfterCrop, relativeSizeAfterCropping } = caseFingerprint(image, labels, 10);
  expect(shapeAfterCrop).toEqual([3, 5, 6]);
  expect(relativeSizeAfterCropping).toBe(0.75);
});

test('the ignore label is foreground', () => {
  const image = volume(1, 1);
  const ignored = new Uint8Array(120).fill(3, 10, 14);
  const { intensities } = caseFingerprint(image, ignored, 10);
  expect([...intensities[0].values]).toEqual([...image.data.subarray(10, 14)]);
});
