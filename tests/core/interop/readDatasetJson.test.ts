import { describe, expect, test } from 'vitest';
import { readDatasetJson } from '@/core/interop/readDatasetJson';
import { TINY_DATASET } from '../../support/modelFolder';

const read = (changes: object) =>
  readDatasetJson(JSON.stringify({ ...TINY_DATASET, ...changes }), 'dataset.json');

describe('labels', () => {
  test('plain: one channel each, softmax', () => {
    expect(read({}).labels).toEqual({
      allLabels: [0, 1, 2],
      hasRegions: false,
      foregroundRegions: [],
      regionsClassOrder: [],
      ignoreLabel: undefined,
      outputChannels: 3,
      names: new Map([
        [0, 'background'],
        [1, 'organ'],
        [2, 'lesion'],
      ]),
    });
  });

  test('regions: in file order, without background, a plain label as a region of one', () => {
    const labels = { background: 0, whole: [1, 2, 3], core: [2, 3], enhancing: 3 };
    expect(read({ labels, regions_class_order: [1, 2, 3] }).labels).toMatchObject({
      allLabels: [0, 1, 2, 3],
      hasRegions: true,
      foregroundRegions: [[1, 2, 3], [2, 3], [3]],
      regionsClassOrder: [1, 2, 3],
      outputChannels: 3,
      names: new Map([
        [0, 'background'],
        [1, 'whole'],
        [2, 'core'],
        [3, 'enhancing'],
      ]),
    });
  });

  test('a list of one does not make regions', () => {
    const { labels } = read({ labels: { background: 0, organ: [1] } });
    expect(labels).toMatchObject({ hasRegions: false, allLabels: [0, 1], outputChannels: 2 });
  });

  test('ignore has no channel', () => {
    const { labels } = read({ labels: { background: 0, organ: 1, ignore: 2 } });
    expect(labels).toMatchObject({ allLabels: [0, 1], ignoreLabel: 2, outputChannels: 2 });
  });

  test.each([
    [
      'ignore that is not the highest + 1',
      { labels: { background: 0, organ: 1, ignore: 5 } },
      'labels.ignore must be 2',
    ],
    ['ignore as a region', { labels: { background: 0, organ: 1, ignore: [2] } }, 'labels.ignore must be 2'],
    ['no background', { labels: { organ: 1 } }, 'no background'],
    [
      'regions without an order',
      { labels: { background: 0, whole: [1, 2] } },
      'regions_class_order is missing',
    ],
    [
      'an order of another length',
      { labels: { background: 0, whole: [1, 2], core: 2 }, regions_class_order: [1] },
      '1 entries for 2 regions',
    ],
    [
      'names where numbers belong, as in nnU-Net 1',
      { labels: { 0: 'background', 1: 'organ' } },
      'labels is turned round',
    ],
    ['a fraction', { labels: { background: 0, organ: 1.5 } }, 'labels.organ'],
    ['no channels', { channel_names: undefined }, 'channel_names is missing'],
  ])('%s is refused with its place', (_, changes, message) => {
    expect(() => read(changes)).toThrow(expect.objectContaining({ name: 'BadDatasetJson' }));
    expect(() => read(changes)).toThrow(message);
    expect(() => read(changes)).toThrow('dataset.json');
  });
});

test('channels come in the order of their numbers, also under their old name', () => {
  expect(read({ channel_names: { 1: 'T2', 0: 'T1', 10: 'x', 2: 'FLAIR' } }).channelNames).toEqual([
    'T1',
    'T2',
    'FLAIR',
    'x',
  ]);
  expect(read({ channel_names: undefined, modality: { 0: 'CT' } }).channelNames).toEqual(['CT']);
});

test("Python's NaN, a byte order mark and look-alikes in texts do no harm", () => {
  const text = `\ufeff${JSON.stringify({ ...TINY_DATASET, release: 'NaN "Infinity"' }).replace('"numTraining":4', '"numTraining":NaN')}`;
  expect(() => readDatasetJson(text, 'dataset.json')).toThrow('numTraining');
  expect(readDatasetJson(text.replace('"numTraining"', '"score"'), 'dataset.json').fileEnding).toBe(
    '.nii.gz',
  );
});
