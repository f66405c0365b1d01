import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { concatenate } from '@/core/io/compression';
import { crc32 } from '@/core/io/crc32';
import { contentPieces, contentStart, gzip } from '@/core/io/gzip';
import { memoryFile, type SourceFile } from '@/core/io/sourceFile';
import { type GzipError, inflateGzip } from '@/core/io/zlib';
import { seededRandom } from '@/shared/random';

/** Compressible noise: runs and repeats of random length. */
function sampleBytes(size: number, seed: number): Uint8Array {
  const random = seededRandom(seed);
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; ) {
    const run = 1 + Math.floor(random.uniform() * 40);
    const value = Math.floor(random.uniform() ** 3 * 256);
    bytes.fill(value, i, i + run);
    i += run;
  }
  return bytes;
}

function inflated(bytes: Uint8Array): Uint8Array {
  return concatenate([...inflateGzip(bytes)]);
}

function failure(bytes: Uint8Array): GzipError {
  try {
    inflated(bytes);
  } catch (error) {
    return error as GzipError;
  }
  throw new Error('inflated without an error');
}

describe.each([
  ['stored', { level: 0 }],
  ['fixed codes', { strategy: 4 }],
  ['literals only', { strategy: 2 }],
  ['runs only', { strategy: 3 }],
  ['fast', { level: 1 }],
  ['best', { level: 9 }],
] as const)('inflateGzip, %s', (_, options) => {
  test.each([0, 1, 7, 65_537, 3_000_001])('%i bytes', (size) => {
    const content = sampleBytes(size, size);
    expect(Buffer.compare(inflated(gzipSync(content, options)), content)).toBe(0);
  });
});

describe('inflateGzip', () => {
  test('header fields: extra, name, comment, checksum', () => {
    const header = [0x1f, 0x8b, 8, 2 | 4 | 8 | 16, 0, 0, 0, 0, 0, 3];
    const fields = [3, 0, 1, 2, 3, 110, 0, 99, 0];
    const checksum = crc32(Uint8Array.from([...header, ...fields])) & 0xffff;
    const member = (sum: number) =>
      concatenate([
        Uint8Array.from([...header, ...fields, sum & 0xff, sum >> 8]),
        gzipSync('content').subarray(10),
      ]);
    expect(new TextDecoder().decode(inflated(member(checksum)))).toBe('content');
    expect(failure(member(checksum ^ 1)).kind).toBe('corrupt');
  });

  test('several members, then bytes that are no member', () => {
    const parts = [sampleBytes(100_000, 1), new Uint8Array(0), sampleBytes(50, 2)];
    const file = concatenate([...parts.map((part) => gzipSync(part)), new Uint8Array([1, 2, 3, 4])]);
    expect(Buffer.compare(inflated(file), concatenate(parts))).toBe(0);
  });

  test('every cut is found as truncation', () => {
    const file = gzipSync(sampleBytes(2000, 3));
    for (let length = 0; length < file.length; length++) {
      expect(failure(file.subarray(0, length)).kind, `${length} of ${file.length} bytes`).toBe('truncated');
    }
  });

  test('a changed byte never passes', () => {
    const file = gzipSync(sampleBytes(2000, 4));
    for (let at = 10; at < file.length; at++) {
      const changed = Uint8Array.from(file);
      changed[at] ^= 0x41;
      expect(() => inflated(changed), `byte ${at}`).toThrow();
    }
  });

  test('a match that reaches before the start is refused', () => {
    // A fixed block: one match of length 3 at distance 1, and nothing before it.
    const file = Uint8Array.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0b00000011, 0b00000010, 0, 0]);
    expect(failure(file).kind).toBe('corrupt');
  });
});

/** The content of a file with these bytes. */
async function contentOf(bytes: Uint8Array, path = 'a.nii.gz'): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of contentPieces(memoryFile(bytes, path))) pieces.push(piece);
  return concatenate(pieces);
}

describe('gzipped files', () => {
  const content = sampleBytes(300_000, 5);

  test('several members and what follows them', async () => {
    const file = concatenate([gzipSync(content), gzipSync(content), new Uint8Array([9, 9, 9, 9, 9])]);
    expect(Buffer.compare(await contentOf(file), concatenate([content, content]))).toBe(0);
  });

  test('a truncated stream names the file and how far it got', async () => {
    const file = gzipSync(content).subarray(0, 1000);
    await expect(contentOf(file, 'scans/a.nii.gz')).rejects.toMatchObject({
      name: 'TruncatedFile',
      message: expect.stringMatching(/^scans\/a\.nii\.gz is incomplete: .* after 1000 bytes/),
    });
  });

  test('a damaged stream names the file', async () => {
    const file = Uint8Array.from(gzipSync(content));
    file[file.length - 8] ^= 1;
    await expect(contentOf(file)).rejects.toMatchObject({ name: 'CorruptFile' });
  });

  test('what gzip wrote', async () => {
    expect(
      Buffer.compare(await contentOf(await gzip(content, content)), concatenate([content, content])),
    ).toBe(0);
  });
});

describe('content of a file', () => {
  test('is what is inside, gzipped or not, whatever the name', async () => {
    const content = sampleBytes(10_000_000, 6);
    expect(Buffer.compare(await contentOf(content, 'plain.gz'), content)).toBe(0);
    expect(Buffer.compare(await contentOf(gzipSync(content), 'zipped.nii'), content)).toBe(0);
  });

  test('its start is had without the rest', async () => {
    const zipped = gzipSync(sampleBytes(30_000_000, 7), { level: 0 });
    let lastByteRead = 0;
    const file: SourceFile = {
      ...memoryFile(zipped, 'a.gz'),
      slice: async (start, end) => {
        lastByteRead = Math.max(lastByteRead, end);
        return zipped.subarray(start, end);
      },
    };
    expect(await contentStart(file, 348)).toEqual(sampleBytes(348 + 40, 7).subarray(0, 348));
    expect(lastByteRead).toBeLessThan(zipped.length / 2);
    expect((await contentStart(memoryFile(gzipSync('abc'), 'b.gz'), 348)).length).toBe(3);
  });
});
