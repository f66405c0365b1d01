import { describe, expect, test } from 'vitest';
import type { StateDict } from '@/core/interop/model';
import { randomNormal } from '@/shared/random';
import { CHUNK_BYTES } from '@/storage/hashedChunks';
import { readWeights, writeWeights } from '@/storage/weightChunks';
import { MemoryRecords } from './memoryRecords';

function stateDictOf(sizes: readonly number[]): StateDict {
  return new Map(
    sizes.map((size, i) => [`layer${i}.weight`, { shape: [size], data: randomNormal(size, i + 1) }]),
  );
}

const CHUNK_FLOATS = CHUNK_BYTES / 4;

describe.each([
  { what: 'a few small tensors', sizes: [3, 1, 7] },
  { what: 'exactly one chunk', sizes: [CHUNK_FLOATS] },
  { what: 'tensors across a chunk border', sizes: [CHUNK_FLOATS - 2, 5, 2] },
  { what: 'a tensor of more than two chunks', sizes: [1, 2 * CHUNK_FLOATS + 1, 4] },
])('weights in chunks: $what', ({ sizes }) => {
  test('come back as they were', async () => {
    const chunks = new MemoryRecords();
    const stateDict = stateDictOf(sizes);
    const manifest = await writeWeights(chunks, 'model/0', stateDict, 'model');
    expect(manifest.chunks.every(({ sizeInBytes }) => sizeInBytes <= CHUNK_BYTES)).toBe(true);
    expect(manifest.chunks.length).toBe(Math.ceil(manifest.sizeInBytes / CHUNK_BYTES));
    const read = await readWeights(chunks, manifest, 'model');
    expect([...read.keys()]).toEqual([...stateDict.keys()]);
    for (const [name, { shape, data }] of stateDict) {
      expect(read.get(name)?.shape).toEqual(shape);
      expect(
        Buffer.compare(
          Buffer.from(read.get(name)?.data.slice().buffer ?? new ArrayBuffer(0)),
          Buffer.from(data.buffer),
        ),
      ).toBe(0);
    }
  });
});

test('a changed byte is noticed', async () => {
  const chunks = new MemoryRecords();
  const manifest = await writeWeights(chunks, 'model/0', stateDictOf([10]), 'model X');
  const [{ key }] = manifest.chunks;
  const bytes = await chunks.get<Uint8Array>(key);
  if (bytes) bytes[5] ^= 1;
  await chunks.set(key, bytes);
  await expect(readWeights(chunks, manifest, 'model X')).rejects.toThrow(
    /model X: the stored weights are incomplete or damaged/,
  );
});

test('a missing chunk is noticed', async () => {
  const chunks = new MemoryRecords();
  const manifest = await writeWeights(chunks, 'model/0', stateDictOf([10]), 'model X');
  await chunks.remove([manifest.chunks[0].key]);
  await expect(readWeights(chunks, manifest, 'model X')).rejects.toMatchObject({ name: 'WeightsDamaged' });
});

test('when the storage is full nothing stays, and the message says what to do', async () => {
  const chunks = new MemoryRecords(1.5 * CHUNK_BYTES);
  const writing = writeWeights(chunks, 'model/0', stateDictOf([2 * CHUNK_FLOATS]), 'model X');
  await expect(writing).rejects.toMatchObject({ name: 'StorageFull' });
  await expect(writing).rejects.toThrow(/no room for model X \(33\.6 MB\).*Remove datasets, models/);
  expect(await chunks.keys()).toEqual([]);
});
