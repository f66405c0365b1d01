import { describe, expect, test } from 'vitest';
import { parseDatasetDocument } from '@/core/dataset/rawDataset';
import { parseOrderedJson } from '@/core/interop/orderedJson';
import { readDatasetJson } from '@/core/interop/readDatasetJson';
import { messageOf } from '@/shared/errors';

const RIGHT: Readonly<Record<string, string>> = {
  channel_names: '{"0": "MRI"}',
  labels: '{"background": 0, "a": 1, "b": 2}',
  numTraining: '5',
  file_ending: '".nii.gz"',
};

/** The text of a dataset.json with other values; an empty one leaves the key out. */
function text(changes: Readonly<Record<string, string>>): string {
  const entries = Object.entries({ ...RIGHT, ...changes }).filter(([, value]) => value !== '');
  return `{${entries.map(([key, value]) => `"${key}": ${value}`).join(', ')}}`;
}

function told(json: string): string {
  try {
    parseDatasetDocument(parseOrderedJson(json), 'dataset.json');
    return 'nothing';
  } catch (error) {
    return messageOf(error);
  }
}

const FAULTS: readonly (readonly [
  what: string,
  changes: Readonly<Record<string, string>>,
  says: RegExp,
  write: string,
])[] = [
  [
    'channels turned round',
    { channel_names: '{"T1": 0, "CT": 1}' },
    /turned round/,
    '"channel_names": {"0": "T1", "1": "CT"}',
  ],
  [
    'channels turned round, out of order',
    { channel_names: '{"CT": 1, "T1": 0}' },
    /turned round/,
    '{"0": "T1", "1": "CT"}',
  ],
  [
    'channels turned round, in quotes',
    { channel_names: '{"T1": "0", "CT": "1"}' },
    /turned round/,
    '{"0": "T1", "1": "CT"}',
  ],
  ['channels as a list', { channel_names: '["T1", "CT"]' }, /is a list/, '{"0": "T1", "1": "CT"}'],
  ['one channel as a text', { channel_names: '"MRI"' }, /the text "MRI" alone/, '{"0": "MRI"}'],
  [
    'a channel without a name',
    { channel_names: '{"0": "T1", "1": null}' },
    /channel_names\.1 is null/,
    '{"0": "T1", "1": "channel 1"}',
  ],
  [
    'a channel twice',
    { channel_names: '{"0": "T1", "0": "CT"}' },
    /has "0" twice \("T1" and "CT"\)/,
    '"0" once',
  ],
  ['no channels', { channel_names: '{}' }, /channel_names is empty/, '"channel_names": {"0": "MRI"}'],
  [
    'channels under their old name',
    { channel_names: '', modality: '{"0": "CT"}' },
    /called it modality/,
    '"channel_names": {"0": "CT"} instead of modality',
  ],
  [
    'labels turned round',
    { labels: '{"0": "background", "1": "a", "2": "b"}' },
    /turned round, as in nnU-Net 1/,
    '"labels": {"background": 0, "a": 1, "b": 2}',
  ],
  [
    'labels in quotes',
    { labels: '{"background": "0", "a": "1"}' },
    /numbers in quotes/,
    '"labels": {"background": 0, "a": 1}',
  ],
  [
    'a region in quotes',
    { labels: '{"background": 0, "whole": "1,2"}' },
    /numbers in quotes/,
    '"whole": [1, 2]',
  ],
  [
    'labels as a list',
    { labels: '["background", "a"]' },
    /labels is a list/,
    '"labels": {"background": 0, "a": 1}',
  ],
  ['labels as a number', { labels: '3' }, /labels is 3/, '"labels": {"background": 0'],
  ['no labels', { labels: '{}' }, /labels is empty/, '"labels": {"background": 0'],
  ['a label with a fraction', { labels: '{"background": 0, "a": 1.5}' }, /labels\.a is 1\.5/, '"a": 2'],
  ['a label below zero', { labels: '{"background": 0, "a": -1}' }, /labels\.a is -1/, '"a": 0'],
  ['a label without its number', { labels: '{"background": 0, "a": null}' }, /labels\.a is null/, '"a": 1'],
  [
    'a region without labels',
    { labels: '{"background": 0, "a": []}' },
    /labels\.a is an empty list/,
    '"a": [1, 2]',
  ],
  [
    'the ignore label twice',
    { labels: '{"background": 0, "a": 1, "ignore": 2, "ignore": 3}' },
    /has "ignore" twice \(2 and 3\)/,
    '"ignore": 2',
  ],
  [
    'a label twice',
    { labels: '{"background": 0, "a": 1, "a": 2}' },
    /has "a" twice \(1 and 2\)/,
    '"a" once, as "a": 1',
  ],
  [
    'regions without an order',
    { labels: '{"background": 0, "whole": [1, 2, 3], "core": [2, 3], "e": 3}' },
    /regions_class_order is missing/,
    '"regions_class_order": [1, 2, 3]',
  ],
  [
    'an order of another length',
    { labels: '{"background": 0, "whole": [1, 2], "core": 2}', regions_class_order: '[0, 1, 2]' },
    /3 entries for 2 regions/,
    '"regions_class_order": [1, 2]',
  ],
  [
    'an order of texts',
    { labels: '{"background": 0, "whole": [1, 2], "core": 2}', regions_class_order: '["1", "2"]' },
    /regions_class_order is the list/,
    '"regions_class_order": [1, 2]',
  ],
  [
    'the number of cases in quotes',
    { numTraining: '"5"' },
    /numTraining is the text "5"/,
    '"numTraining": 5',
  ],
  ['an ending without its dot', { file_ending: '"nii.gz"' }, /starts with a dot/, '"file_ending": ".nii.gz"'],
  [
    'an ending as people name files',
    { file_ending: '"*.png"' },
    /starts with a dot/,
    '"file_ending": ".png"',
  ],
  ['endings as a list', { file_ending: '[".nii"]' }, /file_ending is the list/, '"file_ending": ".nii.gz"'],
  [
    'no ending',
    { file_ending: '' },
    /file_ending is missing; the file has channel_names, labels, numTraining/,
    '"file_ending": ".nii.gz"',
  ],
  [
    'a key in other letters',
    { file_ending: '', fileEnding: '".png"' },
    /called fileEnding here/,
    '"file_ending" instead of "fileEnding"',
  ],
  [
    'a table as in nnU-Net 1',
    { dataset: '[{"image": "imagesTr/x0.nii.gz", "label": "labelsTr/x0.nii.gz"}]' },
    /dataset is a list, as in nnU-Net 1/,
    '"dataset": {"x0": {"images": ["imagesTr/x0.nii.gz"], "label": "labelsTr/x0.nii.gz"}}',
  ],
  [
    'a table of texts',
    { dataset: '["imagesTr/x0_0000.nii.gz"]' },
    /dataset is a list/,
    '{"x0": {"images": ["imagesTr/x0_0000.nii.gz"]',
  ],
  [
    'a table with one path for images',
    { dataset: '{"c0": {"images": "a_0000.nii.gz", "label": "a.nii.gz"}}' },
    /dataset\.c0 has images that are the text/,
    '{"c0": {"images": ["a_0000.nii.gz"], "label": "a.nii.gz"}}',
  ],
  [
    'a table with image',
    { dataset: '{"c0": {"image": "a_0000.nii.gz", "label": "a.nii.gz"}}' },
    /has image, which is called images/,
    '"images": ["a_0000.nii.gz"]',
  ],
  [
    'a table without label maps',
    { dataset: '{"c0": {"images": ["a_0000.nii.gz"]}}' },
    /has no label/,
    '"label": "labelsTr/c0.nii.gz"',
  ],
];

