// The codec packages bring no types.
interface FrameEncoder {
  getDecodedBuffer(frame: object): Uint8Array;
  encode(): void;
  getEncodedBuffer(): Uint8Array;
  delete(): void;
}
declare module '@cornerstonejs/codec-openjpeg/wasmjs' {
  export default function create(options: object): Promise<{
    readonly J2KEncoder: new () => FrameEncoder & {
      setQuality(isLossless: boolean, quality: number): void;
      setDecompositions(count: number): void;
    };
  }>;
}
declare module '@cornerstonejs/codec-charls/wasmjs' {
  export default function create(options: object): Promise<{
    readonly JpegLSEncoder: new () => FrameEncoder & { setNearLossless(error: number): void };
  }>;
}
