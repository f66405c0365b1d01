// JPEG frames of DICOM, and what is said where a decoder itself is not there.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, test } from 'vitest';
import { provideCodecBinaries } from '@/core/io/jpegCodecs';
import { readAsStored } from '@/core/io/readers';
import { memoryFile } from '@/core/io/sourceFile';
import { StudioError } from '@/shared/errors';
import { dicomSlice } from '../../support/dicom';
import { encodedJpeg2000, encodedJpegLs } from '../../support/jpeg';

const ROWS = 20;
const COLUMNS = 30;
const values = Int16Array.from({ length: ROWS * COLUMNS }, (_, i) => 7 * i - 500);

const CODECS = [
  {
    name: 'JPEG 2000',
    transferSyntax: '1.2.840.10008.1.2.4.90',
    encode: encodedJpeg2000,
    binary: '@cornerstonejs/codec-openjpeg/decodewasm',
  },
  {
    name: 'JPEG-LS',
    transferSyntax: '1.2.840.10008.1.2.4.80',
    encode: encodedJpegLs,
    binary: '@cornerstonejs/codec-charls/decodewasm',
  },
];

describe.each(CODECS)('a frame packed as $name', ({ transferSyntax, encode, binary }) => {
  const slice = async () => {
    const pixels = ['OB', await encode(values, ROWS, COLUMNS)] as const;
    const spec = { values: [], columns: COLUMNS, rows: ROWS, transferSyntax, pixels, isEncapsulated: true };
    return memoryFile(dicomSlice(spec), 'slice.dcm');
  };

  test('is not called damaged where the decoder cannot be loaded, and is read once it can', async () => {
    provideCodecBinaries(async () => {
      throw new StudioError('PartNotLoaded', 'nnStudio could not load its own part.');
    });
    await expect(readAsStored([await slice()])).rejects.toMatchObject({ name: 'PartNotLoaded' });

    const file = createRequire(import.meta.url).resolve(binary);
    provideCodecBinaries(async () => new Uint8Array(readFileSync(file)).buffer);
    const { data } = await readAsStored([await slice()]);
    expect(data.toSorted()).toEqual(Float32Array.from(values).sort()); // axes may be turned
  });

  test('of garbage is a damaged file', async () => {
    const spec = { values: [], columns: COLUMNS, rows: ROWS, transferSyntax, isEncapsulated: true };
    const broken = dicomSlice({ ...spec, pixels: ['OB', new Uint8Array(64).fill(7)] });
    await expect(readAsStored([memoryFile(broken, 'slice.dcm')])).rejects.toMatchObject({
      name: expect.stringMatching(/^(CorruptFile|TruncatedFile)$/),
    });
  });
});
