import { describe, expect, test } from 'vitest';
import { concatenate } from '@/core/io/compression';
import { visitNpzArray, writeNpy, writeNpz } from '@/core/io/npy';
import { memoryFile } from '@/core/io/sourceFile';
import { writeZip } from '@/core/io/zipStream';
import { randomNormal } from '@/shared/random';

/** What arrives: the shape, the values, and how many pieces they came in. */
async function visited(content: Uint8Array, name = 'probabilities') {
  let shape: readonly number[] = [];
  let pieces = 0;
  const values: number[] = [];
  const isThere = await visitNpzArray(memoryFile(content, 'case.npz'), name, (found) => {
    shape = found;
    return (some, start) => {
      expect(start).toBe(values.length);
      pieces++;
      for (const value of some) values.push(value);
    };
  });
  return { isThere, shape, values, pieces };
}

describe('an array of an .npz, as it is unpacked', () => {
  test('comes in order, in many pieces', async () => {
    const data = randomNormal(200_000, 1);
    const found = await visited(await writeNpz({ probabilities: { shape: [2, 100_000], data } }));
    expect(found.shape).toEqual([2, 100_000]);
    expect(found.values).toEqual([...data]);
    expect(found.pieces).toBeGreaterThan(5);
  });

  test('may be stored, and read in slices', async () => {
    const content = writeNpy({ shape: [7], data: Float32Array.from([1, 2, 3, 4, 5, 6, 7]) });
    const stored = writeZip([{ path: 'probabilities.npy', content }]);
    expect((await visited(stored)).values).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  test('has a header that its pieces need not be aligned to', async () => {
    const odd = "{'descr': '<f4', 'fortran_order': False, 'shape': (300000,), }\n";
    const data = randomNormal(300_000, 3);
    const head = Uint8Array.from([0x93, ...new TextEncoder().encode('NUMPY'), 1, 0, odd.length, 0]);
    const pieces = [head, new TextEncoder().encode(odd), new Uint8Array(data.buffer)];
    const found = await visited(
      writeZip([{ path: 'probabilities.npy', content: concatenate(pieces), isCompressed: true }]),
    );
    expect(found.values).toEqual([...data]);
  });

  test.each([
    ['float64', Float64Array.from([0.5, 0.25])],
    ['uint8', Uint8Array.from([1, 0])],
  ])('of %s comes at once, as float32', async (_, data) => {
    const found = await visited(await writeNpz({ probabilities: { shape: [2], data } }));
    expect(found).toMatchObject({ isThere: true, shape: [2], values: [...data], pieces: 1 });
  });

  test('of column-major order is put in rows', async () => {
    const text = "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2), }\n";
    const array = new Uint8Array(10 + text.length + 16);
    array.set([0x93, ...new TextEncoder().encode('NUMPY'), 1, 0, text.length, 0]);
    array.set(new TextEncoder().encode(text), 10);
    array.set(new Uint8Array(Float32Array.from([1, 2, 3, 4]).buffer), 10 + text.length);
    const file = writeZip([{ path: 'probabilities.npy', content: array, isCompressed: true }]);
    expect((await visited(file)).values).toEqual([1, 3, 2, 4]);
  });

  test('that is not there is not; without values it is there', async () => {
    const file = await writeNpz({ other: { shape: [0], data: new Float32Array() } });
    expect((await visited(file)).isThere).toBe(false);
    expect(await visited(file, 'other')).toMatchObject({ isThere: true, values: [] });
  });

  test('that is damaged, cut short or no array is refused', async () => {
    const good = await writeNpz({ probabilities: { shape: [5000], data: randomNormal(5000, 2) } });
    const flipped = good.slice();
    flipped[good.length >> 1] ^= 0x40;
    await expect(visited(flipped)).rejects.toMatchObject({ name: 'BadZip' });
    const short = writeZip([{ path: 'probabilities.npy', content: new Uint8Array(5), isCompressed: true }]);
    await expect(visited(short)).rejects.toMatchObject({ name: 'BadNpy' });
    const text = writeZip([
      {
        path: 'probabilities.npy',
        content: new TextEncoder().encode('this is no array at all'),
        isCompressed: true,
      },
    ]);
    await expect(visited(text)).rejects.toMatchObject({ name: 'BadNpy' });
  });
});
