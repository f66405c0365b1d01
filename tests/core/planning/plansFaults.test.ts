import { expect, test } from 'vitest';
import { readAnyPlans } from '@/core/planning/anyPlans';
import { readPlans } from '@/core/planning/readPlans';
import { messageOf } from '@/shared/errors';
import { plansJson, TINY_CONFIGURATION, TINY_DATASET } from '../../support/modelFolder';

function told(document: unknown, read: (text: string, file: string) => unknown = readPlans): string {
  try {
    read(JSON.stringify(document), 'plans.json');
    return 'nothing';
  } catch (error) {
    return messageOf(error);
  }
}

const changed = (changes: object) => ({ ...plansJson(), ...changes });
const configured = (changes: object) => plansJson({ '3d_fullres': { ...TINY_CONFIGURATION, ...changes } });

test.each([
  ['a dataset.json', TINY_DATASET, /this is a dataset\.json\. Take the plans/],
  [
    'a fingerprint',
    { shapes_after_crop: [], spacings: [] },
    /this is a dataset_fingerprint\.json\. Take the plans/,
  ],
  ['plans of nnU-Net 1', { plans_per_stage: {} }, /plans of nnU-Net 1.*Plan the dataset again/],
  ['one configuration', TINY_CONFIGURATION, /this is one configuration.*"configurations"/],
  ['nothing of plans', { a: 1 }, /configurations is missing; the file has a\./],
])('%s in place of plans says what it is', (_, document, message) => {
  expect(told(document)).toMatch(message);
  expect(told(document, readAnyPlans)).toMatch(message);
});

test.each([
  [changed({ dataset_name: 3 }), 'dataset_name: expected a text, found 3'],
  [changed({ transpose_forward: [0, 0, 1] }), 'transpose_forward: [0, 0, 1] is not a permutation'],
  [
    changed({ transpose_forward: [0, 1] }),
    'transpose_forward: expected exactly 3 entries, found the list [0, 1]',
  ],
  [
    changed({ transpose_forward: [2, 0, 1] }),
    'transpose_backward [0, 1, 2] does not undo transpose_forward [2, 0, 1]; it would be [1, 2, 0]',
  ],
  [changed({ configurations: [] }), 'configurations: expected an object { … }, found an empty list'],
  [
    configured({ batch_size: 0 }),
    'configuration 3d_fullres: batch_size: expected a number of at least 1, found 0',
  ],
  [configured({ batch_size: '2' }), 'batch_size: expected a whole number, found the text "2"'],
  [configured({ patch_size: [16, 16, 16.5] }), 'patch_size[2]: expected a whole number, found 16.5'],
  [configured({ patch_size: undefined }), 'patch_size: missing, expected a list'],
  [configured({ spacing: [1, 1] }), 'differ in their number of axes (3, 2 and 3)'],
  [configured({ use_mask_for_norm: [] }), 'normalization_schemes has 1 entries and use_mask_for_norm 0'],
  [
    configured({ normalization_schemes: 'ZScoreNormalization' }),
    'normalization_schemes: expected a list, found the text',
  ],
])('%#: a value that does not fit is said with its place', (document, message) => {
  expect(told(document)).toContain(message);
  expect(told(document)).not.toMatch(/Invalid|received|export/);
});

test('numbers that are none stop at the door', () => {
  const text = JSON.stringify(configured({ batch_size: 'NUMBER' })).replace('"NUMBER"', 'NaN');
  expect(() => readPlans(text, 'plans.json')).toThrow(/batch_size: expected a whole number, found NaN/);
});
