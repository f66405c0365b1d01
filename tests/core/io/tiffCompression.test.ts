import { deflateSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { memoryFile } from '@/core/io/sourceFile';
import { decodeTiff } from '@/core/io/tiff';
import { storedByZstd, type TiffSpec, tiffFile } from '../../support/tiff';

const SHAPE = [3, 8, 10] as const;
/** Three pages alike. */
const VALUES = Array.from({ length: 240 }, (_, i) => ((i % 20) ** 2 % 97) + 300);
/** A page, packed by `zstd -19`: its frame does not say how long it is. */
const PAGE_BY_ZSTD = 'KLUv/QRodQEAgkIJEsBrDDtvYrv3dyT3h4iU/PdpBLPNb3VZb6PHu3udPpPFYXCOAQEAqCtVZT0tzgg=';

function decode(spec: Partial<TiffSpec>) {
  return decodeTiff(memoryFile(tiffFile({ shape: SHAPE, values: VALUES, ...spec }), 'p.tif'));
}

describe('strips are unpacked', () => {
  test.each<[string, Partial<TiffSpec>]>([
    ['Zstandard, its length untold', { compression: 50000, pack: () => Buffer.from(PAGE_BY_ZSTD, 'base64') }],
    ['Zstandard, the last strip shorter', { compression: 50000, pack: storedByZstd, strips: 3 }],
    [
      'Zstandard, in one strip of as many rows as there may be',
      { compression: 50000, pack: storedByZstd, rowsPerStrip: 0xffffffff },
    ],
    ['Deflate', { compression: 8, pack: (strip) => deflateSync(strip), strips: 3 }],
    ['Deflate by its older number', { compression: 32946, pack: (strip) => deflateSync(strip) }],
    ['none', { compression: 1 }],
  ])('%s', async (_, spec) => {
    const { shape, data } = await decode(spec);
    expect(shape).toEqual(SHAPE);
    expect([...data]).toEqual(VALUES);
  });
});

test.each([
  ['damaged', (strip: Uint8Array) => storedByZstd(strip).subarray(0, 40)],
  ['longer than the strip', (strip: Uint8Array) => storedByZstd(Uint8Array.from([...strip, 1, 2]))],
  ['not Zstandard', (strip: Uint8Array) => strip],
])('a Zstandard strip that is %s is an error', async (_, pack) => {
  await expect(decode({ compression: 50000, pack })).rejects.toThrow(/p\.tif: .*Zstandard is damaged/);
});

test.each([
  [34887, 'LERC'],
  [50001, 'WebP'],
  [4, 'CCITT Group 4'],
  [34712, 'JPEG 2000'],
  [12345, 'compression 12345'],
])('what is not read is named, with what to do: %i', async (compression, name) => {
  await expect(decode({ compression })).rejects.toThrow(
    new RegExp(`p\\.tif: its pixels are packed by ${name}.* is not read\\. Save it again with LZW`),
  );
});
