// Cases too large to keep in memory: patches are read from arrays that lie unpacked, as nnU-Net's trainer unpacks them.

import { type NpyLayout, readNpyLayout } from '@/core/io/npy';
import type { SourceFile } from '@/core/io/sourceFile';
import { forEachAtOnce } from '@/shared/concurrency';
import { elementCount, type Zyx } from '@/shared/geometry';
import { addPreviousStage, emptyPatch, insideOf, type PatchSource } from './cropPatch';
import type { PreprocessedCaseRecord } from './loadedCase';

/** Reads under way at once for a patch. */
const READS_AT_ONCE = 8;

/** `{case}.npy`, f32 `[c, z, y, x]`, and `{case}_seg.npy`, i16 or i8 `[1, z, y, x]`. */
export interface UnpackedFiles {
  readonly image: SourceFile;
  readonly seg: SourceFile;
}

/** Where arrays of a case lie in its files. */
export interface UnpackedLayout {
  readonly image: NpyLayout;
  readonly seg: NpyLayout;
  readonly shape: Zyx;
}

/** Reads both headers; `undefined` where patches cannot be cut out of the files. */
export async function readUnpackedLayout(files: UnpackedFiles): Promise<UnpackedLayout | undefined> {
  const [image, seg] = [await readNpyLayout(files.image), await readNpyLayout(files.seg)];
  const [, z, y, x] = image.shape;
  const shape: Zyx = [z, y, x];
  const isUsable =
    image.isPlain &&
    seg.isPlain &&
    image.dtype === 'f4' &&
    (seg.dtype === 'i2' || seg.dtype === 'i1') &&
    image.shape.length === 4 &&
    elementCount(seg.shape) === elementCount(shape);
  return isUsable ? { image, seg, shape } : undefined;
}

/** A case in files. `previousStage`: `[z, y, x]`, kept in memory. */
export function filedCase(
  files: UnpackedFiles,
  layout: UnpackedLayout,
  { classLocations }: Pick<PreprocessedCaseRecord, 'classLocations'>,
  previousStage: Uint8Array | undefined,
): PatchSource {
  const { shape } = layout;
  const [channels] = layout.image.shape;
  const kept = classLocations.reduce((bytes, { voxels }) => bytes + voxels.byteLength, 0);
  return {
    shape,
    classLocations,
    sizeInBytes: kept + (previousStage?.byteLength ?? 0),
    async cut(start, size) {
      const patch = emptyPatch(channels, previousStage ? 2 : 1, size);
      const volume = elementCount(shape);
      const plane = elementCount(size);
      const read = { shape, start, size };
      for (let c = 0; c < channels; c++) {
        await readRows(files.image, { ...layout.image, first: c * volume }, read, (bytes, at, to, length) => {
          patch.image.data.set(new Float32Array(bytes, at, length), c * plane + to);
        });
      }
      await readRows(files.seg, { ...layout.seg, first: 0 }, read, (bytes, at, to, length) => {
        const row =
          layout.seg.dtype === 'i2' ? new Int16Array(bytes, at, length) : new Int8Array(bytes, at, length);
        patch.labels.data.set(row, to);
      });
      if (previousStage) addPreviousStage(patch, previousStage, shape, start);
      return patch;
    },
  };
}

interface PatchPlace {
  readonly shape: Zyx;
  readonly start: Zyx;
  readonly size: Zyx;
}

const BYTES: Readonly<Record<string, number>> = { f4: 4, i2: 2, i1: 1 };

/** Reads the patch's rows, whole rows of a slice at a time; `take` gets each where it lies in `bytes`, and its place in the patch. */
async function readRows(
  file: SourceFile,
  { dtype, dataStart, first }: Pick<NpyLayout, 'dtype' | 'dataStart'> & { readonly first: number },
  { shape, start, size }: PatchPlace,
  take: (bytes: ArrayBuffer, at: number, to: number, length: number) => void,
): Promise<void> {
  const [zs, ys, xs] = insideOf(shape, start, size);
  const length = xs[1] - xs[0];
  const rows = ys[1] - ys[0];
  if (length === 0 || rows === 0) return;
  const each = BYTES[dtype];
  const slices = Array.from({ length: zs[1] - zs[0] }, (_, i) => zs[0] + i);
  await forEachAtOnce(slices, READS_AT_ONCE, async (z) => {
    const row = ((start[0] + z) * shape[1] + start[1] + ys[0]) * shape[2];
    const from = dataStart + each * (first + row);
    // A copy where the bytes are part of something larger: elements must be aligned.
    const bytes = new Uint8Array(await file.slice(from, from + each * rows * shape[2])).buffer;
    for (let y = 0; y < rows; y++) {
      const at = each * (y * shape[2] + start[2] + xs[0]);
      take(bytes, at, (z * size[1] + ys[0] + y) * size[2] + xs[0], length);
    }
  });
}
