import { describe, expect, test } from 'vitest';
import { isDict, OrderedDict, PickleTuple } from '@/core/interop/pickleValues';
import { readTorchCheckpoint, TorchDevice, TorchTensor } from '@/core/interop/torchCheckpoint';
import { PickleFloat, type SavedValue, TensorToSave, writeTorchCheckpoint } from '@/core/interop/torchWriter';
import { memoryFile } from '@/core/io/sourceFile';
import { writeZip } from '@/core/io/zipStream';
import { randomNormal } from '@/shared/random';

const named = (name: string) => expect.objectContaining({ name });
const open = (bytes: Uint8Array) => readTorchCheckpoint(memoryFile(bytes, 'checkpoint_final.pth'));
const written = (value: SavedValue) => open(writeTorchCheckpoint(value));

const text = (content: string) => new TextEncoder().encode(content);
const uint32 = (value: number) =>
  String.fromCharCode(value & 255, (value >> 8) & 255, (value >> 16) & 255, value >>> 24);
const unicode = (content: string) => `X${uint32(content.length)}${content}`;
const int = (value: number) => `J${uint32(value)}`;
const tuple = (values: readonly number[]) => `(${values.map(int).join('')}t`;

/** The pickle of one tensor over storage 0, as torch writes it. */
function tensorPickle(
  storageClass: string,
  length: number,
  offset: number,
  shape: number[],
  strides: number[],
): Uint8Array {
  const storage = `(${unicode('storage')}ctorch\n${storageClass}\n${unicode('0')}${unicode('cpu')}${int(length)}tQ`;
  const args = `(${storage}${int(offset)}${tuple(shape)}${tuple(strides)}\x89ccollections\nOrderedDict\n)Rt`;
  return Uint8Array.from(`\x80\x02ctorch._utils\n_rebuild_tensor_v2\n${args}R.`, (c) => c.charCodeAt(0));
}

function archive(pickle: Uint8Array, storage: Uint8Array, more: Record<string, string> = {}): Uint8Array {
  return writeZip([
    { path: 'any name/data.pkl', content: pickle },
    { path: 'any name/data/0', content: storage },
    ...Object.entries(more).map(([path, content]) => ({ path: `any name/${path}`, content: text(content) })),
  ]);
}

async function readSingle(bytes: Uint8Array): Promise<number[]> {
  const { root, readTensor } = await open(bytes);
  if (!(root instanceof TorchTensor)) throw new Error('no tensor');
  return [...(await readTensor(root))];
}

const float32 = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);

describe('what we write, we read', () => {
  test('plain values', async () => {
    const value = new Map<string, SavedValue>([
      ['ints', [0, 1, -1, 2 ** 31 - 1, -(2 ** 31), 2 ** 31, -(2 ** 45)]],
      ['floats', [0.1, -1e-300, Number.POSITIVE_INFINITY, new PickleFloat(1)]],
      ['text', 'ünï'],
      ['flags', [true, false, null]],
      ['tuple', new PickleTuple([0, 1])],
      ['long', 'x'.repeat(200_000)],
      ['device', new TorchDevice('cuda:0')],
    ]);
    const { root } = await written(value);
    const expected = new Map(value);
    expected.set('floats', [0.1, -1e-300, Number.POSITIVE_INFINITY, 1]);
    expect(root).toEqual(expected);
  });

  test('tensors, in order, and shared storages once', async () => {
    const data = randomNormal(24, 1);
    const tensor = new TensorToSave(data, [2, 3, 4]);
    const bytes = writeTorchCheckpoint(
      new OrderedDict<SavedValue>([
        ['a', tensor],
        ['empty', new TensorToSave(new Float32Array(0), [0, 3])],
        ['alias', new TensorToSave(data, [24])],
        ['scalar', new TensorToSave(Float32Array.of(7), [])],
      ]),
    );
    const { root, readTensor } = await open(bytes);
    expect(root).toBeInstanceOf(OrderedDict);
    if (!isDict(root)) throw new Error('no dict');
    expect([...root.keys()]).toEqual(['a', 'empty', 'alias', 'scalar']);
    const tensors = [...root.values()].filter((value) => value instanceof TorchTensor);
    expect(tensors.map(({ shape }) => shape)).toEqual([[2, 3, 4], [0, 3], [24], []]);
    expect(tensors[0].storage.key).toBe(tensors[2].storage.key);
    const values = await Promise.all(tensors.map(readTensor));
    expect(values).toEqual([data, new Float32Array(0), data, Float32Array.of(7)]);
  });

  test('a tensor whose size and shape differ is a mistake', () => {
    expect(() => writeTorchCheckpoint(new TensorToSave(new Float32Array(5), [2, 3]))).toThrow('2 × 3');
  });
});

