// Files at rest: their bytes in hashed chunks, read back piece by piece.
import type { SourceFile } from '@/core/io/sourceFile';
import { contentPieces } from '@/core/io/zip';
import { StudioError } from '@/shared/errors';
import { sha256Hex } from '@/shared/sha256';
import { CHUNK_BYTES, type StoredChunk, sizeOfChunks, writeChunks } from './hashedChunks';
import type { RecordStore } from './recordStore';

/** A file as it is kept. All chunks but the last are of one size. */
export interface KeptFile {
  readonly path: string;
  readonly chunks: readonly StoredChunk[];
}

/** Copies a file under keys below `prefix`, one chunk in memory at a time. On failure nothing of it stays. */
export async function keepFile(
  chunks: RecordStore,
  prefix: string,
  file: SourceFile,
  chunkBytes = CHUNK_BYTES,
): Promise<KeptFile> {
  return { path: file.path, chunks: await writeChunks(chunks, prefix, copies(file, chunkBytes)) };
}

/** Copies: a view that is stored takes its whole buffer along. */
async function* copies(file: SourceFile, chunkBytes: number): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for await (const piece of contentPieces(file, chunkBytes)) yield piece.slice();
}

/**
 * The file again, its chunks checked as they are read; the one read last is remembered. Reading throws `ModelDamaged`
 * where a chunk is missing or not what was written. `what` names whose file it is.
 */
export function openKeptFile(
  chunks: RecordStore,
  { path, chunks: kept }: KeptFile,
  what: string,
): SourceFile {
  const sizeInBytes = sizeOfChunks(kept);
  let last: { readonly index: number; readonly content: Uint8Array } | undefined;

  async function read(index: number): Promise<Uint8Array> {
    if (last?.index === index) return last.content;
    const { key, sha256 } = kept[index];
    const content = await chunks.get<Uint8Array<ArrayBuffer>>(key);
    if (!content || (await sha256Hex(content)) !== sha256) throw damaged(what, path);
    last = { index, content };
    return content;
  }

  async function slice(start: number, end: number): Promise<Uint8Array> {
    const stop = Math.min(end, sizeInBytes);
    if (stop <= start) return new Uint8Array();
    const chunkBytes = kept[0].sizeInBytes;
    const first = Math.floor(start / chunkBytes);
    const final = Math.floor((stop - 1) / chunkBytes);
    if (first === final) {
      return (await read(first)).subarray(start - first * chunkBytes, stop - first * chunkBytes);
    }
    const joined = new Uint8Array(stop - start);
    for (let index = first; index <= final; index++) {
      const offset = index * chunkBytes;
      const content = await read(index);
      const part = content.subarray(Math.max(0, start - offset), Math.min(content.length, stop - offset));
      joined.set(part, offset + Math.max(0, start - offset) - start);
    }
    return joined;
  }

  return { path, sizeInBytes, slice, bytes: () => slice(0, sizeInBytes) };
}

function damaged(what: string, path: string): StudioError {
  return new StudioError(
    'ModelDamaged',
    `${what}: ${path} is incomplete or damaged in the browser's storage.`,
    'Remove the model under Models and import it again.',
  );
}
