import { expect, test } from 'vitest';
import { pairsFacts, pairsFormErrors, startPairsForm } from '@/ui/data/pairsForm';
import type { PairsProposal } from '@/workers/data/api';

const proposal: PairsProposal = {
  kind: 'pairs',
  caseIds: ['a', 'b'],
  unlabelled: [],
  channels: 2,
  fileEnding: '.nii.gz',
  values: [0, 1, 2].map((value) => ({ value, cases: 2 })),
  unpaired: [],
  name: 'Dataset007_Brains',
};
const filled = { ...startPairsForm(proposal), channels: ['T1', 'T2'] };
const errorsOf = (form: typeof filled, change: Partial<PairsProposal> = {}, taken: readonly string[] = []) =>
  pairsFormErrors(form, { ...proposal, ...change }, taken);
const valuesOf = (...values: readonly number[]) => ({
  values: values.map((value) => ({ value, cases: 1 })),
});

test('a filled form says what nnU-Net wants to know', () => {
  expect(errorsOf(filled)).toEqual({});
  expect(pairsFacts(filled, proposal)).toEqual({
    name: 'Dataset007_Brains',
    channelNames: ['T1', 'T2'],
    labels: [
      { name: 'background', values: [0] },
      { name: 'label 1', values: [1] },
      { name: 'label 2', values: [2] },
    ],
    fileEnding: '.nii.gz',
    withUnlabelled: false,
  });
});

test('without label maps the labels are up to the person, who may name none yet', () => {
  const images = { ...proposal, caseIds: [], unlabelled: ['a', 'b'], values: [] };
  const form = { ...startPairsForm(images), channels: ['T1', 'T2'] };
  expect(pairsFormErrors(form, images, [])).toEqual({});
  expect(pairsFacts(form, images)).toMatchObject({
    labels: [{ name: 'background', values: [0] }],
    withUnlabelled: true,
  });
  const named = { ...form, labels: ['background', 'liver', 'tumour'] };
  expect(pairsFacts(named, images).labels.at(-1)).toEqual({ name: 'tumour', values: [2] });
  expect(pairsFormErrors({ ...named, labels: ['background', 'liver', ' '] }, images, []).labels).toBe(
    'Name label 2.',
  );
});

test('background is declared even where no label map holds it', () => {
  const form = startPairsForm({ ...proposal, ...valuesOf(1) });
  expect(errorsOf({ ...filled, labels: form.labels }, valuesOf(1))).toEqual({});
  expect(pairsFacts(form, { ...proposal, ...valuesOf(1) }).labels[0]).toEqual({
    name: 'background',
    values: [0],
  });
});

test('what nnU-Net would refuse is refused here, field by field', () => {
  expect(errorsOf(startPairsForm(proposal) as typeof filled).channels).toContain('Name channel 0');
  expect(errorsOf({ ...filled, id: 4 }, {}, ['Dataset004_Hearts']).id).toContain('Dataset004_Hearts');
  expect(errorsOf({ ...filled, id: 1000 }).id).toBeDefined();
  expect(errorsOf({ ...filled, title: 'my brains' }).title).toBeDefined();
  expect(errorsOf({ ...filled, labels: ['background', 'x', 'x'] }).labels).toContain('called x');
  expect(errorsOf({ ...filled, labels: ['background', 'x', ' '] }).labels).toBe('Name label 2.');
  expect(errorsOf({ ...filled, labels: ['background', 'x', 'background'] }).labels).toContain(
    'called background',
  );
  expect(errorsOf(filled, valuesOf(0)).labels).toContain('nothing to learn');
  expect(errorsOf(filled, valuesOf(0, 1, 3)).labels).toContain('no label map holds 2');
  expect(errorsOf(filled, valuesOf(0, 0.5, 1)).labels).toContain('0.5 is no label');
});
