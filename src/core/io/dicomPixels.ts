// The pixels of DICOM frames: uncompressed, RLE, and JPEG in all its forms through codecs that are loaded when needed.
import type { Element } from 'dicom-parser';
import { StudioError } from '@/shared/errors';
import { type DicomFrame, loadParser, type ParsedDicom, type PixelFormat, SYNTAX } from './dicomFrames';
import { decodeJpeg, decodeJpeg2000, decodeJpegLossless, decodeJpegLs } from './jpegCodecs';
import { swapBytes } from './voxels';

type Decode = (packed: Uint8Array, pixels: PixelFormat) => Uint8Array | Promise<Uint8Array>;

/** By transfer syntax; each gives the bytes of the samples, little-endian. */
const DECODERS: Readonly<Record<string, Decode>> = {
  '1.2.840.10008.1.2.5': decodeRle,
  '1.2.840.10008.1.2.4.50': decodeJpeg,
  '1.2.840.10008.1.2.4.51': decodeJpeg,
  '1.2.840.10008.1.2.4.57': decodeJpegLossless,
  '1.2.840.10008.1.2.4.70': decodeJpegLossless,
  '1.2.840.10008.1.2.4.80': decodeJpegLs,
  '1.2.840.10008.1.2.4.81': decodeJpegLs,
  '1.2.840.10008.1.2.4.90': decodeJpeg2000,
  '1.2.840.10008.1.2.4.91': decodeJpeg2000,
};

const UNCOMPRESSED: readonly string[] = [
  SYNTAX.implicitLittle,
  SYNTAX.explicitLittle,
  SYNTAX.explicitBig,
  SYNTAX.deflated,
];

/** The fragments of an encapsulated frame, put together. */
async function packedFrame(
  { dataSet }: ParsedDicom,
  element: Element,
  index: number,
  frames: number,
): Promise<Uint8Array> {
  const parser = await loadParser();
  const fragments = element.fragments ?? [];
  if (frames === 1)
    return parser.readEncapsulatedPixelDataFromFragments(dataSet, element, 0, fragments.length);
  if (element.basicOffsetTable?.length) return parser.readEncapsulatedImageFrame(dataSet, element, index);
  if (fragments.length === frames)
    return parser.readEncapsulatedPixelDataFromFragments(dataSet, element, index, 1);
  return parser.readEncapsulatedImageFrame(
    dataSet,
    element,
    index,
    parser.createJPEGBasicOffsetTable(dataSet, element),
  );
}

/** Samples as stored, without sign: bytes, little-endian. */
async function storedSamples(
  parsed: ParsedDicom,
  { file, index, frames, pixels }: DicomFrame,
): Promise<Uint8Array> {
  const element = parsed.dataSet.elements.x7fe00010;
  const frameBytes = (pixels.rows * pixels.columns * pixels.bitsAllocated) / 8;
  const { transferSyntax } = pixels;
  if (UNCOMPRESSED.includes(transferSyntax)) {
    const start = element.dataOffset + index * frameBytes;
    const samples = parsed.dataSet.byteArray.slice(start, start + frameBytes);
    if (transferSyntax === SYNTAX.explicitBig) swapBytes(samples, pixels.bitsAllocated / 8);
    return samples;
  }
  const decode = DECODERS[transferSyntax];
  const isDeepJpeg = decode === decodeJpeg && pixels.bitsAllocated > 8;
  if (!decode || isDeepJpeg) {
    throw new StudioError(
      'UnsupportedCompression',
      `${file.path}: its pixels are packed by the transfer syntax ${transferSyntax}${isDeepJpeg ? ' (lossy JPEG of 12 bits)' : ''}, which cannot be unpacked here.`,
      'Export the series uncompressed, or convert it to NIfTI.',
    );
  }
  try {
    return await decode(await packedFrame(parsed, element, index, frames), pixels);
  } catch (error) {
    if (error instanceof StudioError) throw error; // the decoder itself is not there
    throw new StudioError(
      'CorruptFile',
      `${file.path}: its compressed pixels cannot be decoded.`,
      'Export the series again, uncompressed if possible.',
      { cause: error },
    );
  }
}

/** Bits outside of those that hold the value may carry overlays; the highest one of the value is its sign. */
function pixelValue(stored: number, { bitsStored, highBit, isSigned }: PixelFormat): number {
  const value = (stored >>> (highBit - bitsStored + 1)) & (bitsStored === 32 ? -1 : (1 << bitsStored) - 1);
  if (!isSigned) return value >>> 0;
  const shift = 32 - bitsStored;
  return (value << shift) >> shift;
}

/** One frame in the modality's units: `[y, x]`, f32. */
export async function readFrame(parsed: ParsedDicom, frame: DicomFrame): Promise<Float32Array> {
  const { pixels, slope, intercept, file } = frame;
  const { bitsAllocated } = pixels;
  const count = pixels.rows * pixels.columns;
  if (bitsAllocated !== 8 && bitsAllocated !== 16 && bitsAllocated !== 32) {
    throw new StudioError(
      'UnsupportedVoxelType',
      `${file.path}: its pixels have ${bitsAllocated} bits.`,
      'Export the series with 8 or 16 bits.',
    );
  }
  const samples = await storedSamples(parsed, frame);
  if (samples.length < (count * bitsAllocated) / 8) {
    throw new StudioError(
      'TruncatedFile',
      `${file.path}: frame ${frame.index + 1} should hold ${(count * bitsAllocated) / 8} bytes of pixels, there are ${samples.length}.`,
      'Copy or export the file again.',
    );
  }
  const view = new DataView(samples.buffer, samples.byteOffset, samples.byteLength);
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const stored =
      bitsAllocated === 8
        ? samples[i]
        : bitsAllocated === 16
          ? view.getUint16(2 * i, true)
          : view.getUint32(4 * i, true);
    values[i] = pixelValue(stored, pixels) * slope + intercept;
  }
  return values;
}

const RLE_HEADER_BYTES = 64;

/** DICOM's run-length coding: a segment per byte of the samples, the highest byte first, each coded as PackBits. */
function decodeRle(packed: Uint8Array, { rows, columns, bitsAllocated }: PixelFormat): Uint8Array {
  const count = rows * columns;
  const bytes = bitsAllocated / 8;
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const segments = view.getUint32(0, true);
  if (segments !== bytes) throw new Error(`RLE: ${segments} segments for samples of ${bytes} bytes`);
  const samples = new Uint8Array(count * bytes);
  for (let segment = 0; segment < segments; segment++) {
    const start = view.getUint32(4 + 4 * segment, true);
    const end = segment + 1 < segments ? view.getUint32(8 + 4 * segment, true) : packed.length;
    if (start < RLE_HEADER_BYTES || end > packed.length)
      throw new Error('RLE: a segment lies outside the frame');
    unpackSegment(packed.subarray(start, end), samples, bytes - 1 - segment, bytes);
  }
  return samples;
}

/** Writes the bytes of a segment to `first`, `first + step`, … of `target`. */
function unpackSegment(packed: Uint8Array, target: Uint8Array, first: number, step: number): void {
  let at = first;
  for (let i = 0; i < packed.length && at < target.length; ) {
    const code = packed[i++];
    if (code === 128) continue;
    const isRun = code > 128;
    const length = isRun ? 257 - code : code + 1;
    for (let k = 0; k < length && at < target.length; k++, at += step) target[at] = packed[isRun ? i : i + k];
    i += isRun ? 1 : length;
  }
  if (at < target.length) throw new Error('RLE: a segment is too short');
}
