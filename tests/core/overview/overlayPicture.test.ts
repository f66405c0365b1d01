import { describe, expect, test } from 'vitest';
import { overlayPicture, sliceToPlot } from '@/core/overview/overlayPicture';
import type { Zyx } from '@/shared/geometry';

const SHAPE: Zyx = [3, 4, 5];
const AREA = 20;

/** The image and label map whose picture nnU-Net's arithmetic gave in numpy. */
function sample() {
  const image = Float32Array.from({ length: 60 }, (_, i) => ((i * 37) % 101) - 50 + 0.25 * (i % 7));
  const seg = new Int16Array(60);
  const put = (label: number, z: number, y: number, xs: readonly number[]) => {
    for (const x of xs) seg[z * AREA + y * 5 + x] = label;
  };
  put(2, 0, 1, [1, 2, 3]);
  put(2, 1, 0, [0, 1, 2, 3, 4]);
  put(5, 1, 2, [2]);
  put(5, 1, 3, [2]);
  put(5, 2, 3, [0, 1, 2, 3, 4]);
  put(7, 2, 0, [0]);
  put(2, 2, 1, [2]);
  put(-1, 0, 0, [0]);
  put(-1, 2, 0, [1]);
  return { image, seg };
}

describe('a picture of labels over an image', () => {
  test('has the pixels that nnU-Net computes', () => {
    const { image, seg } = sample();
    const { width, height, rgba } = overlayPicture(image, seg, SHAPE);
    expect([width, height]).toEqual([5, 4]);
    const rgb = [...rgba].filter((_, i) => i % 4 !== 3);
    // biome-ignore format: a pixel's three numbers side by side
    expect(rgb).toEqual([
      140, 188, 146, 0, 0, 0, 65, 65, 65, 133, 133, 133, 16, 16, 16,
      84, 84, 84, 153, 153, 153, 62, 75, 122, 104, 104, 104, 169, 169, 169,
      52, 52, 52, 121, 121, 121, 4, 4, 4, 72, 72, 72, 140, 140, 140,
      121, 75, 43, 186, 140, 108, 255, 209, 176, 138, 92, 59, 206, 160, 128,
    ]);
    expect([...rgba].filter((_, i) => i % 4 === 3)).toEqual(new Array(AREA).fill(255));
  });

  test('shows the slice with the largest shares of all labels, not the most voxels', () => {
    const { seg } = sample();
    expect(sliceToPlot(seg, SHAPE)).toBe(2);
    const many = new Int16Array(60).fill(1, 20, 40);
    many.fill(1, 0, 5);
    many[0] = 3;
    expect(sliceToPlot(many, SHAPE)).toBe(0);
  });

  test('shows the first slice where nothing is labelled', () => {
    expect(sliceToPlot(new Int16Array(60), SHAPE)).toBe(0);
  });

  test('an image of one intensity shows its labels, and black where there are none', () => {
    const seg = new Int16Array(60);
    seg[25] = 1;
    const { rgba } = overlayPicture(new Float32Array(60).fill(7), seg, SHAPE);
    expect([...rgba.subarray(4 * 5, 4 * 6)]).toEqual([79, 116, 255, 255]);
    expect([...rgba.subarray(0, 4)]).toEqual([0, 0, 0, 255]);
    const { rgba: empty } = overlayPicture(new Float32Array(60).fill(7), new Int16Array(60), SHAPE);
    expect([...empty.subarray(0, 4)]).toEqual([0, 0, 0, 255]);
  });

  test('117 labels in a slice: colours begin again, never with black', () => {
    const shape: Zyx = [1, 2, 64];
    const seg = Uint8Array.from({ length: 128 }, (_, i) => i);
    const { rgba } = overlayPicture(new Float32Array(128), seg, shape);
    for (let i = 1; i < 128; i++) {
      expect(Math.max(...rgba.subarray(4 * i, 4 * i + 3))).toBeGreaterThan(0);
      if (i > 14)
        expect(rgba.subarray(4 * i, 4 * i + 3)).toEqual(rgba.subarray(4 * (i - 14), 4 * (i - 14) + 3));
    }
  });

  test('the intensity decides how strong the colours are', () => {
    const { image, seg } = sample();
    const pale = overlayPicture(image, seg, SHAPE, 0);
    for (let i = 0; i < AREA; i++) expect(pale.rgba[4 * i]).toBe(pale.rgba[4 * i + 2]);
  });
});
