import { describe, expect, test } from 'vitest';
import { decodeBmp } from '@/core/io/bmp';
import { encodePng } from '@/core/io/png';
import { readAsStored, readCase, writeCase } from '@/core/io/readers';
import { memoryFile } from '@/core/io/sourceFile';
import { encodeTiff } from '@/core/io/tiff';
import { FOREIGN_PICTURES } from '../../support/pictures';

const bytesOf = (base64: string) => new Uint8Array(Buffer.from(base64, 'base64'));
const foreign = (name: string) => {
  const found = FOREIGN_PICTURES.find((picture) => picture.name === name);
  if (!found) throw new Error(`no picture ${name}`);
  return { ...found, file: memoryFile(bytesOf(found.base64), name) };
};

/** `[y, x, samples]` to `[samples, y, x]`. */
function channelsFirst(values: readonly number[], samples: number): number[] {
  const size = values.length / samples;
  return Array.from({ length: values.length }, (_, i) => values[(i % size) * samples + Math.floor(i / size)]);
}

describe('NaturalImage2DIO', () => {
  const pictures = FOREIGN_PICTURES.filter(({ name }) => !name.startsWith('stack_'));

  test.for(pictures)('$name as scikit-image reads it', async ({ name, shape, values }) => {
    const image = await readCase([foreign(name).file], 'NaturalImage2DIO');
    const samples = shape[2] ?? 1;
    expect(image.channels).toBe(samples);
    expect(image.shape).toEqual([1, shape[0], shape[1]]);
    expect(image.spacing).toEqual([999, 1, 1]);
    expect([...image.data].slice(0, values.length / samples)).toEqual(
      channelsFirst(values, samples).slice(0, values.length / samples),
    );
    if (name !== 'tiles.tif') expect([...image.data]).toEqual(channelsFirst(values, samples));
  });

  test('16 bits of grey are kept', async () => {
    const png = await encodePng(Uint16Array.of(0, 300, 65535, 7, 8, 9), 3, 2);
    expect([...(await readCase([memoryFile(png, 'a.png')], 'NaturalImage2DIO')).data]).toEqual([
      0, 300, 65535, 7, 8, 9,
    ]);
  });

  test('channels in several files come one after the other', async () => {
    const files = [1, 2].map((value) => encodePng(Uint8Array.of(value, 0), 2, 1));
    const [a, b] = await Promise.all(files);
    const image = await readCase(
      [memoryFile(a, 'a_0000.png'), memoryFile(b, 'a_0001.png')],
      'NaturalImage2DIO',
    );
    expect(image.channels).toBe(2);
    expect([...image.data]).toEqual([1, 0, 2, 0]);
  });

  test('pictures of different sizes are no case', async () => {
    const [a, b] = await Promise.all([
      encodePng(Uint8Array.of(1, 0), 2, 1),
      encodePng(Uint8Array.of(1, 0), 1, 2),
    ]);
    const files = [memoryFile(a, 'a_0000.png'), memoryFile(b, 'a_0001.png')];
    await expect(readCase(files, 'NaturalImage2DIO')).rejects.toMatchObject({ name: 'GeometryMismatch' });
  });

  test('JPEG is refused for its loss', async () => {
    const jpeg = memoryFile(Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 0, 16), 'photo.jpg');
    for (const reader of ['NaturalImage2DIO', 'SimpleITKIO'])
      await expect(readCase([jpeg], reader)).rejects.toMatchObject({ name: 'LossyImage' });
  });

  test('a stack is no picture', async () => {
    await expect(readCase([foreign('stack_zlib.tif').file], 'NaturalImage2DIO')).rejects.toMatchObject({
      name: 'UnsupportedShape',
    });
  });

  test.each(['.png', '.bmp', '.tif'])('labels come back from %s', async (ending) => {
    const png = await encodePng(new Uint8Array(15), 5, 3);
    const { geometry, shape } = await readCase([memoryFile(png, 'a.png')], 'NaturalImage2DIO');
    const labels = Uint8Array.from({ length: 15 }, (_, i) => i);
    const [{ content, ending: written }] = await writeCase(labels, shape, geometry, { ending });
    expect(written).toBe(ending);
    expect([...(await readAsStored([memoryFile(content, `a${ending}`)])).data]).toEqual([...labels]);
  });

  test('labels go back into the format of the picture, two bytes from 255 on', async () => {
    const image = await readCase([foreign('rgb.bmp').file], 'NaturalImage2DIO');
    const [bmp] = await writeCase(new Uint8Array(15), image.shape, image.geometry);
    expect(bmp.ending).toBe('.bmp');
    const labels = new Uint16Array(15).fill(255);
    const [png] = await writeCase(labels, image.shape, { format: 'picture', kind: 'png' });
    expect(png.content[24]).toBe(16);
  });
});

