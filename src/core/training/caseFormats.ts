// The formats that preprocessed cases come in, in one list: `.npz`, which nnU-Net wrote up to 2.5 and nnStudio writes,
// and `.b2nd`, which nnU-Net writes from 2.6 on. Either has `{case}.pkl` beside it.

import { openB2nd } from '@/core/io/blosc2/b2nd';
import { writeB2nd } from '@/core/io/blosc2/writeB2nd';
import { type NpyArray, readNpz, writeNpz } from '@/core/io/npy';
import type { SourceFile } from '@/core/io/sourceFile';
import { narrowestLabels } from '@/core/preprocessing/narrowestLabels';
import { StudioError } from '@/shared/errors';
import { elementCount, type Zyx } from '@/shared/geometry';
import type { BoxedArrays } from './caseBoxes';

/** Arrays of a case in the network's space. */
export interface CaseArrays {
  readonly channels: number;
  readonly shape: Zyx;
  /** `[c, z, y, x]`. */
  readonly image: Float32Array;
  /** `[z, y, x]`, −1 outside the non-zero mask. */
  readonly seg: Int8Array | Int16Array;
}

/** One way to keep the arrays of a case in files. */
export interface CaseFormat {
  /** Of the file that a case is found by, and of a segmentation on its own. */
  readonly ending: '.npz' | '.b2nd';
  /** Of all files that hold arrays of a case, behind its name. */
  readonly endings: readonly string[];
  /** What the arrays take in memory, bytes; no voxel is read for it. */
  sizeInMemory(files: readonly SourceFile[]): Promise<number>;
  /** `[z, y, x]` of the arrays. */
  readShape(files: readonly SourceFile[]): Promise<Zyx>;
  /** Reads all. Throws `BadPreparedCase` and what reading the files throws. */
  readArrays(files: readonly SourceFile[]): Promise<CaseArrays>;
  /** Opens the files to read boxes out of them as they lie. Without it they have to be unpacked for that. */
  readonly openBoxes?: (files: readonly SourceFile[]) => Promise<BoxedArrays>;
  /** The segmentation in a file of its own, as a cascade's first stage leaves it; `undefined` where there is none. */
  readSegmentation(file: SourceFile): Promise<NpyArray['data'] | undefined>;
  /** A file with such a segmentation, `[z, y, x]`. */
  writeSegmentation(seg: Uint8Array, shape: Zyx): Promise<Uint8Array>;
}

/** How much larger arrays are than the .npz that holds them, at least. */
const DEFLATION = 1.1;

const npz: CaseFormat = {
  ending: '.npz',
  endings: ['.npz'],
  sizeInMemory: async ([file]) => DEFLATION * file.sizeInBytes,
  readShape: async (files) => (await npz.readArrays(files)).shape,
  async readArrays([file]) {
    const arrays = await readNpz(await file.bytes());
    const [image, seg] = [arrays.get('data'), arrays.get('seg')];
    if (!image || !seg) throw badCase(file.path, 'lacks the array data or seg');
    return checkedArrays(file, image, seg);
  },
  readSegmentation: async (file) => (await readNpz(await file.bytes())).get('seg')?.data,
  writeSegmentation: (seg, shape) => writeNpz({ seg: { shape, data: seg } }),
};

const b2nd: CaseFormat = {
  ending: '.b2nd',
  endings: ['.b2nd', '_seg.b2nd'],
  async sizeInMemory(files) {
    const arrays = await Promise.all(files.map(openB2nd));
    return arrays.reduce((sum, { sizeInBytes }) => sum + sizeInBytes, 0);
  },
  readShape: async ([image]) => spatialShape((await openB2nd(image)).shape),
  async readArrays(files) {
    const [image, seg] = await Promise.all(files.map(openB2nd));
    return checkedArrays(
      files[0],
      { shape: image.shape, data: await image.readAll() },
      { shape: seg.shape, data: await seg.readAll() },
    );
  },
  async openBoxes(files) {
    const [image, seg] = await Promise.all(files.map(openB2nd));
    const shape = spatialShape(image.shape);
    const isWhole =
      image.shape.length === 4 && seg.shape.length === 4 && elementCount(seg.shape) === elementCount(shape);
    if (image.dtype !== 'f4' || !isWhole) throw badShapes(files[0], image.shape, seg.shape);
    const [channels] = image.shape;
    return {
      channels,
      shape,
      readImage: async (start, size) => asFloats(await image.readBox([0, ...start], [channels, ...size])),
      readSeg: (start, size) => seg.readBox([0, ...start], [1, ...size]),
    };
  },
  readSegmentation: async (file) => (await openB2nd(file)).readAll(),
  writeSegmentation: async (seg, shape) => writeB2nd({ shape, data: seg }),
};

/** The newest first. */
export const CASE_FORMATS: readonly CaseFormat[] = [b2nd, npz];

/** The case that a file holds arrays of, and how; `undefined` for other files and for the parts of a case beside its first. */
export function caseOfFile(
  name: string,
): { readonly caseId: string; readonly format: CaseFormat } | undefined {
  for (const format of CASE_FORMATS) {
    const isPart = format.endings.slice(1).some((ending) => name.endsWith(ending));
    if (!name.endsWith(format.ending) || isPart || name === format.ending) continue;
    return { caseId: name.slice(0, -format.ending.length), format };
  }
  return undefined;
}

/** Whether a file is one of a preprocessed case: its arrays or its properties. */
export function isCaseFile(name: string): boolean {
  return ['.pkl', ...CASE_FORMATS.map(({ ending }) => ending)].some((ending) => name.endsWith(ending));
}

function checkedArrays(
  file: SourceFile,
  image: Pick<NpyArray, 'shape' | 'data'>,
  seg: Pick<NpyArray, 'shape' | 'data'>,
): CaseArrays {
  const shape = spatialShape(image.shape);
  const isWhole = image.shape.length === 4 && seg.data.length === elementCount(shape);
  if (!(image.data instanceof Float32Array) || !isWhole) throw badShapes(file, image.shape, seg.shape);
  return { channels: image.shape[0], shape, image: image.data, seg: narrowestLabels(seg.data) };
}

function asFloats(data: NpyArray['data']): Float32Array {
  return data instanceof Float32Array ? data : Float32Array.from(data);
}

function spatialShape([, z, y, x]: readonly number[]): Zyx {
  return [z, y, x];
}

function badShapes({ path }: SourceFile, image: readonly number[], seg: readonly number[]): StudioError {
  return badCase(path, `holds arrays of shapes [${image}] and [${seg}], or of another type than float32`);
}

/** A preprocessed case that cannot be used. */
export function badCase(file: string, what: string): StudioError {
  return new StudioError('BadPreparedCase', `${file} ${what}.`, 'Preprocess the dataset again.');
}
