import { describe, expect, test } from 'vitest';
import { readCase, readerFor } from '@/core/io/readers';
import { memoryFile } from '@/core/io/sourceFile';
import { decodeTiff } from '@/core/io/tiff';
import { withSideCars } from '@/core/io/tiff3dIO';
import { promisedStack } from '@/core/io/tiffStack';
import { type TiffSpec, tiffFile } from '../../support/tiff';

const SHAPE = [6, 4, 5] as const;
const VALUES = Array.from({ length: 120 }, (_, i) => 7 * i + 300);
const imageJ = (lines: string) => `ImageJ=1.53t\n${lines}\n`;

function decode(spec: Partial<TiffSpec>) {
  // A Buffer, as files on disk give.
  const bytes = Buffer.from(tiffFile({ shape: SHAPE, values: VALUES, ...spec }));
  return decodeTiff(memoryFile(bytes, 'p_0000.tif'));
}

describe('a stack with one directory', () => {
  test.each([
    ['slices', imageJ('images=6\nslices=6'), [6, 4, 5]],
    ['frames', imageJ('images=6\nframes=6\nunit=um'), [6, 4, 5]],
    ['the number of images alone', imageJ('images=6'), [6, 4, 5]],
    ['two axes', imageJ('images=6\nchannels=2\nslices=3\nhyperstack=true'), [3, 2, 4, 5]],
    ['two axes in another order', imageJ('images=6\nchannels=2\nslices=3\norder=zct'), [2, 3, 4, 5]],
    ['tifffile’s own shape', '{"shape": [6, 4, 5]}', [6, 4, 5]],
  ])('by %s', async (_, description, shape) => {
    const raster = await decode({ description, hasOneDirectory: true });
    expect(raster.shape).toEqual(shape);
    expect([...raster.data]).toEqual(VALUES);
  });

  test('big-endian, in strips', async () => {
    const description = imageJ('images=6\nslices=6');
    const raster = await decode({ description, hasOneDirectory: true, isBigEndian: true, strips: 2 });
    expect([...raster.data]).toEqual(VALUES);
  });

  test.each([
    ['compressed', { compression: 5 }, /compressed/],
    [
      'cut short',
      { values: VALUES.slice(0, 100), description: imageJ('images=600\nslices=600') },
      /ends before/,
    ],
  ])('%s: an error, never the first slice alone', async (_, spec, message) => {
    const description = imageJ('images=6\nslices=6');
    await expect(decode({ description, hasOneDirectory: true, ...spec })).rejects.toThrow(message);
  });

  test('a slice of a set of OME files is no stack', async () => {
    const description = '<?xml version="1.0"?><OME><Pixels SizeC="1" SizeT="1" SizeZ="6"/></OME>';
    await expect(decode({ description, hasOneDirectory: true })).rejects.toThrow(/6 images/);
  });

  test('is read by nnU-Net’s reader of stacks, and its voxel size comes from beside it', async () => {
    const bytes = tiffFile({
      shape: SHAPE,
      values: VALUES,
      description: imageJ('images=6\nslices=6'),
      hasOneDirectory: true,
    });
    const files = withSideCars([
      memoryFile(bytes, 'p_0000.tif'),
      memoryFile(new TextEncoder().encode('{"spacing": [3, 1, 2]}'), 'p.json'),
    ]);
    const { reader } = await readerFor({ fileEnding: '.tif', exampleFiles: files });
    expect(reader.name).toBe('Tiff3DIO');
    const image = await readCase(files, 'Tiff3DIO');
    expect(image).toMatchObject({ shape: [6, 4, 5], spacing: [3, 1, 2] });
    expect([...image.data]).toEqual(VALUES);
  });
});

describe('with a directory per page the pages count', () => {
  test.each([
    [imageJ('images=6\nslices=6'), [6, 4, 5]],
    [imageJ('images=9\nslices=9'), [6, 4, 5]],
    [imageJ('channels=2\nslices=3'), [3, 2, 4, 5]],
    ['', [6, 4, 5]],
  ])('%j', async (description, shape) => {
    const raster = await decode({ description });
    expect(raster.shape).toEqual(shape);
    expect([...raster.data]).toEqual(VALUES);
  });

  test('big-endian pages in strips are read strip by strip', async () => {
    expect([...(await decode({ isBigEndian: true, strips: 4 })).data]).toEqual(VALUES);
  });

  test('a single picture is one', async () => {
    const raster = await decode({ shape: [1, 4, 5], values: VALUES.slice(0, 20), description: imageJ('') });
    expect(raster.shape).toEqual([4, 5]);
  });
});

test.each([
  ['ImageJ=1\nimages=3\nchannels=3\n', 3],
  ['ImageJ=1\nimages=3\n', 3],
  ['<OME SizeC="3" SizeT="1" SizeZ="1">', 3],
])('samples of a colour page are no pages: %j', (description, samples) => {
  const page = { description, width: 5, height: 4, samples, isPlanar: false };
  expect(promisedStack(page)?.axes).toEqual([]);
});

describe('the error is that of the reader that fits', () => {
  const stack = () => memoryFile(tiffFile({ shape: SHAPE, values: VALUES }), 'imagesTr/p_0000.tif');
  const sideCar = (text: string) => memoryFile(new TextEncoder().encode(text), 'imagesTr/p.json');

  test.each([
    ['numbers as text', '2.5 0.8 0.7', '{"spacing": [2.5, 0.8, 0.7]}'],
    ['a list of its own', '[2.5, 0.8, 0.7]', '{"spacing": [2.5, 0.8, 0.7]}'],
    ['numbers in quotes', '{"spacing": ["2.5", "0.8", "0.7"]}', '{"spacing": [2.5, 0.8, 0.7]}'],
    ['two numbers', '{"spacing": [0.8, 0.7]}', 'has 2 numbers, not three'],
    ['another key', '{"voxel": [1, 1, 1]}', 'has no "spacing"'],
    ['a size of zero', '{"spacing": [0, 1, 1]}', 'the voxel size is 0 × 1 × 1 mm'],
    ['nothing at all', '', 'this is not JSON'],
  ])('a side-car with %s', async (_, text, message) => {
    const files = withSideCars([stack(), sideCar(text)]);
    const asked = readerFor({ fileEnding: '.tif', exampleFiles: files });
    await expect(asked).rejects.toThrow(/imagesTr\/p\.json, the voxel size of p_0000\.tif/);
    await expect(asked).rejects.toThrow(message);
  });

  test('a missing side-car is named where nnU-Net looks for it, with the line to write', async () => {
    const { warnings } = await readCase([stack()], 'Tiff3DIO');
    expect(warnings[0]).toMatch(/no imagesTr\/p\.json.*\{"spacing": \[/);
  });
});
