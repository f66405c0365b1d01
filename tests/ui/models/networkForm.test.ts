import { describe, expect, test } from 'vitest';
import type { OnnxFacts } from '@/core/interop/foreignNetwork';
import { describedBy, networkFormError, startNetworkForm, withLayout } from '@/ui/models/networkForm';

const FACTS: OnnxFacts = {
  dimensions: 3,
  channels: 2,
  classes: 3,
  patchSize: [32, undefined, 64],
  layout: 'NCZYX',
  activation: 'softmax',
};

describe('the form for a foreign network', () => {
  test('starts with what the file tells, and can be used as it is', () => {
    const form = startNetworkForm('models/liver.onnx', FACTS);
    expect(networkFormError(form, FACTS)).toBeUndefined();
    expect(describedBy(form)).toEqual({
      version: 1,
      name: 'liver',
      channels: ['channel 0', 'channel 1'],
      spacing: null,
      patch_size: [32, 128, 64],
      normalization: 'ZScoreNormalization',
      labels: new Map([
        ['background', 0],
        ['label 1', 1],
        ['label 2', 2],
      ]),
      layout: 'NCZYX',
      activation: 'softmax',
      mirror_axes: [],
      crop_to_nonzero: false,
    });
  });

  test('has sizes as x, y, z, and the JSON in the order of the network’s axes', () => {
    const form = startNetworkForm('a.onnx', FACTS);
    expect(form.patch).toBe('64 × 128 × 32');
    expect(describedBy({ ...form, spacing: '0.7 0.8 5' }).spacing).toEqual([5, 0.8, 0.7]);
    const turned = withLayout({ ...form, spacing: '0.7 0.8 5' }, 'NCXYZ');
    expect(turned.patch).toBe('32 × 128 × 64');
    expect(describedBy(turned)).toMatchObject({ patch_size: [32, 128, 64], spacing: [0.7, 0.8, 5] });
    expect(withLayout({ ...form, patch: '32 big 64' }, 'NCXYZ').patch).toBe('32 big 64');
    const flat = startNetworkForm('a.onnx', {
      ...FACTS,
      dimensions: 2,
      patchSize: [256, 320],
      layout: 'NCYX',
    });
    expect(flat.patch).toBe('320 × 256');
    expect(describedBy(flat).patch_size).toEqual([256, 320]);
  });

  test('CT takes the four figures of the training data', () => {
    const intensities = { mean: '80', std: '40.5', percentile_00_5: '-160', percentile_99_5: '240' };
    const form = { ...startNetworkForm('a.onnx', FACTS), scheme: 'CTNormalization' as const };
    expect(networkFormError(form, FACTS)).toMatch(/both percentiles/);
    expect(networkFormError({ ...form, intensities }, FACTS)).toBeUndefined();
    expect(describedBy({ ...form, intensities }).normalization).toEqual({
      scheme: 'CTNormalization',
      mean: 80,
      std: 40.5,
      percentile_00_5: -160,
      percentile_99_5: 240,
    });
  });

  test.each([
    { change: { labels: 'background, liver' }, message: /3 channels, and there are 2 labels/ },
    { change: { labels: 'background, liver, liver' }, message: /same name/ },
    { change: { channels: 'CT' }, message: /takes 2 channels, and 1 are named/ },
    { change: { patch: '32 × 64' }, message: /layout/ },
    { change: { patch: '32 × 64 × big' }, message: /patch_size/ },
    { change: { spacing: '1 1 0' }, message: /spacing/ },
    { change: { name: ' ' }, message: /name/ },
  ])('says what is wrong: $change', ({ change, message }) => {
    const form = { ...startNetworkForm('a.onnx', FACTS), ...change };
    expect(networkFormError(form, FACTS)).toMatch(message);
  });
});
