import { expect, test } from 'vitest';
import { casePreview } from '@/app/data/casePreview';
import type { MedicalImage } from '@/core/io/medicalImage';
import { newGeometry } from '@/core/io/niftiWriter';
import { elementCount, type Zyx } from '@/shared/geometry';

function imageOf(shape: Zyx, valueAt: (z: number, y: number, x: number) => number): MedicalImage {
  const [depth, height, width] = shape;
  const data = new Float32Array(elementCount(shape));
  for (let z = 0, i = 0; z < depth; z++) {
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) data[i++] = valueAt(z, y, x);
  }
  const geometry = newGeometry(shape, [2, 1, 1]);
  return { data, channels: 1, shape, spacing: [2, 1, 1], geometry, warnings: [] };
}

test('samples come from all over, also where equal steps would fall into step with the rows', () => {
  const image = imageOf([64, 80, 72], (_z, _y, x) => x);
  const { all } = casePreview(image, undefined).samples[0];
  expect(all.length).toBe(512);
  expect(new Set(all).size).toBe(72);
  const mean = all.reduce((sum, value) => sum + value, 0) / all.length;
  expect(Math.abs(mean - 35.5)).toBeLessThan(2);
});

test('a small foreground is taken whole', () => {
  const image = imageOf([4, 10, 10], (z) => z);
  const seg = imageOf([4, 10, 10], (z, y) => (z === 3 && y < 2 ? 1 : 0));
  expect([...casePreview(image, seg).samples[0].foreground]).toEqual(new Array(20).fill(3));
});

test('the picture is the middle labelled slice, front at the top and the right side to the left', () => {
  const image = imageOf([5, 96, 96], (z, y, x) => (z === 3 && y > 90 && x > 90 ? 100 : 0));
  const seg = imageOf([5, 96, 96], (z, y, x) => (z === 3 && y > 90 && x > 90 ? 7 : 0));
  const { width, height, gray, labels } = casePreview(image, seg).thumbnail;
  expect([width, height, labels[0], gray[0], labels[96 * 96 - 1]]).toEqual([96, 96, 7, 255, 0]);
});
