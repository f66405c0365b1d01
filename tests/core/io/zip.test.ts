import { describe, expect, test } from 'vitest';
import { memoryFile, type SourceFile } from '@/core/io/sourceFile';
import { isZip, openZip, withRandomAccess } from '@/core/io/zip';
import { writeZip } from '@/core/io/zipStream';

const text = (content: string) => new TextEncoder().encode(content);
const textOf = async (file: SourceFile) => new TextDecoder().decode(await file.bytes());
const named = (name: string) => expect.objectContaining({ name });
const open = (bytes: Uint8Array) => openZip(memoryFile(bytes, 'model.zip'));

/** By Python's zipfile: a stored entry with a zip64 local header, a deflated one, and a name beyond ASCII. */
const BY_PYTHON =
  'UEsDBC0AAAAAAAAAIQCGphA2//////////8MABQAYS9zdG9yZWQudHh0AQAQAAUAAAAAAAAABQAAAAAAAABoZWxsb1BLAwQUAAAACAAAACEA8zGiDQ4AAABYAgAADgAAAGEvZGVmbGF0ZWQudHh0y0jNyclXyBglR0mqkgBQSwMEFAAACAAAG1p3XYMW3IwBAAAAAQAAAAYAAADDvC50eHR4UEsBAi0DLQAAAAAAAAAhAIamEDYFAAAABQAAAAwAAAAAAAAAAAAAAIABAAAAAGEvc3RvcmVkLnR4dFBLAQIUAxQAAAAIAAAAIQDzMaINDgAAAFgCAAAOAAAAAAAAAAAAAACAAUMAAABhL2RlZmxhdGVkLnR4dFBLAQIUAxQAAAgAABtad12DFtyMAQAAAAEAAAAGAAAAAAAAAAAAAACAAX0AAADDvC50eHRQSwUGAAAAAAMAAwCqAAAAogAAAAAA';

const END_OF_DIRECTORY = 0x06054b50;

/** An archive of stored or deflated entries, then changed byte by byte. */
function changed(bytes: Uint8Array, change: (view: DataView, directory: number) => void): Uint8Array {
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  let end = copy.length - 22;
  while (view.getUint32(end, true) !== END_OF_DIRECTORY) end--;
  change(view, view.getUint32(end + 16, true));
  return copy;
}

/** The same archive with its directory's numbers moved to zip64 records, as archives over 4 GB have them. */
function asZip64(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = bytes.length - 22;
  const directory = view.getUint32(end + 16, true);
  const nameLength = view.getUint16(directory + 28, true);
  const out = new DataView(new ArrayBuffer(bytes.length + 28 + 56 + 20));
  const all = new Uint8Array(out.buffer);
  all.set(bytes.subarray(0, directory + 46 + nameLength));
  const extra = directory + 46 + nameLength;
  out.setUint16(directory + 30, 28, true);
  out.setUint16(extra, 1, true);
  out.setUint16(extra + 2, 24, true);
  for (const [i, field] of [24, 20, 42].entries()) {
    out.setBigUint64(extra + 4 + 8 * i, BigInt(view.getUint32(directory + field, true)), true);
    out.setUint32(directory + field, 0xffffffff, true);
  }
  const zip64End = extra + 28;
  out.setUint32(zip64End, 0x06064b50, true);
  out.setBigUint64(zip64End + 40, BigInt(zip64End - directory), true);
  out.setBigUint64(zip64End + 48, BigInt(directory), true);
  out.setUint32(zip64End + 56, 0x07064b50, true);
  out.setBigUint64(zip64End + 64, BigInt(zip64End), true);
  all.set(bytes.subarray(end), zip64End + 76);
  out.setUint32(zip64End + 76 + 12, 0xffffffff, true);
  out.setUint32(zip64End + 76 + 16, 0xffffffff, true);
  return all;
}

