import { inflateSync } from 'node:zlib';
import type { MedicalImage } from '@/core/io/medicalImage';

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** Samples per pixel by colour type: grey, RGB, grey and alpha, RGBA. */
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 4: 2, 6: 4 };

/** An 8-bit PNG without palette or interlacing as nnU-Net's `NaturalImage2DIO` gives it: `[c, 1, y, x]`. */
export function readPng(file: Buffer): MedicalImage {
  if (!file.subarray(0, 8).equals(SIGNATURE)) throw new Error('not a PNG file');
  const header = chunks(file, 'IHDR')[0];
  const width = header.readUInt32BE(0);
  const height = header.readUInt32BE(4);
  const [depth, colourType, , , interlace] = header.subarray(8);
  const channels = CHANNELS[colourType];
  if (depth !== 8 || interlace !== 0 || channels === undefined) throw new Error('unsupported kind of PNG');
  const pixels = unfilter(
    inflateSync(Buffer.concat(chunks(file, 'IDAT'))),
    width * channels,
    height,
    channels,
  );
  const size = width * height;
  return {
    data: Float32Array.from({ length: channels * size }, (_, i) => {
      return pixels[(i % size) * channels + Math.floor(i / size)];
    }),
    channels,
    shape: [1, height, width],
    spacing: [999, 1, 1],
    geometry: { format: 'nifti', header: new Uint8Array(348) },
    warnings: [],
  };
}

/** Contents of the chunks of one type. */
function chunks(file: Buffer, type: string): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 8; at < file.length; ) {
    const length = file.readUInt32BE(at);
    if (file.toString('latin1', at + 4, at + 8) === type) found.push(file.subarray(at + 8, at + 8 + length));
    at += length + 12;
  }
  return found;
}

/** Undoes the prediction of each row from its left and upper neighbours. */
function unfilter(data: Buffer, rowBytes: number, rows: number, pixelBytes: number): Uint8Array {
  const result = new Uint8Array(rowBytes * rows);
  for (let y = 0; y < rows; y++) {
    const filter = data[y * (rowBytes + 1)];
    for (let x = 0; x < rowBytes; x++) {
      const left = x < pixelBytes ? 0 : result[y * rowBytes + x - pixelBytes];
      const up = y === 0 ? 0 : result[(y - 1) * rowBytes + x];
      const upLeft = x < pixelBytes || y === 0 ? 0 : result[(y - 1) * rowBytes + x - pixelBytes];
      const predictions = [0, left, up, (left + up) >> 1, paeth(left, up, upLeft)];
      result[y * rowBytes + x] = data[y * (rowBytes + 1) + 1 + x] + predictions[filter];
    }
  }
  return result;
}

function paeth(left: number, up: number, upLeft: number): number {
  const estimate = left + up - upLeft;
  const [a, b, c] = [left, up, upLeft].map((value) => Math.abs(estimate - value));
  if (a <= b && a <= c) return left;
  return b <= c ? up : upLeft;
}
