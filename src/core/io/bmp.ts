// BMP pictures as Pillow gives them to nnU-Net: 1, 4 and 8 bits with palette, 16, 24 and 32 bits, not run-length coded.

import { StudioError } from '@/shared/errors';
import { hasBytes, type LabelTarget, type PictureFormat, type WritableLabels } from './imageFormat';
import { type Raster, unpackBits } from './raster';

const FILE_HEADER_BYTES = 14;
const CORE_HEADER_BYTES = 12;
const BITFIELDS = 3;
const ALPHA_BITFIELDS = 6;

interface BmpHeader {
  readonly width: number;
  readonly height: number;
  readonly isTopDown: boolean;
  readonly bits: number;
  readonly rowBytes: number;
  readonly pixelOffset: number;
  /** Red, green, blue, and alpha if a mask gives it. */
  readonly masks: readonly number[];
  /** `[r, g, b]` by index. */
  readonly palette: readonly (readonly [number, number, number])[];
}

function parseHeader(bytes: Uint8Array, path: string): BmpHeader {
  const bad = (what: string) =>
    new StudioError('BadBmp', `${path}: ${what}`, 'Save the picture as PNG, or copy it again.');
  if (bytes.length < FILE_HEADER_BYTES + CORE_HEADER_BYTES) throw bad('the file ends within its header.');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerBytes = view.getUint32(14, true);
  const isCore = headerBytes === CORE_HEADER_BYTES;
  if ((!isCore && headerBytes < 40) || FILE_HEADER_BYTES + headerBytes > bytes.length)
    throw bad(`its header claims ${headerBytes} bytes.`);
  const width = isCore ? view.getUint16(18, true) : view.getInt32(18, true);
  const signedHeight = isCore ? view.getUint16(20, true) : view.getInt32(22, true);
  const height = Math.abs(signedHeight);
  const bits = view.getUint16(isCore ? 24 : 28, true);
  const compression = isCore ? 0 : view.getUint32(30, true);
  if (width < 1 || height < 1) throw bad(`the picture has no pixels: its size is ${width} × ${height}.`);
  if (![0, BITFIELDS, ALPHA_BITFIELDS].includes(compression))
    throw bad('its pixels are run-length coded or packed.');
  if (![1, 4, 8, 16, 24, 32].includes(bits)) throw bad(`it has ${bits} bits per pixel.`);
  const rowBytes = Math.ceil((width * bits) / 32) * 4;
  const pixelOffset = view.getUint32(10, true);
  if (pixelOffset + rowBytes * height > bytes.length)
    throw bad(`the header promises ${width} × ${height} pixels of ${bits} bits, the file is cut short.`);
  const maskAt = (index: number) => view.getUint32(FILE_HEADER_BYTES + 40 + 4 * index, true);
  const hasMasks = compression !== 0;
  const masks = hasMasks
    ? [
        maskAt(0),
        maskAt(1),
        maskAt(2),
        ...(headerBytes >= 56 || compression === ALPHA_BITFIELDS ? [maskAt(3)] : []),
      ]
    : bits === 16
      ? [0x7c00, 0x3e0, 0x1f]
      : [0xff0000, 0xff00, 0xff];
  const entryBytes = isCore ? 3 : 4;
  const declared = isCore ? 0 : view.getUint32(46, true);
  const colors = bits > 8 ? 0 : Math.min(declared || 2 ** bits, 2 ** bits);
  const paletteStart = FILE_HEADER_BYTES + headerBytes;
  const palette = Array.from({ length: colors }, (_, i) => {
    const at = paletteStart + i * entryBytes;
    return [bytes[at + 2], bytes[at + 1], bytes[at]] as const;
  });
  return {
    width,
    height,
    isTopDown: signedHeight < 0,
    bits,
    rowBytes,
    pixelOffset,
    masks: masks.filter((mask) => mask !== 0),
    palette,
  };
}

/** Value of the bits under a mask, stretched to 0…255. */
function masked(pixel: number, mask: number): number {
  const shift = 31 - Math.clz32(mask & -mask);
  const largest = mask >>> shift;
  return Math.floor((((pixel & mask) >>> shift) * 255) / largest);
}

