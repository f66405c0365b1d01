import { describe, expect, test } from 'vitest';
import type { SegmentationMetrics } from '@/core/evaluation/metrics';
import type { EvaluationSummary } from '@/core/evaluation/summary';
import { memoryFile } from '@/core/io/sourceFile';
import {
  postprocessingJson,
  readPostprocessing,
  writePostprocessing,
} from '@/core/postprocessing/postprocessingFiles';
import {
  applySteps,
  describeStep,
  doesForegroundStepHelp,
  doesLabelStepHelp,
  stepFor,
  stepForAll,
} from '@/core/postprocessing/steps';

function metrics(Dice: number): SegmentationMetrics {
  return { Dice, IoU: Dice, TP: 0, FP: 0, FN: 0, TN: 0, n_pred: 0, n_ref: 0 };
}

function summary(...dice: number[]): EvaluationSummary {
  const mean = dice.reduce((sum, value) => sum + value, 0) / dice.length;
  return {
    labels: dice.map((_, i) => [i + 1]),
    cases: [],
    mean: dice.map(metrics),
    foregroundMean: metrics(mean),
  };
}

describe('what helps', () => {
  test('the foreground’s step needs a higher mean and no lower label', () => {
    expect(doesForegroundStepHelp(summary(0.5, 0.5), summary(0.6, 0.5))).toBe(true);
    expect(doesForegroundStepHelp(summary(0.5, 0.5), summary(0.5, 0.5))).toBe(false);
    expect(doesForegroundStepHelp(summary(0.5, 0.5), summary(0.9, 0.49))).toBe(false);
  });

  test('a NaN mean is never higher; a NaN label does not fall', () => {
    expect(doesForegroundStepHelp(summary(0.5, Number.NaN), summary(0.9, Number.NaN))).toBe(false);
    const before = { ...summary(0.5, Number.NaN), foregroundMean: metrics(0.5) };
    const after = { ...summary(0.9, Number.NaN), foregroundMean: metrics(0.9) };
    expect(doesForegroundStepHelp(before, after)).toBe(true);
  });

  test('a label’s step needs that label alone to grow', () => {
    expect(doesLabelStepHelp(summary(0.5, 0.5), summary(0.1, 0.6), 1)).toBe(true);
    expect(doesLabelStepHelp(summary(0.5, 0.5), summary(0.9, 0.5), 1)).toBe(false);
  });
});

test('steps apply in their order', () => {
  const labels = Uint8Array.from([1, 2, 2, 0, 1, 1]);
  const shape = [1, 1, 6] as const;
  // Alone, 1's larger component is the second; after the foreground's step only the first is left.
  expect([...applySteps(labels, shape, [stepFor([1])])]).toEqual([0, 2, 2, 0, 1, 1]);
  const both = applySteps(labels, shape, [stepForAll([1, 2]), stepFor([1])]);
  expect([...both]).toEqual([1, 2, 2, 0, 0, 0]);
});

test('steps are named for people', () => {
  expect(describeStep(stepForAll([1, 2]))).toBe('all foreground (1, 2)');
  expect(describeStep(stepFor([2, 3]))).toBe('(2, 3)');
});

describe('postprocessing.pkl', () => {
  const steps = [stepForAll([1]), stepFor([2, 3]), stepFor([3])];
  const read = (bytes: Uint8Array) => readPostprocessing(memoryFile(bytes, 'postprocessing.pkl'));
  const bytes = (text: string) => new TextEncoder().encode(text);

  test('comes back as it was written; a label in a list stays in it', async () => {
    expect(await read(writePostprocessing(steps))).toEqual(steps);
    const withBackground = [{ ...stepFor([1]), background: 4 }];
    expect(await read(writePostprocessing(withBackground))).toEqual(withBackground);
    expect(await read(writePostprocessing([]))).toEqual([]);
  });

  test('names the function and nothing else of nnU-Net', () => {
    const text = new TextDecoder('latin1').decode(writePostprocessing([stepFor([1])]));
    expect(text).toContain(
      'cnnunetv2.postprocessing.remove_connected_components\nremove_all_but_largest_component_from_segmentation\n',
    );
  });

  test('numpy’s integers, as nnU-Net saves labels, are read', async () => {
    // ([f], [{'labels_or_regions': [numpy.int64(2)]}]) in protocol 0 and 2.
    const scalar =
      "cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(S'i8'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbS'\\x02\\x00\\x00\\x00\\x00\\x00\\x00\\x00'\ntR";
    const name =
      'cnnunetv2.postprocessing.remove_connected_components\nremove_all_but_largest_component_from_segmentation\n';
    const pickle = bytes(`((l${name}a(l(dS'labels_or_regions'\n(l${scalar}asat.`);
    expect(await read(pickle)).toEqual([stepForAll([2])]);
  });

  test('another function is refused, not run', async () => {
    const evil = bytes("((lcposix\nsystem\na(l(dS'labels_or_regions'\nI1\nsat.");
    await expect(read(evil)).rejects.toThrow(
      expect.objectContaining({ name: 'DisallowedGlobal', message: expect.stringContaining('posix.system') }),
    );
    const call = bytes("cposix\nsystem\n(S'true'\ntR.");
    await expect(read(call)).rejects.toThrow(expect.objectContaining({ name: 'DisallowedGlobal' }));
    // Even the function that is known is not called.
    const known = bytes(
      'cnnunetv2.postprocessing.remove_connected_components\nremove_all_but_largest_component_from_segmentation\n(tR.',
    );
    await expect(read(known)).rejects.toThrow(expect.objectContaining({ name: 'BadPickle' }));
  });

  test.each([
    ['(dI1\nI2\ns.', 'not a pair'],
    ["((lcbuiltins\nlist\na(l(dS'labels_or_regions'\nI1\nsat.", 'does not remove components'],
    [
      '((lcnnunetv2.postprocessing.remove_connected_components\nremove_all_but_largest_component_from_segmentation\na(l(dat.',
      'without labels',
    ],
  ])('what is no postprocessing is said to be none: %#', async (text, message) => {
    await expect(read(bytes(text))).rejects.toThrow(
      expect.objectContaining({ name: 'BadPostprocessing', message: expect.stringContaining(message) }),
    );
  });
});

test('postprocessing.json has means as floats, labels as integers, and regions as lists', () => {
  const text = postprocessingJson(summary(0.5), summary(1), [
    stepForAll([1, 2]),
    stepFor([2, 3]),
    stepFor([3]),
  ]);
  expect(JSON.parse(text)).toMatchObject({
    input_folder: { foreground_mean: { Dice: 0.5 }, mean: { 1: { Dice: 0.5 } } },
    postprocessed: { mean: { 1: { Dice: 1 } } },
    postprocessing_kwargs: [
      { labels_or_regions: [1, 2] },
      { labels_or_regions: [2, 3] },
      { labels_or_regions: 3 },
    ],
  });
  expect(text).toContain('"Dice": 1.0');
  expect(text).toContain('"labels_or_regions": 3\n');
});
