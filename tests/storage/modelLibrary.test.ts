import { describe, expect, test } from 'vitest';
import { importModel } from '@/core/interop/importModel';
import { createModelLibrary, type NewModel } from '@/storage/modelLibrary';
import { modelFolderFiles } from '../support/modelFolder';
import { MemoryRecords } from './memoryRecords';

async function tinyModel(folds: readonly string[] = ['0']): Promise<NewModel> {
  const [imported] = await importModel(modelFolderFiles({ folds }));
  return { ...imported, name: 'Tiny · 3d_fullres', source: imported.origin, origin: 'imported' };
}

describe('the model library', () => {
  test('gives back the weights of each fold', async () => {
    const library = createModelLibrary(new MemoryRecords(), new MemoryRecords());
    const model = await tinyModel(['0', '1']);
    const { id } = await library.add(model);
    for (const fold of ['0', '1']) {
      const expected = await model.loadFold(fold);
      const read = await library.loadFold(id, fold);
      expect(read.size).toBe(expected.size);
      for (const [name, { data }] of expected) expect(read.get(name)?.data).toEqual(data);
    }
    await expect(library.loadFold(id, '7')).rejects.toMatchObject({ name: 'FoldMissing' });
  });

  test('replaces the same model imported again', async () => {
    const [records, chunks] = [new MemoryRecords(), new MemoryRecords()];
    const library = createModelLibrary(records, chunks);
    await library.add(await tinyModel());
    const chunkCount = chunks.values.size;
    const second = await library.add({ ...(await tinyModel()), source: 'elsewhere' });
    expect((await library.list()).map(({ id }) => id)).toEqual([second.id]);
    expect(chunks.values.size).toBe(chunkCount);
    await library.add(await tinyModel(['0', '1']));
    expect(await library.list()).toHaveLength(2);
  });

  test('a removed model is hidden, can be restored, and is gone once purged', async () => {
    const [records, chunks] = [new MemoryRecords(), new MemoryRecords()];
    const library = createModelLibrary(records, chunks);
    const { id } = await library.add(await tinyModel());
    await library.remove(id);
    expect(await library.list()).toEqual([]);
    await library.restore(id);
    await library.purge(id); // restored in between: stays
    expect(await library.list()).toHaveLength(1);
    await library.remove(id);
    await library.purge(id);
    expect(chunks.values.size + records.values.size).toBe(0);
  });

  test('leaves nothing behind when the storage is full at the second fold', async () => {
    const model = await tinyModel(['0', '1']);
    const size = [...(await model.loadFold('0')).values()].reduce(
      (sum, { data }) => sum + data.byteLength,
      0,
    );
    const [records, chunks] = [new MemoryRecords(), new MemoryRecords(1.5 * size)];
    await expect(createModelLibrary(records, chunks).add(model)).rejects.toMatchObject({
      name: 'StorageFull',
    });
    expect(chunks.values.size + records.values.size).toBe(0);
  });

  test('sweeps chunks that no record speaks of', async () => {
    const [records, chunks] = [new MemoryRecords(), new MemoryRecords()];
    const library = createModelLibrary(records, chunks);
    const { id } = await library.add(await tinyModel());
    await chunks.set('a-closed-tab/0/0', new Uint8Array(4));
    await library.sweep();
    expect(chunks.values.has('a-closed-tab/0/0')).toBe(false);
    await expect(library.loadFold(id, '0')).resolves.toBeDefined();
  });
});
