// The codec packages bring no types: the first three make an Emscripten module with its decoder class.
declare module '@cornerstonejs/codec-openjpeg/decodewasmjs' {
  export default function create(options: {
    wasmBinary?: ArrayBuffer;
    print: (line: string) => void;
  }): Promise<{ readonly J2KDecoder: unknown }>;
}
declare module '@cornerstonejs/codec-charls/decodewasmjs' {
  export default function create(options: {
    wasmBinary?: ArrayBuffer;
    print: (line: string) => void;
  }): Promise<{ readonly JpegLSDecoder: unknown }>;
}
declare module '@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasmjs' {
  export default function create(options: {
    wasmBinary?: ArrayBuffer;
    print: (line: string) => void;
  }): Promise<{ readonly JPEGDecoder: unknown }>;
}
declare module 'jpeg-lossless-decoder-js' {
  export class Decoder {
    decode(buffer: ArrayBuffer): Uint8Array | Uint16Array;
  }
}