describe('openZip', () => {
  test('reads what Python writes', async () => {
    const entries = await open(new Uint8Array(Buffer.from(BY_PYTHON, 'base64')));
    expect(entries.map(({ path, sizeInBytes, isCompressed }) => [path, sizeInBytes, isCompressed])).toEqual([
      ['a/stored.txt', 5, false],
      ['a/deflated.txt', 600, true],
      ['ü.txt', 1, false],
    ]);
    expect(await Promise.all(entries.map(textOf))).toEqual(['hello', 'hello '.repeat(100), 'x']);
    const slices = await Promise.all(entries.map((entry) => entry.slice(1, 4)));
    expect(slices.map((slice) => new TextDecoder().decode(slice))).toEqual(['ell', 'ell', '']);
  });

  test.each([false, true])('reads zip64 records (compressed: %s)', async (isCompressed) => {
    const [entry] = await open(asZip64(writeZip([{ path: 'a.txt', content: text('hello'), isCompressed }])));
    expect(entry.path).toBe('a.txt');
    expect(await textOf(entry)).toBe('hello');
  });

  test('reads no more of a large archive than it must', async () => {
    const content = new Uint8Array(3_000_000);
    const whole = writeZip(['first', 'second', 'third'].map((path) => ({ path, content })));
    let bytesRead = 0;
    const file: SourceFile = {
      ...memoryFile(whole, 'large.zip'),
      bytes: () => Promise.reject(new Error('read whole')),
      slice: async (start, end) => {
        bytesRead += end - start;
        return whole.subarray(start, end);
      },
    };
    const entries = await openZip(file);
    await entries[1].slice(0, 1000);
    expect(bytesRead).toBeLessThan(70_000);
  });

  test('folders are left out, backslashes are slashes', async () => {
    const zip = writeZip([
      { path: 'model/', content: text('') },
      { path: 'model\\fold_0\\a.txt', content: text('a') },
    ]);
    expect((await open(zip)).map(({ path }) => path)).toEqual(['model/fold_0/a.txt']);
  });

  test.each([
    '../evil.txt',
    'a/../../evil.txt',
    '/etc/passwd',
    'C:/evil.txt',
    'c:evil.txt',
    '..\\evil.txt',
    'a\0b',
  ])('refuses the path %j', async (path) => {
    await expect(open(writeZip([{ path, content: text('x') }]))).rejects.toThrow(named('UnsafeZip'));
  });

  test('a name that merely contains two dots is fine', async () => {
    expect(await open(writeZip([{ path: 'a..b/..c', content: text('x') }]))).toHaveLength(1);
  });

  test('refuses a bomb by what it claims', async () => {
    const bomb = writeZip([{ path: 'zeros', content: new Uint8Array(5_000_000), isCompressed: true }]);
    await expect(open(bomb)).rejects.toThrow(named('UnsafeZip'));
  });

  test('refuses entries that together claim more than the limit', async () => {
    const content = new Uint8Array(100);
    const sources = Array.from({ length: 30 }, (_, i) => ({ path: `${i}`, content }));
    const huge = changed(writeZip(sources), (view, directory) => {
      // 30 records of 4 GB each.
      for (
        let at = directory;
        view.getUint32(at, true) === 0x02014b50;
        at += 46 + view.getUint16(at + 28, true)
      ) {
        view.setUint32(at + 20, 0xfffffff0, true);
        view.setUint32(at + 24, 0xfffffff0, true);
      }
    });
    await expect(open(huge)).rejects.toThrow(named('UnsafeZip'));
  });

  test('stops inflating where more comes out than was claimed', async () => {
    const honest = writeZip([{ path: 'zeros', content: new Uint8Array(1_000_000), isCompressed: true }]);
    const lying = changed(honest, (view, directory) => view.setUint32(directory + 24, 1000, true));
    const [entry] = await open(lying);
    await expect(entry.bytes()).rejects.toThrow(named('BadZip'));
  });

  test('names a damaged entry', async () => {
    const content = Uint8Array.from({ length: 1000 }, (_, i) => i % 7);
    for (const isCompressed of [false, true]) {
      const damaged = writeZip([{ path: 'weights', content, isCompressed }]);
      damaged[30 + 'weights'.length + 4] ^= 0xff;
      const [entry] = await open(damaged);
      await expect(entry.bytes()).rejects.toThrow(/model\.zip: weights/);
    }
  });

  test('refuses an archive cut short anywhere', async () => {
    const whole = writeZip([{ path: 'a', content: text('hello') }]);
    for (let length = 0; length < whole.length; length++) {
      await expect(open(whole.subarray(0, length))).rejects.toThrow(named('BadZip'));
    }
  });

  test('names encryption and unknown methods', async () => {
    const zip = writeZip([{ path: 'secret', content: text('x') }]);
    const encrypted = changed(zip, (view, directory) => view.setUint16(directory + 8, 1, true));
    const lzma = changed(zip, (view, directory) => view.setUint16(directory + 10, 14, true));
    await expect(open(encrypted).then(([entry]) => entry.bytes())).rejects.toThrow('secret is encrypted');
    await expect(open(lzma).then(([entry]) => entry.bytes())).rejects.toThrow('secret is packed with LZMA');
  });
});

