// JPEG frames for tests, by the encoders that the decoders' packages bring.
import createCharls from '@cornerstonejs/codec-charls/wasmjs';
import createOpenjpeg from '@cornerstonejs/codec-openjpeg/wasmjs';

function encodedWith(encoder: FrameEncoder, values: Int16Array, rows: number, columns: number): Uint8Array {
  const frame = { width: columns, height: rows, bitsPerSample: 16, componentCount: 1, isSigned: true };
  encoder.getDecodedBuffer(frame).set(new Uint8Array(values.buffer));
  encoder.encode();
  const encoded = new Uint8Array(encoder.getEncodedBuffer());
  encoder.delete();
  return encoded;
}

/** 16-bit signed samples, without loss. */
export async function encodedJpeg2000(
  values: Int16Array,
  rows: number,
  columns: number,
): Promise<Uint8Array> {
  const { J2KEncoder } = await createOpenjpeg({ print: () => undefined });
  const encoder = new J2KEncoder();
  encoder.setDecompositions(1); // the usual five need a larger frame
  encoder.setQuality(true, 0);
  return encodedWith(encoder, values, rows, columns);
}

/** 16-bit samples, without loss. */
export async function encodedJpegLs(values: Int16Array, rows: number, columns: number): Promise<Uint8Array> {
  const { JpegLSEncoder } = await createCharls({ print: () => undefined });
  const encoder = new JpegLSEncoder();
  encoder.setNearLossless(0);
  return encodedWith(encoder, values, rows, columns);
}
