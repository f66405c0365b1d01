import { beforeAll, expect, test } from 'vitest';
import { modelDifferences } from '@/app/models/modelDifferences';
import { importModel } from '@/core/interop/importModel';
import type { ModelRecord } from '@/storage/modelLibrary';
import { modelFolderFiles } from '../../support/modelFolder';

let record: ModelRecord;

beforeAll(async () => {
  const [{ model }] = await importModel(modelFolderFiles());
  record = {
    id: 'a',
    name: 'Tiny · 3d_fullres',
    source: 'a.zip',
    model,
    origin: 'imported',
    sizeInBytes: 1,
    importedAt: new Date(2026, 0, 5, 12).getTime(),
    weights: {},
    isRemoved: false,
  };
});

test('a model whose name no other has needs no more', () => {
  expect(modelDifferences([record, { ...record, id: 'b', name: 'another' }]).size).toBe(0);
});

test('models of one name tell the trainer and the folds, where these differ', () => {
  const { model } = record;
  const two = {
    ...record,
    id: 'b',
    model: { ...model, folds: [model.folds[0], { ...model.folds[0], fold: '1' }] },
  };
  expect([...modelDifferences([record, two])]).toEqual([
    ['a', 'fold 0'],
    ['b', 'folds 0, 1'],
  ]);
  const trained = { ...two, id: 'c', model: { ...two.model, trainerName: 'nnUNetTrainer_50epochs' } };
  expect(modelDifferences([record, two, trained]).get('c')).toBe('nnUNetTrainer_50epochs, folds 0, 1');
});

test('models that are alike in all else tell when they came, and at last from where', () => {
  const later = { ...record, id: 'b', importedAt: new Date(2026, 0, 6, 12).getTime() };
  expect(modelDifferences([record, later]).get('b')).toBe(new Date(later.importedAt).toLocaleDateString());
  const elsewhere = { ...record, id: 'b', source: 'b.zip' };
  expect(modelDifferences([record, elsewhere]).get('b')).toBe('from b.zip');
});