describe('tensors of torch', () => {
  test.each([
    [
      'DoubleStorage',
      new Uint8Array(Float64Array.of(1.5, -2, 1e300).buffer),
      [1.5, -2, Number.POSITIVE_INFINITY],
    ],
    ['HalfStorage', Uint8Array.of(0, 0x3c, 0, 0xc0, 1, 0), [1, -2, 2 ** -24]],
    ['BFloat16Storage', Uint8Array.of(0x80, 0x3f, 0, 0xc0, 0x49, 0x40), [1, -2, 3.140625]],
    ['LongStorage', new Uint8Array(BigInt64Array.of(1n, -2n, 3n).buffer), [1, -2, 3]],
    ['IntStorage', new Uint8Array(Int32Array.of(1, -2, 3).buffer), [1, -2, 3]],
    ['ShortStorage', new Uint8Array(Int16Array.of(1, -2, 3).buffer), [1, -2, 3]],
    ['CharStorage', new Uint8Array(Int8Array.of(1, -2, 3).buffer), [1, -2, 3]],
    ['ByteStorage', Uint8Array.of(1, 254, 3), [1, 254, 3]],
    ['BoolStorage', Uint8Array.of(1, 0, 1), [1, 0, 1]],
  ])('%s becomes float32', async (storageClass, storage, expected) => {
    expect(await readSingle(archive(tensorPickle(storageClass, 3, 0, [3], [1]), storage))).toEqual(expected);
  });

  test('views: offset, transposed, expanded', async () => {
    const storage = float32(0, 1, 2, 3, 4, 5, 6);
    const view = (offset: number, shape: number[], strides: number[]) =>
      readSingle(archive(tensorPickle('FloatStorage', 7, offset, shape, strides), storage));
    expect(await view(1, [2, 3], [3, 1])).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await view(1, [3, 2], [1, 3])).toEqual([1, 4, 2, 5, 3, 6]);
    expect(await view(5, [2, 2], [0, 1])).toEqual([5, 6, 5, 6]);
    expect(await view(3, [], [])).toEqual([3]);
  });

  test('a big-endian file says so', async () => {
    const bytes = archive(tensorPickle('FloatStorage', 1, 0, [1], [1]), Uint8Array.of(0x3f, 0xc0, 0, 0), {
      byteorder: 'big',
    });
    expect(await readSingle(bytes)).toEqual([1.5]);
  });

  test.each([
    ['ends beyond its storage', tensorPickle('FloatStorage', 3, 1, [3], [1])],
    ['strides beyond its storage', tensorPickle('FloatStorage', 3, 0, [2], [3])],
  ])('one that %s is refused', async (_, pickle) => {
    await expect(readSingle(archive(pickle, float32(1, 2, 3)))).rejects.toThrow(named('BadCheckpoint'));
  });

  test.each([
    ['a negative size', tensorPickle('FloatStorage', 3, 0, [-3], [1])],
    ['a negative offset', tensorPickle('FloatStorage', 3, -1, [3], [1])],
    ['as many strides as sizes not', tensorPickle('FloatStorage', 3, 0, [3], [1, 1])],
    ['an impossible size', tensorPickle('FloatStorage', 3, 0, [2 ** 30, 2 ** 30], [0, 0])],
  ])('one with %s is refused', async (_, pickle) => {
    await expect(readSingle(archive(pickle, float32(1, 2, 3)))).rejects.toThrow(named('BadPickle'));
  });

  test('a storage class that torch does not have is named', async () => {
    const bytes = archive(tensorPickle('QuantumStorage', 3, 0, [3], [1]), float32(1, 2, 3));
    await expect(readSingle(bytes)).rejects.toThrow('QuantumStorage is not a storage of numbers');
  });

  test('a storage that the archive lacks is named', async () => {
    const bytes = writeZip([{ path: 'x/data.pkl', content: tensorPickle('FloatStorage', 1, 0, [1], [1]) }]);
    await expect(readSingle(bytes)).rejects.toThrow('lacks the storage 0');
  });
});

describe('the format before torch 1.6', () => {
  /** Magic number, protocol version, system info, value, keys: five pickles, then length and content per storage. */
  function legacy(value: Uint8Array, storage: Uint8Array, length: number): Uint8Array {
    const magic = [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e];
    const version = [0x80, 2, 0x4d, 0xe9, 0x03, 0x2e];
    const parts = [
      magic,
      version,
      [0x80, 2, 0x7d, 0x2e],
      [...value],
      [0x80, 2, 0x5d, ...text(unicode('0')), 0x61, 0x2e],
      [length, 0, 0, 0, 0, 0, 0, 0],
      [...storage],
    ];
    return Uint8Array.from(parts.flat());
  }

  test('is read', async () => {
    const value = tensorPickle('FloatStorage', 3, 1, [2], [1]);
    expect(await readSingle(legacy(value, float32(1, 2, 3), 3))).toEqual([2, 3]);
  });

  test('is refused where it is damaged', async () => {
    const value = tensorPickle('FloatStorage', 3, 1, [2], [1]);
    await expect(readSingle(legacy(value, float32(1, 2, 3), 4))).rejects.toThrow(named('BadCheckpoint'));
    await expect(readSingle(legacy(value, float32(1), 3))).rejects.toThrow(named('BadCheckpoint'));
  });
});

describe('files that are something else', () => {
  test.each([
    ['a zip of something', writeZip([{ path: 'a.txt', content: text('a') }])],
    ['another pickle', Uint8Array.of(0x80, 2, 0x4e, 0x2e)],
    ['text', text('version https://git-lfs.github.com/spec/v1\n')],
    ['nothing', new Uint8Array()],
  ])('%s is refused by name', async (_, bytes) => {
    await expect(open(bytes)).rejects.toThrow(named('BadCheckpoint'));
    await expect(open(bytes)).rejects.toThrow('checkpoint_final.pth');
  });

  test('a checkpoint that wants to run something is refused', async () => {
    const pickle = Uint8Array.from('\x80\x02cos\nsystem\n(X\x02\x00\x00\x00lstR.', (c) => c.charCodeAt(0));
    await expect(open(archive(pickle, new Uint8Array()))).rejects.toThrow(
      expect.objectContaining({
        name: 'DisallowedGlobal',
        message: expect.stringMatching(/checkpoint_final\.pth.*os\.system/),
      }),
    );
  });
});
