import { describe, expect, test } from 'vitest';
import { planCase } from '@/core/inference/casePlan';
import { elementCount, type Zyx } from '@/shared/geometry';

const VOLUME: Zyx = [600, 512, 512];
const FLOAT = 4;

/** A whole-body CT with 20 labels at its own resolution, in a network that takes 0.9 GB. */
function wholeBody(budgetBytes: number, bindingLimit: number) {
  return planCase({
    shape: VOLUME,
    outShape: VOLUME,
    rules: ['nearest', 'nearest', 'nearest'],
    patchSize: [128, 128, 128],
    tileStepSize: 0.5,
    inputChannels: 1,
    classes: 21,
    networkBytes: 0.9e9,
    hostBytes: elementCount(VOLUME) * (FLOAT + 1),
    bindingLimit,
    budgetBytes,
  });
}

describe('memory of a 512 × 512 × 600 image with 20 labels', () => {
  test('stays under 2.5 GB, while the whole volume of logits would take 13 GB', () => {
    const plan = wholeBody(2.4e9, 2 ** 31);
    expect(plan.plannedBytes).toBeLessThan(2.5e9);
    expect(elementCount(VOLUME) * 21 * FLOAT).toBeGreaterThan(13e9);
  });

  test('blocks are as few as the budget allows, and repeat nothing when it is ample', () => {
    const ample = wholeBody(8e9, 2 ** 31);
    expect(ample.slabs.blocks.length).toBe(1);
    expect(ample.slabs.repeatedWindows).toBe(0);
    const tight = wholeBody(2.4e9, 2 ** 31);
    expect(tight.slabs.blocks.length).toBeGreaterThan(1);
    expect(tight.slabs.windows - tight.slabs.repeatedWindows).toBe(ample.slabs.windows);
  });

  test('no binding exceeds the limit of an adapter that allows 128 MiB', () => {
    const { slabs, padding } = wholeBody(2.4e9, 2 ** 27);
    const rows = Math.max(...slabs.blocks.map((block) => block.rows));
    const perClass = slabs.ringDepth * rows * padding.paddedShape[2] * FLOAT;
    expect(perClass * slabs.classesPerGroup).toBeLessThanOrEqual(2 ** 27);
  });

  test('blocks cover every row of the output once', () => {
    const { slabs } = wholeBody(2.4e9, 2 ** 27);
    expect(slabs.blocks[0].outStart).toBe(0);
    expect(slabs.blocks.at(-1)?.outEnd).toBe(VOLUME[1]);
    for (let i = 1; i < slabs.blocks.length; i++) {
      expect(slabs.blocks[i].outStart).toBe(slabs.blocks[i - 1].outEnd);
    }
  });
});
