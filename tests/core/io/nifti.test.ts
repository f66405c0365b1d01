import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { readNiftiHeader } from '@/core/io/nifti';
import { readCase } from '@/core/io/readers';
import { memoryFile, type SourceFile } from '@/core/io/sourceFile';
import { type NiftiSpec, niftiFile, niftiPair } from '../../support/nifti';

const DIM = [4, 3, 2] as const;
const COUNT = 24;
const counting = Array.from({ length: COUNT }, (_, i) => i);

function file(spec: NiftiSpec, path = 'case_0000.nii'): SourceFile {
  return memoryFile(niftiFile(spec), path);
}

function read(spec: NiftiSpec, reader = 'SimpleITKIO') {
  return readCase([file(spec)], reader);
}

describe('voxels', () => {
  const types = [
    'uint8',
    'int8',
    'uint16',
    'int16',
    'uint32',
    'int32',
    'uint64',
    'int64',
    'float32',
    'float64',
  ] as const;
  describe.each(types)('%s', (type) => {
    test.each([
      [1, true],
      [1, false],
      [2, true],
      [2, false],
    ] as const)('NIfTI-%i, little-endian %s', async (version, littleEndian) => {
      const values = counting.map((i) => (type.startsWith('u') ? 3 * i : 3 * i - 20));
      const image = await read({ dim: DIM, type, version, littleEndian, values });
      expect(image.shape).toEqual([2, 3, 4]);
      expect([...image.data]).toEqual(values);
    });
  });

  test('more voxels than one block of conversion, gzipped', async () => {
    const values = Array.from({ length: 70 * 51 * 33 }, (_, i) => (i * 7919) % 30_011);
    const spec: NiftiSpec = { dim: [70, 51, 33], type: 'int32', values, littleEndian: false };
    const image = await readCase([memoryFile(gzipSync(niftiFile(spec)), 'a.nii.gz')], 'SimpleITKIO');
    expect(image.data).toEqual(Float32Array.from(values));
  });

  test('slope and intercept are applied in double precision', async () => {
    const values = [16_777_217, ...counting.slice(1)];
    const image = await read({
      dim: DIM,
      type: 'int32',
      values,
      slope: 0.1,
      intercept: -1000,
      sform: {
        code: 1,
        rows: [
          [1, 0, 0, 0],
          [0, 1, 0, 0],
          [0, 0, 1, 0],
        ],
      },
    });
    const slope = Math.fround(0.1);
    expect(image.data).toEqual(Float32Array.from(values, (value) => value * slope - 1000));
    expect(image.warnings).toEqual([]);
  });

  test.each([0, Number.NaN, Number.POSITIVE_INFINITY])(
    'a slope of %d means none, intercept included',
    async (slope) => {
      expect([...(await read({ dim: DIM, slope, intercept: 7 })).data]).toEqual(counting);
    },
  );

  test('scaling is applied without orientation too, as ITK 5.3 and later do', async () => {
    const scaled = { dim: DIM, slope: 2, intercept: 1 };
    expect((await read(scaled)).data[3]).toBe(7);
    expect((await read(scaled)).warnings).toEqual([]);
    expect((await read(scaled, 'NibabelIO')).warnings).toEqual([]);
  });

  test('extensions between header and voxels are skipped', async () => {
    const image = await read({ dim: DIM, extension: new Uint8Array(4 + 1024).fill(1) });
    expect([...image.data]).toEqual(counting);
  });

  test('trailing bytes are ignored', async () => {
    const bytes = niftiFile({ dim: DIM });
    const longer = new Uint8Array(bytes.length + 100);
    longer.set(bytes);
    expect([...(await readCase([memoryFile(longer, 'a.nii')], 'SimpleITKIO')).data]).toEqual(counting);
  });
});

describe('a gzip file that goes on and on', () => {
  test('is read for its voxels and left there', async () => {
    const endless = gzipSync(new Uint8Array(200_000_000), { level: 1 });
    const bytes = new Uint8Array(await new Blob([gzipSync(niftiFile({ dim: DIM })), endless]).arrayBuffer());
    expect([...(await readCase([memoryFile(bytes, 'a.nii.gz')], 'SimpleITKIO')).data]).toEqual(counting);
  });
});

describe('pairs', () => {
  test.each([1, 2] as const)('.hdr and .img, NIfTI-%i', async (version) => {
    const { hdr, img } = niftiPair({ dim: DIM, version });
    const image = await readCase([memoryFile(img, 'd/a.img'), memoryFile(hdr, 'd/a.hdr')], 'SimpleITKIO');
    expect([...image.data]).toEqual(counting);
  });

  test('gzipped', async () => {
    const { hdr, img } = niftiPair({ dim: DIM });
    const files = [memoryFile(gzipSync(hdr), 'a.hdr.gz'), memoryFile(gzipSync(img), 'a.img.gz')];
    expect([...(await readCase(files, 'SimpleITKIO')).data]).toEqual(counting);
  });

  test('a missing half is named', async () => {
    const { hdr, img } = niftiPair({ dim: DIM });
    await expect(readCase([memoryFile(hdr, 'a.hdr')], 'SimpleITKIO')).rejects.toThrow(
      /a\.hdr: the \.img file/,
    );
    await expect(readCase([memoryFile(img, 'a.img')], 'SimpleITKIO')).rejects.toThrow(
      /a\.img: the \.hdr file/,
    );
  });
});

