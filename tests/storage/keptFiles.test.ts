import { expect, test } from 'vitest';
import { memoryFile } from '@/core/io/sourceFile';
import { keepFile, openKeptFile } from '@/storage/keptFiles';
import { MemoryRecords } from './memoryRecords';

const content = Uint8Array.from({ length: 1000 }, (_, i) => (i * 31) % 256);

test('any part of a kept file is read from its chunks', async () => {
  const chunks = new MemoryRecords();
  const kept = await keepFile(chunks, 'm/0', memoryFile(content, 'a/b.bin'), 64);
  expect(chunks.values.size).toBe(16);
  const file = openKeptFile(chunks, kept, 'the model');
  expect(file).toMatchObject({ path: 'a/b.bin', sizeInBytes: 1000 });
  expect(await file.bytes()).toEqual(content);
  for (const [start, end] of [
    [0, 1],
    [0, 64],
    [63, 65],
    [64, 128],
    [10, 700],
    [990, 2000],
    [1000, 1001],
    [5, 5],
  ]) {
    expect(await file.slice(start, end), `${start}…${end}`).toEqual(content.subarray(start, end));
  }
});

test('an empty file is kept too', async () => {
  const chunks = new MemoryRecords();
  const kept = await keepFile(chunks, 'm/0', memoryFile(new Uint8Array(), 'empty'));
  const file = openKeptFile(chunks, kept, 'the model');
  expect(file.sizeInBytes).toBe(0);
  expect(await file.bytes()).toEqual(new Uint8Array());
});

test('nothing stays where the storage is full', async () => {
  const chunks = new MemoryRecords(500);
  await expect(keepFile(chunks, 'm/0', memoryFile(content, 'a'), 64)).rejects.toThrow('full');
  expect(chunks.values.size).toBe(0);
});
