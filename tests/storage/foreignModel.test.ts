import { expect, test } from 'vitest';
import { fileOfWeights } from '@/core/interop/foreignNetwork';
import { importModel } from '@/core/interop/importModel';
import { createModelLibrary } from '@/storage/modelLibrary';
import { jsonFile, onnxFile, THREE_CLASSES, threeClassNetwork } from '../support/onnxFiles';
import { MemoryRecords } from './memoryRecords';

test('a foreign network is kept as its file, once, and its files are a model again', async () => {
  const elu = { operator: 'Elu', inputs: ['x'], outputs: ['h'] };
  const onnx = threeClassNetwork([elu], ['batch', 1, 4, 8, 8]);
  const [imported] = await importModel([onnxFile(onnx), jsonFile(THREE_CLASSES)]);
  const chunks = new MemoryRecords();
  const library = createModelLibrary(new MemoryRecords(), chunks);
  const given = { ...imported, name: 'Three', source: imported.origin, origin: 'imported' as const };
  const record = await library.add(given);
  expect(record.weights).toEqual({});
  expect(fileOfWeights(await library.loadFold(record.id, 'all'))).toEqual(onnx);

  const [again] = await importModel(await library.files(record.id));
  expect(again.model).toEqual(imported.model);
  expect((await library.list()).map(({ model }) => model.foreignNetwork)).toEqual([
    imported.model.foreignNetwork,
  ]);
});