test('withRandomAccess keeps a compressed entry in memory', async () => {
  const [entry] = await open(
    writeZip([{ path: 'a', content: text('hello'.repeat(50)), isCompressed: true }]),
  );
  const held = await withRandomAccess(entry);
  expect(await held.slice(0, 5)).toEqual(text('hello'));
  expect(held.path).toBe('a');
});

test('isZip looks at the content, not the name', async () => {
  expect(await isZip(memoryFile(writeZip([{ path: 'a', content: text('b') }]), 'a.pth'))).toBe(true);
  expect(await isZip(memoryFile(text('PK? no, this is a text of some length'), 'a.zip'))).toBe(false);
  expect(await isZip(memoryFile(text('PK'), 'a.zip'))).toBe(false);
});

describe('archives as people’s tools make them', () => {
  const before = text('#!/bin/sh\nexit\n');
  const behind = (bytes: Uint8Array) => new Uint8Array([...before, ...bytes]);
  const zip = () =>
    writeZip([
      { path: 'a', content: text('hello') },
      { path: 'b', content: text('world'), isCompressed: true },
    ]);
  const contents = async (bytes: Uint8Array) => Promise.all((await open(bytes)).map(textOf));

  test('bytes before the archive, not counted in its offsets', async () => {
    expect(await contents(behind(zip()))).toEqual(['hello', 'world']);
    expect(
      await textOf((await open(behind(asZip64(writeZip([{ path: 'a', content: text('hi') }])))))[0]),
    ).toBe('hi');
  });

  test('bytes before the archive, counted in its offsets', async () => {
    const whole = behind(zip());
    const view = new DataView(whole.buffer);
    const end = whole.length - 22;
    const directory = view.getUint32(end + 16, true) + before.length;
    view.setUint32(end + 16, directory, true);
    for (let at = directory; at < end; at += 46 + view.getUint16(at + 28, true)) {
      view.setUint32(at + 42, view.getUint32(at + 42, true) + before.length, true);
    }
    expect(await contents(whole)).toEqual(['hello', 'world']);
  });

  test('known by name and end where it does not begin like one', async () => {
    expect(await isZip(memoryFile(behind(zip()), 'model.zip'))).toBe(true);
    expect(await isZip(memoryFile(behind(text('no archive, long enough to hold one')), 'model.zip'))).toBe(
      false,
    );
  });

  test('a beginning that is missing', async () => {
    await expect(open(zip().subarray(3))).rejects.toThrow('beginning');
  });

  test('a part of several is told as that', async () => {
    const part = zip();
    new DataView(part.buffer).setUint16(part.length - 22 + 4, 2, true);
    await expect(open(part)).rejects.toThrow(/in 3 parts/);
  });

  test.each([
    ['UTF-8 that does not say so', [0xc3, 0xbc], 'ü'],
    ['code page 437', [0x81, 0xe1], 'üß'],
  ])('names in %s', async (_, bytes, name) => {
    const marked = writeZip([{ path: 'x'.repeat(bytes.length), content: text('hello') }]);
    const view = new DataView(marked.buffer);
    const directory = view.getUint32(marked.length - 22 + 16, true);
    for (const [at, flags] of [
      [30, 6],
      [directory + 46, directory + 8],
    ]) {
      marked.set(bytes, at);
      view.setUint16(flags, 0, true);
    }
    expect((await open(marked))[0].path).toBe(name);
  });
});
