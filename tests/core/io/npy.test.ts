import { describe, expect, test } from 'vitest';
import { type NpyData, readNpy, readNpz, writeNpy, writeNpz } from '@/core/io/npy';
import { writeZip } from '@/core/io/zipStream';

/** A `.npy` file as numpy would write it, with this header dictionary and these data bytes. */
function npyFile(dictionary: string, data: Uint8Array): Uint8Array {
  const header = `${dictionary}\n`;
  const file = new Uint8Array(10 + header.length + data.length);
  file.set([0x93, ...new TextEncoder().encode('NUMPY'), 1, 0, header.length & 0xff, header.length >> 8]);
  file.set(new TextEncoder().encode(header), 10);
  file.set(data, 10 + header.length);
  return file;
}

function dictionary(descr: string, shape: string, fortran = 'False'): string {
  return `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': (${shape}), }`;
}

/** Elements written with a `DataView` setter. */
function encoded(
  bytes: number,
  values: readonly number[],
  write: (view: DataView, at: number, value: number) => void,
) {
  const view = new DataView(new ArrayBuffer(bytes * values.length));
  values.forEach((value, i) => {
    write(view, i * bytes, value);
  });
  return new Uint8Array(view.buffer);
}

describe('readNpy', () => {
  test.each([
    ['|b1', 1, [1, 0, 1], (v: DataView, at: number, x: number) => v.setUint8(at, x)],
    ['|i1', 1, [-128, 0, 127], (v: DataView, at: number, x: number) => v.setInt8(at, x)],
    ['|u1', 1, [0, 200, 255], (v: DataView, at: number, x: number) => v.setUint8(at, x)],
    ['<i2', 2, [-2, 300, 7], (v: DataView, at: number, x: number) => v.setInt16(at, x, true)],
    ['>i2', 2, [-2, 300, 7], (v: DataView, at: number, x: number) => v.setInt16(at, x)],
    ['>u2', 2, [65535, 300, 7], (v: DataView, at: number, x: number) => v.setUint16(at, x)],
    ['<u4', 4, [4294967295, 1, 2], (v: DataView, at: number, x: number) => v.setUint32(at, x, true)],
    ['>i4', 4, [-70000, 1, 2], (v: DataView, at: number, x: number) => v.setInt32(at, x)],
    ['<i8', 8, [-5, 2 ** 40, 2], (v: DataView, at: number, x: number) => v.setBigInt64(at, BigInt(x), true)],
    ['>u8', 8, [5, 2 ** 40, 2], (v: DataView, at: number, x: number) => v.setBigUint64(at, BigInt(x))],
    ['<f4', 4, [-0.5, 1.25, 2 ** 40], (v: DataView, at: number, x: number) => v.setFloat32(at, x, true)],
    ['>f8', 8, [-0.1, 1e300, 3], (v: DataView, at: number, x: number) => v.setFloat64(at, x)],
  ] as const)('%s', (descr, bytes, values, write) => {
    const array = readNpy(npyFile(dictionary(descr, '3,'), encoded(bytes, values, write)));
    expect(array.dtype).toBe(descr.slice(1));
    expect(array.shape).toEqual([3]);
    expect([...array.data]).toEqual([...values]);
  });

  test('half floats', () => {
    const bits = [0x3c00, 0xc000, 0x3555, 0x0001];
    const data = encoded(2, bits, (view, at, value) => view.setUint16(at, value, true));
    const array = readNpy(npyFile(dictionary('<f2', '2, 2'), data));
    expect(array.data).toEqual(new Float32Array([1, -2, 0.333251953125, 2 ** -24]));
  });

  test('column-major data comes out row-major', () => {
    const data = new Uint8Array([1, 4, 2, 5, 3, 6]);
    const array = readNpy(npyFile(dictionary('|u1', '2, 3', 'True'), data));
    expect([...array.data]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('a scalar has an empty shape and one value', () => {
    const array = readNpy(npyFile(dictionary('|u1', ''), new Uint8Array([9])));
    expect(array.shape).toEqual([]);
    expect([...array.data]).toEqual([9]);
  });

  test('data that are missing are counted', () => {
    expect(() => readNpy(npyFile(dictionary('<f4', '2, 2'), new Uint8Array(12)))).toThrow(
      '16 bytes of data and holds 12',
    );
  });

  test('objects, text and records are refused', () => {
    expect(() => readNpy(npyFile(dictionary('|O8', '1,'), new Uint8Array(8)))).toThrow(/plain array/);
    expect(() =>
      readNpy(npyFile("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", new Uint8Array(4))),
    ).toThrow(/plain array/);
    expect(() => readNpy(npyFile(dictionary('<c8', '1,'), new Uint8Array(8)))).toThrow(/c8/);
  });

  test('an integer beyond 2^53 is refused, not rounded', () => {
    const data = new Uint8Array(new BigInt64Array([2n ** 60n]).buffer);
    expect(() => readNpy(npyFile(dictionary('<i8', '1,'), data))).toThrow('1152921504606846976');
  });
});

const samples: NpyData[] = [
  new Int8Array([-1, 2, 3, 4, 5, 6]),
  new Uint8Array([1, 2, 3, 4, 5, 255]),
  new Int16Array([1, -2, 3, 4, 5, 6]),
  new Uint16Array([1, 2, 3, 4, 5, 65535]),
  new Int32Array([1, 2, 3, 4, 5, -6]),
  new Uint32Array([1, 2, 3, 4, 5, 6]),
  new Float32Array([0.1, 2, 3, 4, 5, Number.NaN]),
  new Float64Array([0.1, 2, 3, 4, 5, Number.POSITIVE_INFINITY]),
];

describe.each(samples.map((data) => ({ name: data.constructor.name, data })))('$name', ({ data }) => {
  test('survives writeNpy, header aligned to 64 bytes', () => {
    const file = writeNpy({ shape: [2, 3], data });
    expect((file.length - data.byteLength) % 64).toBe(0);
    expect(readNpy(file)).toMatchObject({ shape: [2, 3], data });
  });
});

describe('npz', () => {
  test('arrays survive, by name', async () => {
    const probabilities = Float32Array.from({ length: 5000 }, (_, i) => Math.sin(i));
    const file = await writeNpz({
      probabilities: { shape: [5, 10, 100], data: probabilities },
      labels: { shape: [3], data: new Uint8Array([0, 1, 2]) },
    });
    const arrays = await readNpz(file);
    expect([...arrays.keys()]).toEqual(['probabilities', 'labels']);
    expect(arrays.get('probabilities')).toEqual({ shape: [5, 10, 100], dtype: 'f4', data: probabilities });
    expect(arrays.get('labels')?.data).toEqual(new Uint8Array([0, 1, 2]));
  });

  test('an array of zeros, packed better than 1000 : 1, is no bomb', async () => {
    const data = new Uint8Array(4_000_000);
    const file = await writeNpz({ zeros: { shape: [4_000_000], data } });
    expect(data.length / file.length).toBeGreaterThan(900);
    const zeros = (await readNpz(file)).get('zeros')?.data;
    expect(zeros?.length).toBe(data.length);
    expect(zeros?.some((value) => value !== 0)).toBe(false);
  });

  test('a flipped bit is found by the checksum or by the inflater', async () => {
    const file = writeZip([
      {
        path: 'a.npy',
        content: writeNpy({ shape: [400], data: new Float32Array(400).fill(3) }),
        isCompressed: true,
      },
    ]);
    file[60] ^= 0x10;
    await expect(readNpz(file)).rejects.toMatchObject({ name: 'BadZip' });
  });

  test('an archive cut short is refused', async () => {
    const file = await writeNpz({ a: { shape: [1], data: new Uint8Array(1) } });
    await expect(readNpz(file.subarray(0, file.length - 30))).rejects.toMatchObject({ name: 'BadZip' });
    await expect(readNpz(new Uint8Array(5))).rejects.toMatchObject({ name: 'BadZip' });
  });

  test('an entry that inflates beyond its declared size is refused', async () => {
    const file = await writeNpz({ a: { shape: [100_000], data: new Uint8Array(100_000) } });
    const view = new DataView(file.buffer);
    let directory = file.length - 22;
    while (view.getUint32(directory, true) !== 0x02014b50) directory--;
    view.setUint32(directory + 24, 1000, true);
    await expect(readNpz(file)).rejects.toThrow(/more than the 1000 bytes/);
  });
});
