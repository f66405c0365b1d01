import { expect, test } from 'vitest';
import { openB2nd } from '@/core/io/blosc2/b2nd';
import { writeB2nd } from '@/core/io/blosc2/writeB2nd';
import type { NpyData } from '@/core/io/npy';
import { memoryFile } from '@/core/io/sourceFile';
import { sha256Hex } from '@/shared/sha256';

const values = (length: number) => Array.from({ length }, (_, i) => ((i * 7919) % 1009) % 97);

test.each<[readonly number[], NpyData, string]>([
  [[70, 65, 3], Uint8Array.from(values(70 * 65 * 3)), 'u1'],
  [[1, 5, 33, 40], Int16Array.from(values(6600)), 'i2'],
  [[2, 5, 6, 7], Float32Array.from(values(420)), 'f4'],
  [[100], Float32Array.from(values(100)), 'f4'],
])('an array of %j is read back as it was', async (shape, data, dtype) => {
  const array = await openB2nd(memoryFile(writeB2nd({ shape, data }), 'case.b2nd'));
  expect(array).toMatchObject({ shape, dtype });
  expect(await array.readAll()).toEqual(data);
});

test('the bytes are those that C-Blosc2 3.3.3 was seen to read', async () => {
  const data = Uint8Array.from({ length: 40 ** 3 }, (_, i) => ((i * 7919) % 1009) % 97);
  expect(await sha256Hex(writeB2nd({ shape: [40, 40, 40], data }))).toBe(
    '4316d10e2fe3b43a0a4331a58c42b7c05ce790d29cbb62a1eb345143d109a3df',
  );
});