describe('spacing', () => {
  test('array order, as stored, without sign', async () => {
    const pixdim = [-0.7, 0.8, 2.5];
    const expected = [2.5, Math.fround(0.8), Math.fround(0.7)];
    expect((await read({ dim: DIM, pixdim })).spacing).toEqual(expected);
    expect((await read({ dim: DIM, pixdim }, 'NibabelIO')).spacing).toEqual(expected);
    expect((await read({ dim: DIM, pixdim, version: 2 })).spacing).toEqual([2.5, 0.8, 0.7]);
  });

  test('a 2D image gets 999 times its larger spacing as the first', async () => {
    const image = await read({ dim: [4, 3], pixdim: [0.5, 2] });
    expect(image.shape).toEqual([1, 3, 4]);
    expect(image.spacing).toEqual([1998, 2, 0.5]);
  });

  test('one slice in a 3D file keeps its own thickness', async () => {
    expect((await read({ dim: [4, 3, 1], pixdim: [1, 1, 5] })).spacing).toEqual([5, 1, 1]);
  });

  test('metres and micrometres become mm for SimpleITK, as ITK does it; nibabel takes the numbers', async () => {
    expect((await read({ dim: DIM, pixdim: [500, 500, 1000], units: 3 })).spacing).toEqual([1, 0.5, 0.5]);
    expect((await read({ dim: DIM, pixdim: [0.5, 0.5, 1], units: 1 })).spacing).toEqual([1000, 500, 500]);
    expect((await read({ dim: DIM, pixdim: [500, 500, 1000], units: 3 }, 'NibabelIO')).spacing).toEqual([
      1000, 500, 500,
    ]);
  });

  test.each([0, Number.NaN, Number.POSITIVE_INFINITY])('%d is refused', async (bad) => {
    await expect(read({ dim: DIM, pixdim: [1, bad, 1] })).rejects.toMatchObject({
      name: 'BadSpacing',
      message: expect.stringContaining(`1 × ${bad} × 1 mm`),
    });
  });
});

describe('dimensions', () => {
  test('4D is channels for SimpleITKIO', async () => {
    const image = await read({ dim: [4, 3, 1, 2], pixdim: [1, 1, 3, 9] });
    expect(image).toMatchObject({ channels: 2, shape: [1, 3, 4], spacing: [3, 1, 1] });
    expect([...image.data]).toEqual(counting);
  });

  test('4D is refused where nnU-Net refuses it', async () => {
    for (const reader of ['NibabelIO', 'NibabelIOWithReorient', 'SimpleITKIOWithReorient']) {
      await expect(read({ dim: [4, 3, 1, 2] }, reader)).rejects.toThrow(
        /4D image \(4 × 3 × 1 × 2\).*reads 3D images only/,
      );
    }
  });

  test('trailing axes of one voxel are nothing', async () => {
    for (const reader of ['SimpleITKIO', 'NibabelIO']) {
      expect(await read({ dim: [4, 3, 2, 1, 1] }, reader)).toMatchObject({ channels: 1, shape: [2, 3, 4] });
    }
  });

  test('vectors and series of them are refused with their size', async () => {
    await expect(read({ dim: [2, 2, 2, 1, 3] })).rejects.toThrow(/5 dimensions \(2 × 2 × 2 × 1 × 3\)/);
    await expect(read({ dim: [24] })).rejects.toMatchObject({ name: 'UnsupportedShape' });
  });

  test.each([
    [[4, 0, 2], 'no voxels: its size is 4 × 0 × 2'],
    [[4, -3, 2], 'no voxels: its size is 4 × -3 × 2'],
  ])('%j is refused', async (dim, message) => {
    await expect(read({ dim })).rejects.toThrow(message);
  });

  test.each([0, 8, -1])('a rank of %i is refused', async (rank) => {
    await expect(read({ dim: DIM, rank })).rejects.toThrow(`says the image has ${rank} dimensions`);
  });
});

