// The platform's own deflate (`CompressionStream`, `DecompressionStream`), in browsers and in Node.

/** How much goes into the platform's stream at once. */
const PIECE_BYTES = 1 << 20;

/** Deflate cannot shrink by more than this: 258 bytes in two bits, less the block headers. */
export const MAX_DEFLATE_RATIO = 1032;

/** Copies `pieces` behind one another. */
export function concatenate(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(pieces.reduce((size, piece) => size + piece.length, 0));
  let offset = 0;
  for (const piece of pieces) {
    joined.set(piece, offset);
    offset += piece.length;
  }
  return joined;
}

/** Sends `source` through a platform stream and yields what comes out. Errors of either end are thrown. */
export async function* transformed(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  transform: CompressionStream | DecompressionStream,
): AsyncGenerator<Uint8Array> {
  const writer = transform.writable.getWriter();
  const reader = transform.readable.getReader();
  let failure: unknown;
  const feeding = (async () => {
    try {
      for await (const piece of source) await writer.write(piece as Uint8Array<ArrayBuffer>);
      await writer.close();
    } catch (error) {
      failure ??= error;
      await writer.abort(error).catch(() => undefined);
    }
  })();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      yield value;
    }
    await feeding;
    if (failure !== undefined) throw failure;
  } finally {
    await reader.cancel().catch(() => undefined);
    await feeding;
  }
}

/** Views of `bytes` in pieces small enough for a stream. */
export function* piecesOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += PIECE_BYTES) {
    yield bytes.subarray(start, Math.min(start + PIECE_BYTES, bytes.length));
  }
}

/** All of `pieces` compressed, in one array. */
export async function compress(
  pieces: readonly Uint8Array[],
  format: CompressionFormat,
): Promise<Uint8Array<ArrayBuffer>> {
  function* source() {
    for (const piece of pieces) yield* piecesOf(piece);
  }
  const compressed: Uint8Array[] = [];
  for await (const piece of transformed(source(), new CompressionStream(format))) compressed.push(piece);
  return concatenate(compressed);
}