describe('a dataset.json that is wrong says what to write', () => {
  test('a right one says nothing', () => {
    expect(told(text({}))).toBe('nothing');
    const regions = { labels: '{"background": 0, "9": [1, 2], "8": 2}', regions_class_order: '[1, 2]' };
    expect(told(text(regions))).toBe('nothing');
    expect(told(text({ dataset: '{"c": {"images": ["a.nii"], "label": "b.nii"}}' }))).toBe('nothing');
  });

  test.each(FAULTS)('%s', (_, changes, says, write) => {
    const message = told(text(changes));
    expect(message).toMatch(says);
    expect(message).toContain(write);
    expect(message).not.toMatch(/Invalid|received|export/i);
  });

  test.each(['[]', '"text"', '3', 'null'])('a file that is %s', (json) => {
    expect(told(json)).toMatch(/the file as a whole is .* Write \{"channel_names"/);
  });

  test('several faults are said together', () => {
    expect(told(text({ numTraining: '', file_ending: '' }))).toMatch(
      /numTraining is missing.*; file_ending is missing.*Write "numTraining": 20.* and "file_ending"/,
    );
  });

  test("the same of a model's own, where numTraining and the table do not matter", () => {
    const read = (changes: Readonly<Record<string, string>>) => () =>
      readDatasetJson(text(changes), 'dataset.json');
    expect(read({ labels: '{"0": "background", "1": "a"}' })).toThrow('"labels": {"background": 0, "a": 1}');
    expect(read({ channel_names: '{"T1": 0}' })).toThrow('"channel_names": {"0": "T1"}');
    expect(read({ numTraining: '', file_ending: '' })).not.toThrow();
    expect(read({ channel_names: '', modality: '{"0": "CT"}' })).not.toThrow();
  });
});
