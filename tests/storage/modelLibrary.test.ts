import { describe, expect, test } from 'vitest';
import { importModel } from '@/core/interop/importModel';
import { memoryFile } from '@/core/io/sourceFile';
import { createModelLibrary, type NewModel } from '@/storage/modelLibrary';
import { writeWeights } from '@/storage/weightChunks';
import { modelFolderFiles } from '../support/modelFolder';
import { MemoryRecords } from './memoryRecords';

async function tinyModel(folds: readonly string[] = ['0']): Promise<NewModel> {
  const [imported] = await importModel(modelFolderFiles({ folds }));
  return { ...imported, name: 'Tiny · 3d_fullres', source: imported.origin, origin: 'imported' };
}

/** A record as it was before files were kept. */
async function addWeightsOnly(records: MemoryRecords, chunks: MemoryRecords, model: NewModel): Promise<void> {
  const weights = { '0': await writeWeights(chunks, 'old/0', await model.loadFold('0'), 'old') };
  const { name, source, origin } = model;
  const { sizeInBytes } = weights['0'];
  const record = { name, source, origin, model: model.model, id: 'old', sizeInBytes, weights };
  await records.set('old', { ...record, importedAt: 1, isRemoved: false });
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

  test('a name that a person gave stays, also when the same model is imported again', async () => {
    const [records, chunks] = [new MemoryRecords(), new MemoryRecords()];
    const library = createModelLibrary(records, chunks);
    const { id } = await library.add(await tinyModel());
    await library.rename(id, 'Liver, hospital A');
    expect(await createModelLibrary(records, chunks).list()).toMatchObject([{ name: 'Liver, hospital A' }]);
    const again = await library.add({ ...(await tinyModel()), source: 'elsewhere' });
    expect(await library.list()).toEqual([again]);
    expect(again).toMatchObject({ name: 'Liver, hospital A', isRenamed: true });
    expect(await library.add(await tinyModel(['0', '1']))).toMatchObject({ name: 'Tiny · 3d_fullres' });
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
    const size = model.files.reduce((sum, { sizeInBytes }) => sum + sizeInBytes, 0);
    const [records, chunks] = [new MemoryRecords(), new MemoryRecords(0.7 * size)];
    await expect(createModelLibrary(records, chunks).add(model)).rejects.toMatchObject({
      name: 'StorageFull',
    });
    expect(chunks.values.size + records.values.size).toBe(0);
  });

  test('keeps the files of the model folder as they were', async () => {
    const library = createModelLibrary(new MemoryRecords(), new MemoryRecords());
    const originals = new Map(
      modelFolderFiles({ folds: ['0', '1'] }).map((file) => [file.path.split('/').slice(1).join('/'), file]),
    );
    const { id } = await library.add(await tinyModel(['0', '1']));
    const kept = await library.files(id);
    expect(kept.map(({ path }) => path).sort()).toEqual([...originals.keys()].sort());
    for (const file of kept) {
      const original = originals.get(file.path);
      expect(file.sizeInBytes).toBe(original?.sizeInBytes);
      expect(Buffer.from(await file.bytes()).equals(Buffer.from((await original?.bytes()) ?? []))).toBe(true);
    }
  });

  test('a model of before files were kept still loads, and gives way when it is imported again', async () => {
    const [records, chunks] = [new MemoryRecords(), new MemoryRecords()];
    const library = createModelLibrary(records, chunks);
    const model = await tinyModel();
    await addWeightsOnly(records, chunks, model);
    expect(await library.files('old')).toEqual([]);
    expect(await library.loadFold('old', '0')).toEqual(await model.loadFold('0'));

    const { id } = await library.add(model);
    expect((await library.list()).map((record) => record.id)).toEqual([id]);
    expect([...chunks.values.keys()].some((key) => key.startsWith('old/'))).toBe(false);
  });

  test('of a damaged or missing chunk it says which file is lost', async () => {
    const [records, chunks] = [new MemoryRecords(), new MemoryRecords()];
    const library = createModelLibrary(records, chunks);
    const { id, files = [] } = await library.add(await tinyModel());
    const checkpoint = files.find(({ path }) => path.endsWith('.pth'));
    const [{ key }] = checkpoint?.chunks ?? [];
    const content = await chunks.get<Uint8Array>(key);
    await chunks.set(
      key,
      content?.map((byte, i) => (i === 1000 ? byte ^ 1 : byte)),
    );
    const expected = {
      name: 'ModelDamaged',
      message: expect.stringContaining('fold_0/checkpoint_final.pth'),
    };
    await expect(library.loadFold(id, '0')).rejects.toMatchObject(expected);
    await chunks.remove([key]);
    await expect(library.loadFold(id, '0')).rejects.toMatchObject(expected);
  });

  test('a checkpoint that is damaged on its way in is not kept', async () => {
    const files = modelFolderFiles({ folds: ['0', '1'] });
    const second = files.find(({ path }) => path.endsWith('fold_1/checkpoint_final.pth'));
    const content = new Uint8Array((await second?.bytes()) ?? []);
    content[content.length >> 1] ^= 1;
    const damaged = files.map((file) => (file === second ? memoryFile(content, file.path) : file));
    const [imported] = await importModel(damaged);
    const [records, chunks] = [new MemoryRecords(), new MemoryRecords()];
    const adding = createModelLibrary(records, chunks).add({
      ...imported,
      name: 'Tiny',
      source: imported.origin,
      origin: 'imported',
    });
    await expect(adding).rejects.toMatchObject({ name: 'BadZip' });
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
