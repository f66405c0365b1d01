import { setImmediate } from 'node:timers/promises';
import v8 from 'node:v8';
import vm from 'node:vm';
import { describe, expect, test } from 'vitest';
import { openB2nd } from '@/core/io/blosc2/b2nd';
import { unpackLz4 } from '@/core/io/blosc2/lz4';
import { writeB2nd } from '@/core/io/blosc2/writeB2nd';
import { memoryFile, type SourceFile } from '@/core/io/sourceFile';
import { elementCount } from '@/shared/geometry';
import { integerBelow, keyedRandom } from '@/shared/random';
import { type B2ndFixture, b2ndFixture, b2ndFixtures } from '../../../support/b2ndFiles';

const fixtures = b2ndFixtures();

/** The box of row-major `values`. */
function boxOf({ values, shape }: B2ndFixture, start: readonly number[], size: readonly number[]): number[] {
  return Array.from({ length: elementCount(size) }, (_, i) => {
    let rest = i;
    let flat = 0;
    let stride = 1;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      flat += ((rest % size[axis]) + start[axis]) * stride;
      rest = Math.floor(rest / size[axis]);
      stride *= shape[axis];
    }
    return values[flat];
  });
}

async function readWhole(file: SourceFile) {
  const array = await openB2nd(file);
  return { array, data: await array.readAll() };
}

function patched(name: string, at: number, byte: number): Promise<SourceFile> {
  return b2ndFixture(name)
    .bytes()
    .then((bytes) => {
      const copy = bytes.slice();
      copy[at] = byte;
      return memoryFile(copy, name);
    });
}

const LZ4 = 'f4_lz4_shuffle_split.b2nd';
/** Of the first chunk in that file, as its header tells. */
const FIRST_CHUNK = 0xcb;

describe.each(fixtures)('$name', (fixture) => {
  test('is read as it was written', async () => {
    const { array, data } = await readWhole(fixture.file);
    expect(array).toMatchObject({ shape: fixture.shape, dtype: fixture.dtype });
    expect(Array.from(data)).toEqual(fixture.values);
  });

  test('gives boxes that are slices of the whole', async () => {
    const array = await openB2nd(fixture.file);
    const random = keyedRandom(1, fixture.values.length);
    for (let i = 0; i < 20; i++) {
      const start = fixture.shape.map((size) => integerBelow(random, size));
      const size = fixture.shape.map((length, axis) => 1 + integerBelow(random, length - start[axis]));
      expect(Array.from(await array.readBox(start, size))).toEqual(boxOf(fixture, start, size));
    }
  });
});

test('a box reads the chunks that it lies in and no others', async () => {
  const file = b2ndFixture('f4_stored.b2nd');
  const reads: [number, number][] = [];
  const array = await openB2nd({
    ...file,
    slice: (start, end) => {
      reads.push([start, end]);
      return file.slice(start, end);
    },
  });
  reads.length = 0;
  await array.readBox([1, 4, 8, 0], [1, 1, 3, 9]);
  const bytes = reads.reduce((sum, [start, end]) => sum + end - start, 0);
  // One of its eight chunks, and the first bytes of that once more.
  expect(bytes).toBeLessThan(2 * (file.sizeInBytes / 8));
});

test('an open array keeps none of the blocks that were read', async () => {
  v8.setFlagsFromString('--expose-gc');
  const collectGarbage: () => void = vm.runInNewContext('gc');
  const shape = [1, 128, 256, 256];
  const file = memoryFile(writeB2nd({ shape, data: new Uint8Array(elementCount(shape)) }), 'case.b2nd');
  const array = await openB2nd(file);
  collectGarbage();
  const before = process.memoryUsage().arrayBuffers;
  for (let chunk = 0; chunk < 32; chunk++) {
    const start = [0, 64 * (chunk >> 4), 64 * ((chunk >> 2) & 3), 64 * (chunk & 3)];
    await array.readBox(start, [1, 2, 2, 2]);
  }
  // A block of each of its 32 chunks would be a megabyte. Memory of arrays is given back some time after a collection.
  const grownBy = () => process.memoryUsage().arrayBuffers - before;
  for (let round = 0; round < 100 && grownBy() >= 300_000; round++) {
    collectGarbage();
    await setImmediate();
  }
  expect(grownBy()).toBeLessThan(300_000);
  expect(array.shape).toEqual(shape);
});

