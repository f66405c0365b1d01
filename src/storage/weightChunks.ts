// Weights at rest: the tensors of one fold end to end, cut into chunks that any browser stores in one go, each with its hash.
import type { StateDict, WeightTensor } from '@/core/interop/model';
import { StudioError } from '@/shared/errors';
import { elementCount } from '@/shared/geometry';
import { explainWriteFailure, type RecordStore } from './recordStore';

/** Some browsers fail on single values much above this (design.md, section 5). */
export const CHUNK_BYTES = 16 * 2 ** 20;

/** What is needed to read a fold back. */
export interface WeightManifest {
  readonly tensors: readonly { readonly name: string; readonly shape: readonly number[] }[];
  readonly chunks: readonly { readonly key: string; readonly sizeInBytes: number; readonly sha256: string }[];
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
  const sizeInBytes = [...stateDict.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
  const written: WeightManifest['chunks'][number][] = [];
  try {
    for (const bytes of cut([...stateDict.values()], sizeInBytes)) {
      const key = `${prefix}/${written.length}`;
      const sha256 = await hash(bytes);
      written.push({ key, sizeInBytes: bytes.byteLength, sha256 });
      await chunks.set(key, bytes);
    }
  } catch (error) {
    await chunks.remove(written.map(({ key }) => key));
    throw explainWriteFailure(error, what, sizeInBytes);
  }
  return { tensors, chunks: written, sizeInBytes };
}

/** Reads the tensors back. Throws `WeightsDamaged` if a chunk is missing or not what was written. */
export async function readWeights(
  chunks: RecordStore,
  manifest: WeightManifest,
  what: string,
): Promise<StateDict> {
  const all = new Uint8Array(manifest.sizeInBytes);
  let offset = 0;
  for (const { key, sha256 } of manifest.chunks) {
    const bytes = await chunks.get<Uint8Array<ArrayBuffer>>(key);
    if (!bytes || (await hash(bytes)) !== sha256) {
      throw new StudioError(
        'WeightsDamaged',
        `${what}: the stored weights are ${bytes ? 'damaged' : 'incomplete'}.`,
        'Remove the model under Models and import it again.',
      );
    }
    all.set(bytes, offset);
    offset += bytes.byteLength;
  }
  return splitTensors(all, manifest.tensors);
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

async function hash(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', bytes);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