/** Rows from the top. */
function topDownRows(bytes: Uint8Array, { rowBytes, height, isTopDown, pixelOffset }: BmpHeader): Uint8Array {
  const pixels = bytes.subarray(pixelOffset, pixelOffset + rowBytes * height);
  if (isTopDown) return pixels;
  const flipped = new Uint8Array(pixels.length);
  for (let y = 0; y < height; y++)
    flipped.set(pixels.subarray((height - 1 - y) * rowBytes, (height - y) * rowBytes), y * rowBytes);
  return flipped;
}

/** Decodes as Pillow does: grey palettes become grey, black and white become 0 and 1, other palettes RGB. */
export function decodeBmp(bytes: Uint8Array, path: string): Raster {
  const header = parseHeader(bytes, path);
  const { width, height, bits, rowBytes, masks, palette } = header;
  const rows = topDownRows(bytes, header);
  if (bits <= 8)
    return fromPalette(unpackBits(rows, width, height, bits, rowBytes), [height, width], palette, bits);
  const samples = masks.length;
  const data = new Uint8Array(width * height * samples);
  const view = new DataView(rows.buffer, rows.byteOffset, rows.byteLength);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * rowBytes + (x * bits) / 8;
      const pixel =
        bits === 32
          ? view.getUint32(at, true)
          : bits === 16
            ? view.getUint16(at, true)
            : rows[at] | (rows[at + 1] << 8) | (rows[at + 2] << 16);
      for (let c = 0; c < samples; c++) data[i++] = masked(pixel, masks[c]);
    }
  }
  return { shape: [height, width, samples], data };
}

function fromPalette(
  indices: Uint8Array,
  shape: readonly [number, number],
  palette: BmpHeader['palette'],
  bits: number,
): Raster {
  const isGrey = palette.every(([r, g, b], i) => r === g && g === b && r === (bits === 1 ? 255 * i : i));
  if (isGrey && bits !== 4) return { shape, data: indices };
  const data = new Uint8Array(3 * indices.length);
  for (let i = 0; i < indices.length; i++) data.set(palette[indices[i]] ?? [0, 0, 0], 3 * i);
  return { shape: [...shape, 3], data };
}

/** A grey picture of 8 bits. */
function encodeBmp(data: Uint8Array, width: number, height: number): Uint8Array<ArrayBuffer> {
  const rowBytes = Math.ceil(width / 4) * 4;
  const pixelOffset = FILE_HEADER_BYTES + 40 + 4 * 256;
  const bytes = new Uint8Array(pixelOffset + rowBytes * height);
  const view = new DataView(bytes.buffer);
  bytes.set([0x42, 0x4d]);
  view.setUint32(2, bytes.length, true);
  view.setUint32(10, pixelOffset, true);
  view.setUint32(14, 40, true);
  view.setInt32(18, width, true);
  view.setInt32(22, height, true);
  view.setUint16(26, 1, true);
  view.setUint16(28, 8, true);
  view.setUint32(34, rowBytes * height, true);
  view.setUint32(46, 256, true);
  for (let i = 0; i < 256; i++) bytes.set([i, i, i, 0], FILE_HEADER_BYTES + 40 + 4 * i);
  for (let y = 0; y < height; y++)
    bytes.set(data.subarray(y * width, (y + 1) * width), pixelOffset + (height - 1 - y) * rowBytes);
  return bytes;
}

/** A BMP holds eight bits. */
async function writeBmp(labels: WritableLabels, { shape: [, height, width] }: LabelTarget) {
  if (labels instanceof Uint16Array && labels.some((label) => label > 255)) {
    throw new StudioError('LabelTooLarge', 'A BMP file holds labels up to 255.', 'Save it as PNG.');
  }
  return encodeBmp(Uint8Array.from(labels), width, height);
}

export const bmpFormat = {
  kind: 'bmp',
  family: 'picture',
  label: 'BMP',
  endings: ['.bmp'],
  nnunet: { NaturalImage2DIO: ['.bmp'] },
  isStart: () => false,
  mayStart: (start) => hasBytes(start, 'BM') && start[6] === 0 && start[7] === 0,
  decode: async (file) => decodeBmp(await file.bytes(), file.path),
  resultEndings: ['.bmp'],
  write: writeBmp,
} as const satisfies PictureFormat;