describe('channels', () => {
  const two = (spec: NiftiSpec) => [file({ dim: DIM }, 'p/case_0000.nii'), file(spec, 'p/case_0001.nii')];

  test('are stacked in the order given', async () => {
    const image = await readCase(two({ dim: DIM, values: counting.map((i) => 100 + i) }), 'SimpleITKIO');
    expect(image.channels).toBe(2);
    expect([...image.data]).toEqual([...counting, ...counting.map((i) => 100 + i)]);
  });

  test('of different shape are refused with both names and shapes', async () => {
    await expect(readCase(two({ dim: [4, 3, 3] }), 'SimpleITKIO')).rejects.toMatchObject({
      name: 'GeometryMismatch',
      message: expect.stringMatching(/^p\/case_0001\.nii is 4 × 3 × 3 .* but p\/case_0000\.nii is 4 × 3 × 2/),
    });
  });

  test('of different spacing are refused, of nearly the same are not', async () => {
    await expect(readCase(two({ dim: DIM, pixdim: [1, 1, 1.1] }), 'NibabelIO')).rejects.toMatchObject({
      name: 'GeometryMismatch',
    });
    expect((await readCase(two({ dim: DIM, pixdim: [1, 1, 1.000001] }), 'NibabelIO')).warnings).toEqual([]);
  });

  test('at different places are warned of', async () => {
    const sform = (x: number) => ({
      code: 1,
      rows: [
        [1, 0, 0, x],
        [0, 1, 0, 0],
        [0, 0, 1, 0],
      ],
    });
    const files = [
      file({ dim: DIM, sform: sform(0) }, 'a_0000.nii'),
      file({ dim: DIM, sform: sform(5) }, 'a_0001.nii'),
    ];
    expect((await readCase(files, 'SimpleITKIO')).warnings).toEqual([
      expect.stringMatching(
        /a_0000\.nii and a_0001\.nii differ in position: .*\(0, 0, 0\) mm.*\(5, 0, 0\) mm/,
      ),
    ]);
  });

  test('in a wrong number are refused before voxels are read', async () => {
    await expect(readCase(two({ dim: DIM }), 'SimpleITKIO', { channels: 3 })).rejects.toMatchObject({
      name: 'ChannelCount',
      message: expect.stringMatching(/case_0001\.nii: the case has 2 channels, the model takes 3/),
    });
    expect((await readCase([file({ dim: [4, 3, 1, 2] })], 'SimpleITKIO', { channels: 2 })).channels).toBe(2);
  });
});

describe('reorientation to R-A-S', () => {
  // File axes: i to the front (A), j to the feet (I), k to the left (L).
  const rows = [
    [0, 0, -3, 40],
    [2, 0, 0, -7],
    [0, -1.5, 0, 9],
  ];
  const spec: NiftiSpec = { dim: DIM, pixdim: [2, 1.5, 3], sform: { code: 1, rows } };

  test.each(['NibabelIOWithReorient', 'SimpleITKIOWithReorient'])('%s', async (reader) => {
    const image = await read(spec, reader);
    // x runs along k, backwards; y along i; z along j, backwards.
    expect(image.shape).toEqual([3, 4, 2]);
    expect(image.spacing).toEqual([1.5, 2, 3]);
    const at = (z: number, y: number, x: number) => image.data[(z * 4 + y) * 2 + x];
    const stored = (i: number, j: number, k: number) => (k * 3 + j) * 4 + i;
    for (let z = 0; z < 3; z++)
      for (let y = 0; y < 4; y++)
        for (let x = 0; x < 2; x++) expect(at(z, y, x)).toBe(stored(y, 2 - z, 1 - x));
  });

  test('an R-A-S file is left as it is', async () => {
    const sform = {
      code: 1,
      rows: [
        [1, 0, 0, 0],
        [0, 1, 0, 0],
        [0, 0, 1, 0],
      ],
    };
    const image = await read({ dim: DIM, sform }, 'NibabelIOWithReorient');
    expect([...image.data]).toEqual(counting);
    expect(image.geometry).not.toHaveProperty('reorientation');
  });

  test('a file without orientation is turned as its reader sees it: nibabel L-A-S, SimpleITK L-P-S', async () => {
    expect((await read({ dim: [2, 2, 1] }, 'NibabelIOWithReorient')).data).toEqual(
      new Float32Array([1, 0, 3, 2]),
    );
    expect((await read({ dim: [2, 2, 1] }, 'SimpleITKIOWithReorient')).data).toEqual(
      new Float32Array([3, 2, 1, 0]),
    );
  });

  test('a degenerate orientation is refused', async () => {
    const sform = {
      code: 1,
      rows: [
        [0, 0, 0, 0],
        [0, 1, 0, 0],
        [0, 0, 1, 0],
      ],
    };
    await expect(read({ dim: DIM, sform }, 'NibabelIOWithReorient')).rejects.toMatchObject({
      name: 'BadOrientation',
    });
    expect((await read({ dim: DIM, sform }, 'NibabelIO')).shape).toEqual([2, 3, 4]);
  });
});