describe('what is not read here is said', () => {
  test.each<[string, Promise<SourceFile> | SourceFile, RegExp]>([
    ['a dictionary', b2ndFixture('i2_zstd_dictionary.b2nd'), /compressed with a dictionary/],
    ['a sparse frame', patched(LZ4, 0x1a, 1), /sparse frame/],
    ['chunks of different lengths', patched(LZ4, 0x19, 0x52), /chunks of different lengths/],
    ['blocks of different lengths', patched(LZ4, FIRST_CHUNK + 30, 1), /blocks of different lengths/],
    ["a plugin's filter", patched(LZ4, FIRST_CHUNK + 16, 35), /filter of Blosc2's plugins \(35\)/],
    ["a plugin's codec", patched(LZ4, FIRST_CHUNK + 2, 0xc5), /codec of Blosc2's plugins \(6\)/],
    ['lazy chunks', patched(LZ4, FIRST_CHUNK + 31, 8), /lazy chunks/],
    ['a later version', patched(LZ4, FIRST_CHUNK, 7), /later version \(7\)/],
  ])('%s', async (_, file, message) => {
    await expect(readWhole(await file)).rejects.toMatchObject({
      name: 'UnsupportedB2nd',
      message: expect.stringMatching(message),
    });
  });
});

describe('damaged files', () => {
  test.each(fixtures)('$name, cut off anywhere', async ({ file, name }) => {
    const bytes = await file.bytes();
    const step = Math.ceil(bytes.length / 40);
    for (let length = 0; length < bytes.length; length += step) {
      const cut = readWhole(memoryFile(bytes.subarray(0, length), name));
      await expect(cut).rejects.toMatchObject({
        name: 'BadB2nd',
        message: expect.stringMatching(new RegExp(`^${name} (is no|is cut off|ends within)`)),
      });
    }
  });

  test.each(fixtures)('$name, with bytes changed, is read to its length or refused', async (fixture) => {
    const bytes = await fixture.file.bytes();
    const random = keyedRandom(2, bytes.length);
    let refused = 0;
    for (let i = 0; i < 60; i++) {
      const copy = bytes.slice();
      // Half of the changes hit the headers of frame and first chunk.
      const reach = i % 2 === 0 ? Math.min(300, bytes.length) : bytes.length;
      for (let change = 0; change <= i % 4; change++)
        copy[integerBelow(random, reach)] = integerBelow(random, 256);
      try {
        const { array, data } = await readWhole(memoryFile(copy, fixture.name));
        expect(data.length).toBe(elementCount(array.shape));
      } catch (error) {
        refused++;
        expect(error).toMatchObject({ name: expect.stringMatching(/^(BadB2nd|UnsupportedB2nd)$/) });
        expect(String(error)).toContain(fixture.name);
      }
    }
    expect(refused).toBeGreaterThan(0);
  });
});

describe('LZ4', () => {
  test('matches reach into the end of a dictionary and on into the block', () => {
    const dictionary = new TextEncoder().encode('unused, then abc');
    const target = new Uint8Array(12);
    // No literals, a match of 8 that starts 3 back; then 4 literals.
    unpackLz4(Uint8Array.of(0x04, 3, 0, 0x40, 100, 101, 102, 103), target, dictionary);
    expect(new TextDecoder().decode(target)).toBe('abcabcabdefg');
  });

  test.each([
    ['a match before the start', [0x04, 3, 0, 0x40, 1, 2, 3, 4]],
    ['no distance', [0x14, 1, 0, 0, 0x40, 1, 2, 3, 4]],
    ['too much', [0x1f, 1, 1, 0, 255, 255, 0]],
    ['too little', [0x10, 1]],
    ['literals beyond the end', [0xf0, 200, 1]],
  ])('%s is refused', (_, bytes) => {
    expect(() => unpackLz4(Uint8Array.from(bytes), new Uint8Array(12))).toThrow('LZ4 block');
  });
});
