// Weights at rest: the tensors of one fold end to end, cut into chunks.
import type { StateDict, WeightTensor } from '@/core/interop/model';
import { StudioError } from '@/shared/errors';
import { elementCount } from '@/shared/geometry';
import { sha256Hex } from '@/shared/sha256';
import { CHUNK_BYTES, readChunks, type StoredChunk, writeChunks } from './hashedChunks';
import { explainWriteFailure, type RecordStore } from './recordStore';

/** What is needed to read a fold back. */
export interface WeightManifest {
  readonly tensors: readonly { readonly name: string; readonly shape: readonly number[] }[];
  readonly chunks: readonly StoredChunk[];
  readonly sizeInBytes: number;
}

/** Writes the tensors under keys below `prefix`. On failure removes what it wrote and says why. */
export async function writeWeights(
  chunks: RecordStore,
  prefix: string,
  stateDict: StateDict,
  what: string,
): Promise<WeightManifest> {
  const tensors = [...stateDict].map(([name, { shape }]) => ({ name, shape }));
  const sizeInBytes = sizeOf(stateDict);
  try {
    const written = await writeChunks(chunks, prefix, cut([...stateDict.values()], sizeInBytes));
    return { tensors, chunks: written, sizeInBytes };
  } catch (error) {
    throw explainWriteFailure(error, what, sizeInBytes);
  }
}

/** The hashes that {@link writeWeights} would give its chunks. */
export async function weightHashes(stateDict: StateDict): Promise<readonly string[]> {
  const hashes: string[] = [];
  for (const piece of cut([...stateDict.values()], sizeOf(stateDict))) hashes.push(await sha256Hex(piece));
  return hashes;
}

function sizeOf(stateDict: StateDict): number {
  return [...stateDict.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
}

/** Reads the tensors back. Throws `WeightsDamaged` if a chunk is missing or not what was written. */
export async function readWeights(
  chunks: RecordStore,
  manifest: WeightManifest,
  what: string,
): Promise<StateDict> {
  const all = await readChunks(chunks, manifest.chunks);
  if (all) return splitTensors(all, manifest.tensors);
  throw new StudioError(
    'WeightsDamaged',
    `${what}: the stored weights are incomplete or damaged.`,
    'Remove the model under Models and import it again.',
  );
}

function splitTensors(all: Uint8Array, tensors: WeightManifest['tensors']): StateDict {
  let start = 0;
  return new Map(
    tensors.map(({ name, shape }): [string, WeightTensor] => {
      const data = new Float32Array(all.buffer, start, elementCount(shape));
      start += data.byteLength;
      return [name, { shape, data }];
    }),
  );
}

/** The tensors' bytes in order, in pieces of {@link CHUNK_BYTES}; the last may be shorter. */
function* cut(tensors: readonly WeightTensor[], sizeInBytes: number): Generator<Uint8Array<ArrayBuffer>> {
  let piece = new Uint8Array(Math.min(CHUNK_BYTES, sizeInBytes));
  let filled = 0;
  let left = sizeInBytes;
  for (const { data } of tensors) {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    for (let start = 0; start < bytes.length; ) {
      const size = Math.min(piece.length - filled, bytes.length - start);
      piece.set(bytes.subarray(start, start + size), filled);
      filled += size;
      start += size;
      left -= size;
      if (filled === piece.length) {
        yield piece;
        piece = new Uint8Array(Math.min(CHUNK_BYTES, left));
        filled = 0;
      }
    }
  }
}