describe('damaged pictures', () => {
  test.each(['palette.png', 'rgb.bmp', 'rgb_lzw.tif', 'stack_zlib.tif'])('%s cut short', async (name) => {
    const { file, base64 } = foreign(name);
    const whole = bytesOf(base64);
    const cut = { ...file, ...memoryFile(whole.subarray(0, whole.length - 40), name) };
    await expect(readAsStored([cut])).rejects.toMatchObject({
      name: expect.stringMatching(/^Bad(Png|Bmp|Tiff)$/),
    });
  });

  test('sizes beyond what the file holds are refused before memory is taken', async () => {
    const png = await encodePng(new Uint8Array(6), 3, 2);
    new DataView(png.buffer).setUint32(16, 2 ** 30);
    await expect(readAsStored([memoryFile(png, 'a.png')])).rejects.toMatchObject({ name: 'BadPng' });
    const bmp = bytesOf(foreign('rgb.bmp').base64);
    new DataView(bmp.buffer).setInt32(18, 2 ** 30, true);
    expect(() => decodeBmp(bmp, 'a.bmp')).toThrow(/promises/);
  });
});

describe('Tiff3DIO', () => {
  const stacks = FOREIGN_PICTURES.filter(({ name }) => name.startsWith('stack_'));

  test.for(stacks)('$name as tifffile reads it', async ({ name, shape, values }) => {
    const image = await readCase([foreign(name).file], 'Tiff3DIO');
    expect(image.shape).toEqual(shape);
    expect([...image.data]).toEqual(values);
    expect(image.spacing).toEqual([1, 1, 1]);
    expect(image.warnings).toEqual([expect.stringContaining('.json')]);
  });

  const sideCar = (text: string) => memoryFile(new TextEncoder().encode(text), 'a.json');

  test('the voxel size comes from the file beside it', async () => {
    const tiff = memoryFile(await encodeTiff(new Uint8Array(8), [2, 2, 2]), 'a_0000.tif');
    const image = await readCase([tiff, sideCar('{"spacing": [3, 0.5, 0.25]}')], 'Tiff3DIO');
    expect(image.spacing).toEqual([3, 0.5, 0.25]);
    expect(image.warnings).toEqual([]);
  });

  test.each(['{', '{"spacing": [1, 2]}', '{"spacing": [0, 1, 1]}'])(
    'a side-car that says %s',
    async (text) => {
      const tiff = memoryFile(await encodeTiff(new Uint8Array(8), [2, 2, 2]), 'a_0000.tif');
      await expect(readCase([tiff, sideCar(text)], 'Tiff3DIO')).rejects.toMatchObject({ name: 'BadSpacing' });
    },
  );

  test('a flat picture is no stack', async () => {
    await expect(readCase([foreign('rgb_lzw.tif').file], 'NibabelIO')).rejects.toMatchObject({
      name: 'UnsupportedFormat',
    });
    await expect(readCase([foreign('white_is_zero.tif').file], 'Tiff3DIO')).rejects.toMatchObject({
      name: 'UnsupportedShape',
    });
  });

  test('labels come back with their voxel size', async () => {
    const labels = Uint16Array.from({ length: 60 }, (_, i) => i * 10);
    const written = await writeCase(labels, [5, 4, 3], { format: 'tiff-stack', spacing: [2, 1, 0.5] });
    expect(written.map(({ ending }) => ending)).toEqual(['.tif', '.json']);
    const files = written.map(({ ending, content }) => memoryFile(content, `a${ending}`));
    const image = await readCase(files, 'Tiff3DIO');
    expect([...image.data]).toEqual([...labels]);
    expect(image.spacing).toEqual([2, 1, 0.5]);
  });
});
