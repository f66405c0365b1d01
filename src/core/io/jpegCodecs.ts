// JPEG in the forms DICOM uses. The codecs are WebAssembly (OpenJPEG, CharLS, libjpeg-turbo) or plain JavaScript, each
// started when the first such frame is met.

/** What the three WebAssembly codecs have in common. */
interface FrameDecoder {
  getEncodedBuffer(length: number): Uint8Array;
  decode(): void;
  getDecodedBuffer(): Uint8Array;
  delete(): void;
}

type DecoderClass = new () => FrameDecoder;

interface CodecOptions {
  readonly wasmBinary?: ArrayBuffer;
  readonly print: (line: string) => void;
}

export type CodecName = 'openjpeg' | 'charls' | 'libjpeg';

let readBinary: ((codec: CodecName) => Promise<ArrayBuffer>) | undefined;

/** Says where the codecs' WebAssembly comes from. Node finds it by itself. */
export function provideCodecBinaries(read: (codec: CodecName) => Promise<ArrayBuffer>): void {
  readBinary = read;
}

/** Chatter is dropped. */
async function moduleOptions(codec: CodecName): Promise<CodecOptions> {
  const wasmBinary = await readBinary?.(codec);
  return { print: () => undefined, ...(wasmBinary && { wasmBinary }) };
}

/** Keeps what has been started; a failure is not kept. */
function once<T>(load: () => Promise<T>): () => Promise<T> {
  let loading: Promise<T> | undefined;
  return () => {
    loading ??= load().catch((error: unknown) => {
      loading = undefined;
      throw error;
    });
    return loading;
  };
}

const openjpeg = once(async () => {
  const { default: create } = await import('@cornerstonejs/codec-openjpeg/decodewasmjs');
  const options = await moduleOptions('openjpeg');
  return (await create(options)).J2KDecoder as DecoderClass;
});

const charls = once(async () => {
  const { default: create } = await import('@cornerstonejs/codec-charls/decodewasmjs');
  const options = await moduleOptions('charls');
  return (await create(options)).JpegLSDecoder as DecoderClass;
});

const libjpeg = once(async () => {
  const { default: create } = await import('@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasmjs');
  const options = await moduleOptions('libjpeg');
  return (await create(options)).JPEGDecoder as DecoderClass;
});

function decodeWith(Decoder: DecoderClass, packed: Uint8Array): Uint8Array {
  const decoder = new Decoder();
  try {
    decoder.getEncodedBuffer(packed.length).set(packed);
    decoder.decode();
    return decoder.getDecodedBuffer().slice();
  } finally {
    decoder.delete();
  }
}

export async function decodeJpeg2000(packed: Uint8Array): Promise<Uint8Array> {
  return decodeWith(await openjpeg(), packed);
}

export async function decodeJpegLs(packed: Uint8Array): Promise<Uint8Array> {
  return decodeWith(await charls(), packed);
}

/** Baseline: 8 bits. */
export async function decodeJpeg(packed: Uint8Array): Promise<Uint8Array> {
  return decodeWith(await libjpeg(), packed);
}

/** Lossless JPEG of 1993, which most scanners with compression write. */
export async function decodeJpegLossless(packed: Uint8Array): Promise<Uint8Array> {
  const { Decoder } = await import('jpeg-lossless-decoder-js');
  const samples = new Decoder().decode(packed.slice().buffer);
  return new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
}
