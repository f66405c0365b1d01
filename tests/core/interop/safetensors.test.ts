import { describe, expect, test } from 'vitest';
import type { WeightTensor } from '@/core/interop/model';
import { openSafetensors, safetensorsPieces } from '@/core/interop/safetensors';
import { concatenate } from '@/core/io/compression';
import { memoryFile } from '@/core/io/sourceFile';
import { randomNormal } from '@/shared/random';

/** Opens a file and reads all its tensors. */
async function open(bytes: Uint8Array) {
  const { tensors, metadata, readTensor } = await openSafetensors(memoryFile(bytes, 'model.safetensors'));
  const read = new Map<string, WeightTensor>();
  for (const [name, { shape }] of tensors) read.set(name, { shape, data: await readTensor(name) });
  return { tensors: read, metadata };
}

/** A file with this header and data. */
function file(header: unknown, data: Uint8Array = new Uint8Array()): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  bytes.set(data, 8 + json.length);
  return bytes;
}

test('what is written is read', async () => {
  const tensors = new Map([
    ['a.weight', { shape: [2, 3], data: randomNormal(6, 1) }],
    ['scalar', { shape: [], data: Float32Array.of(3) }],
    ['empty', { shape: [0], data: new Float32Array() }],
  ]);
  const read = await open(concatenate(safetensorsPieces(tensors, { trainer: 'nnUNetTrainer' })));
  expect(read).toEqual({ tensors, metadata: { trainer: 'nnUNetTrainer' } });
});

test.each([
  ['F16', Uint8Array.of(0, 0x3c, 0, 0xc0), [1, -2]],
  ['BF16', Uint8Array.of(0x80, 0x3f, 0, 0xc0), [1, -2]],
  ['F64', new Uint8Array(Float64Array.of(1.5, -2).buffer), [1.5, -2]],
  ['I64', new Uint8Array(BigInt64Array.of(1n, -2n).buffer), [1, -2]],
  ['U8', Uint8Array.of(1, 254), [1, 254]],
])('%s becomes float32', async (dtype, data, expected) => {
  const { tensors } = await open(file({ x: { dtype, shape: [2], data_offsets: [0, data.length] } }, data));
  expect([...(tensors.get('x')?.data ?? [])]).toEqual(expected);
});

describe('what is wrong is named', () => {
  test.each([
    [
      'an unknown dtype',
      file({ x: { dtype: 'F4', shape: [1], data_offsets: [0, 1] } }, new Uint8Array(1)),
      'F4',
    ],
    [
      'bytes beyond the end',
      file({ x: { dtype: 'F32', shape: [2], data_offsets: [0, 8] } }, new Uint8Array(4)),
      'x',
    ],
    [
      'a shape of another size',
      file({ x: { dtype: 'F32', shape: [2], data_offsets: [0, 4] } }, new Uint8Array(4)),
      'x',
    ],
    [
      'reversed offsets',
      file({ x: { dtype: 'F32', shape: [0], data_offsets: [4, 0] } }, new Uint8Array(4)),
      'x',
    ],
    ['a header beyond the end', Uint8Array.of(255, 0, 0, 0, 0, 0, 0, 0, 123), 'header'],
    ['no header', new Uint8Array(3), 'short'],
    ['a header that is a list', file([]), 'the file as a whole'],
  ])('%s', async (_, bytes, message) => {
    await expect(open(bytes)).rejects.toThrow(expect.objectContaining({ name: 'BadSafetensors' }));
    await expect(open(bytes)).rejects.toThrow(message);
  });
});
