// PNG pictures as Pillow gives them to nnU-Net, by fast-png.

import type { DecodedPng } from 'fast-png';
import { StudioError } from '@/shared/errors';
import { MAX_DEFLATE_RATIO } from './compression';
import { hasBytes, type PictureFormat } from './imageFormat';
import { type Raster, unpackBits } from './raster';

const IHDR_WIDTH = 16;
const IHDR_HEIGHT = 20;

function badPng(path: string, what: string, options?: ErrorOptions): StudioError {
  return new StudioError('BadPng', `${path}: ${what}`, 'Copy or download the file again.', options);
}

/** Refuses sizes that the file cannot hold, before memory is set aside for them. */
function assertPlausible(bytes: Uint8Array, path: string): void {
  if (bytes.length < 33) throw badPng(path, 'the file ends within its header.');
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const [width, height] = [view.getUint32(IHDR_WIDTH), view.getUint32(IHDR_HEIGHT)];
  if (width === 0 || height === 0)
    throw badPng(path, `the picture has no pixels: its size is ${width} × ${height}.`);
  if ((width * height) / 8 > bytes.length * MAX_DEFLATE_RATIO)
    throw badPng(path, `the header promises ${width} × ${height} pixels, more than the file can hold.`);
}

/** Indices become colours; a palette's transparency is ignored, as Pillow's conversion to RGB does. */
function expandPalette(indices: Uint8Array, palette: readonly (readonly number[])[]): Uint8Array {
  const rgb = new Uint8Array(3 * indices.length);
  for (let i = 0; i < indices.length; i++) {
    const color = palette[indices[i]] ?? [0, 0, 0];
    for (let c = 0; c < 3; c++) rgb[3 * i + c] = color[c];
  }
  return rgb;
}

/**
 * Decodes as Pillow does: bits become 0 and 1, 2 and 4 bits are stretched to 0…255, palettes become RGB, and colours of
 * 16 bits lose their lower eight.
 */
export async function decodePng(bytes: Uint8Array, path: string): Promise<Raster> {
  assertPlausible(bytes, path);
  const { decode } = await import('fast-png');
  let png: DecodedPng;
  try {
    png = decode(bytes, { checkCrc: true });
  } catch (error) {
    throw badPng(path, 'the picture cannot be decoded; it is damaged or incomplete.', { cause: error });
  }
  const { width, height, channels, depth, palette } = png;
  const isPacked = depth < 8;
  const samples =
    isPacked && !(png.data instanceof Uint16Array)
      ? unpackBits(Uint8Array.from(png.data), width, height, depth, Math.ceil((width * depth) / 8))
      : png.data;
  if (palette) return { shape: [height, width, 3], data: expandPalette(Uint8Array.from(samples), palette) };
  const shape = channels === 1 ? [height, width] : [height, width, channels];
  if (isPacked && depth > 1) {
    const white = 2 ** depth - 1;
    return { shape, data: Uint8Array.from(samples, (value) => (value * 255) / white) };
  }
  if (samples instanceof Uint16Array)
    return { shape, data: channels === 1 ? samples : Uint8Array.from(samples, (value) => value >> 8) };
  return { shape, data: samples instanceof Uint8Array ? samples : Uint8Array.from(samples) };
}

/** A grey picture of 8 or 16 bits. */
export async function encodePng(
  data: Uint8Array | Uint16Array,
  width: number,
  height: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const { encode } = await import('fast-png');
  return Uint8Array.from(
    encode({ width, height, data, depth: data.BYTES_PER_ELEMENT === 2 ? 16 : 8, channels: 1 }),
  );
}

/** A picture of red, green, blue and opacity, eight bits each. */
export async function encodeColorPng(
  rgba: Uint8Array,
  width: number,
  height: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const { encode } = await import('fast-png');
  return Uint8Array.from(encode({ width, height, data: rgba, depth: 8, channels: 4 }));
}

export const pngFormat = {
  kind: 'png',
  family: 'picture',
  label: 'PNG',
  endings: ['.png'],
  nnunet: { NaturalImage2DIO: ['.png'] },
  isStart: (start) => hasBytes(start, [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a]),
  decode: async (file) => decodePng(await file.bytes(), file.path),
  resultEndings: ['.png'],
  write: (labels, { shape: [, height, width] }) => encodePng(labels, width, height),
} as const satisfies PictureFormat;