describe('bad files', () => {
  test.each([
    ['an empty file', new Uint8Array(0), 'the file is empty'],
    [
      'a piece of a header',
      niftiFile({ dim: DIM }).subarray(0, 200),
      'ends within its header, after 200 bytes',
    ],
    ['text', new TextEncoder().encode('not an image '.repeat(100)), 'not a NIfTI file'],
    ['a wrong magic', niftiFile({ dim: DIM, magic: 'n+7' }), 'not a NIfTI file'],
    ['an Analyze header', niftiFile({ dim: DIM, magic: '\0\0\0' }), 'Analyze 7.5'],
  ])('%s', async (_, bytes, message) => {
    await expect(readCase([memoryFile(bytes, 'in/x.nii')], 'SimpleITKIO')).rejects.toMatchObject({
      name: 'BadNifti',
      message: expect.stringMatching(new RegExp(`^in/x\\.nii: .*${message}`)),
    });
  });

  test('missing voxels are counted', async () => {
    const bytes = niftiFile({ dim: DIM }).subarray(0, 352 + 40);
    await expect(readCase([memoryFile(bytes, 'x.nii')], 'SimpleITKIO')).rejects.toThrow(
      'promises 48 bytes of voxels (4 × 3 × 2, int16), the file holds 40',
    );
    await expect(readCase([memoryFile(gzipSync(bytes), 'x.nii.gz')], 'SimpleITKIO')).rejects.toThrow(
      'the file holds 40',
    );
  });

  test('a header that promises more than a gzip file can hold is refused before memory is taken', async () => {
    const lying = niftiFile({ dim: DIM });
    for (let axis = 1; axis <= 3; axis++) new DataView(lying.buffer).setInt16(40 + 2 * axis, 30_000, true);
    await expect(readCase([memoryFile(gzipSync(lying), 'x.nii.gz')], 'SimpleITKIO')).rejects.toThrow(
      /promises 54000\.00 GB/,
    );
  });

  test('a truncated gzip stream', async () => {
    const bytes = gzipSync(niftiFile({ dim: [40, 40, 40] }));
    await expect(
      readCase([memoryFile(bytes.subarray(0, bytes.length >> 1), 'x.nii.gz')], 'SimpleITKIO'),
    ).rejects.toMatchObject({
      name: 'TruncatedFile',
      message: expect.stringContaining('x.nii.gz is incomplete'),
    });
  });

  test('NaN and infinity are counted and placed', async () => {
    const values = [...counting];
    values[17] = Number.NaN;
    values[20] = Number.NEGATIVE_INFINITY;
    await expect(read({ dim: DIM, type: 'float32', values })).rejects.toMatchObject({
      name: 'NotFinite',
      message: expect.stringContaining('2 voxels are NaN or infinite, the first at x 1, y 1, z 1'),
    });
    values[17] = 1e39;
    values[20] = 0;
    await expect(read({ dim: DIM, type: 'float64', values })).rejects.toThrow('1 voxel is NaN');
  });

  test.each([
    ['rgb24', 'colours (RGB24)'],
    ['complex64', 'complex numbers (complex64)'],
  ] as const)('%s voxels', async (type, message) => {
    await expect(read({ dim: DIM, type })).rejects.toThrow(message);
  });

  test('a reader of other formats', async () => {
    await expect(read({ dim: DIM }, 'NaturalImage2DIO')).rejects.toMatchObject({ name: 'UnsupportedFormat' });
  });

  test('no files', async () => {
    await expect(readCase([], 'SimpleITKIO')).rejects.toMatchObject({ name: 'MissingFile' });
  });
});

describe('readNiftiHeader', () => {
  test('tells what the file is', async () => {
    const half = Math.SQRT1_2;
    const spec: NiftiSpec = {
      dim: [5, 4, 3, 2],
      type: 'uint16',
      pixdim: [2, 3, 4, 1],
      slope: 2,
      description: 'a scan',
      // 90° about x: j to Superior, k to Posterior.
      qform: { code: 1, quaternion: [half, 0, 0], offset: [-1, -2, -3] },
      version: 2,
      littleEndian: false,
    };
    const facts = await readNiftiHeader(memoryFile(gzipSync(niftiFile(spec)), 'a.nii.gz'));
    expect(facts).toMatchObject({
      version: 2,
      isSingleFile: true,
      isGzipped: true,
      isLittleEndian: false,
      voxelType: 'uint16',
      dim: [5, 4, 3, 2],
      shape: [3, 4, 5],
      volumes: 2,
      spacing: [4, 3, 2],
      orientation: 'RSP',
      qformCode: 1,
      sformCode: 0,
      slope: 2,
      intercept: 0,
      description: 'a scan',
      storedBytes: 240,
    });
  });

  test('an image without orientation has none', async () => {
    expect((await readNiftiHeader(file({ dim: DIM }))).orientation).toBeUndefined();
  });
});
