// Bytes at rest in pieces that any browser stores in one go, each with its hash.
import { sha256Hex } from '@/shared/sha256';
import type { RecordStore } from './recordStore';

/** Some browsers fail on single values much above this. */
export const CHUNK_BYTES = 16 * 2 ** 20;

/** One stored piece. */
export interface StoredChunk {
  readonly key: string;
  readonly sizeInBytes: number;
  readonly sha256: string;
}

/** Stores pieces as `prefix/0`, `prefix/1`, …. Where one fails, those before it are taken away again. */
export async function writeChunks(
  store: RecordStore,
  prefix: string,
  pieces: Iterable<Uint8Array<ArrayBuffer>> | AsyncIterable<Uint8Array<ArrayBuffer>>,
): Promise<readonly StoredChunk[]> {
  const written: StoredChunk[] = [];
  try {
    for await (const piece of pieces) {
      const key = `${prefix}/${written.length}`;
      written.push({ key, sizeInBytes: piece.byteLength, sha256: await sha256Hex(piece) });
      await store.set(key, piece);
    }
    return written;
  } catch (error) {
    // A store that cannot delete either must not hide why it could not write; what stays is swept later.
    await removeChunks(store, written).catch(() => undefined);
    throw error;
  }
}

/** The pieces end to end; `undefined` where one is missing or not what was written. */
export async function readChunks(
  store: RecordStore,
  chunks: readonly StoredChunk[],
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const all = new Uint8Array(sizeOfChunks(chunks));
  let offset = 0;
  for (const { key, sha256 } of chunks) {
    const piece = await store.get<Uint8Array<ArrayBuffer>>(key);
    if (!piece || (await sha256Hex(piece)) !== sha256) return undefined;
    all.set(piece, offset);
    offset += piece.byteLength;
  }
  return all;
}

export async function removeChunks(store: RecordStore, chunks: readonly StoredChunk[]): Promise<void> {
  if (chunks.length > 0) await store.remove(chunks.map(({ key }) => key));
}

export function sizeOfChunks(chunks: readonly StoredChunk[]): number {
  return chunks.reduce((sum, { sizeInBytes }) => sum + sizeInBytes, 0);
}
