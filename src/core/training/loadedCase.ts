// A preprocessed case read back for training.

import { unpickle } from '@/core/interop/pickle';
import { NumpyArray, PYTHON_GLOBALS } from '@/core/interop/pickleGlobals';
import { integerItems, isDict, type PickleValue, sequenceItems } from '@/core/interop/pickleValues';
import type { SourceFile } from '@/core/io/sourceFile';
import type { ClassLocations } from '@/core/preprocessing/classLocations';
import type { CaseProperties } from '@/core/preprocessing/preprocessCase';
import { type BoundingBox, permute, type Zyx } from '@/shared/geometry';
import { badCase, type CaseArrays, type CaseFormat } from './caseFormats';

/** What is known of a case beside its voxels. */
export interface PreprocessedCaseRecord {
  readonly classLocations: readonly ClassLocations[];
  readonly properties: CaseProperties;
}

/** Arrays of a case in the network's space, with what is known of it. */
export interface LoadedCase extends PreprocessedCaseRecord, CaseArrays {
  readonly caseId: string;
}

/** The files of a case. */
export interface PreprocessedCaseFiles {
  readonly format: CaseFormat;
  /** As many as the format has endings, in their order. */
  readonly arrays: readonly SourceFile[];
  readonly pkl: SourceFile;
}

/** Reads a case as {@link trainingCaseFiles} or nnU-Net wrote it. Throws `BadPreparedCase` and what its format throws. */
export async function readLoadedCase(
  caseId: string,
  { format, arrays, pkl }: PreprocessedCaseFiles,
  transposeForward: readonly number[],
): Promise<LoadedCase> {
  const read = await format.readArrays(arrays);
  return { caseId, ...read, ...(await readCaseRecord(pkl, read.shape, transposeForward)) };
}

/** Reads a case's `.pkl`; `shape` is that of its arrays. Throws `BadPreparedCase`. */
export async function readCaseRecord(
  pkl: SourceFile,
  shape: Zyx,
  transposeForward: readonly number[],
): Promise<PreprocessedCaseRecord> {
  const properties = readProperties(await pkl.bytes(), pkl.path);
  return {
    classLocations: readClassLocations(properties.get('class_locations'), shape, pkl.path),
    properties: casePropertiesOf(properties, transposeForward, pkl.path),
  };
}

function readProperties(bytes: Uint8Array, file: string): ReadonlyMap<PickleValue, PickleValue> {
  const { value } = unpickle(bytes, { file, globals: PYTHON_GLOBALS, keepsHarmless: true });
  if (!isDict(value)) throw badCase(file, 'holds no dictionary');
  return value;
}

/** Rows `(0, z, y, x)` by class. */
function readClassLocations(
  value: PickleValue | undefined,
  [, nY, nX]: Zyx,
  file: string,
): readonly ClassLocations[] {
  if (!isDict(value)) throw badCase(file, 'has no class_locations');
  return [...value].map(([key, rows]) => {
    const labels = typeof key === 'number' ? [key] : integerItems(key);
    if (!labels) throw badCase(file, 'has class_locations of something that is no label');
    const numbers = rows instanceof NumpyArray ? rows.values : [];
    const voxels = new Uint32Array(numbers.length / 4);
    for (let i = 0; i < voxels.length; i++) {
      const [z, y, x] = [numbers[4 * i + 1], numbers[4 * i + 2], numbers[4 * i + 3]];
      voxels[i] = (Number(z) * nY + Number(y)) * nX + Number(x);
    }
    return { labels, isRegion: labels.length > 1, voxels };
  });
}

function casePropertiesOf(
  properties: ReadonlyMap<PickleValue, PickleValue>,
  transposeForward: readonly number[],
  file: string,
): CaseProperties {
  const triple = (key: string): Zyx => {
    const items = sequenceItems(properties.get(key))?.map(Number);
    if (items?.length !== 3) throw badCase(file, `has no ${key}`);
    return [items[0], items[1], items[2]];
  };
  const box = sequenceItems(properties.get('bbox_used_for_cropping'))?.map((range) => integerItems(range));
  const ranges = box?.flatMap((range) => (range?.length === 2 ? [[range[0], range[1]] as const] : []));
  if (ranges?.length !== 3) throw badCase(file, 'has no bbox_used_for_cropping');
  const bboxUsedForCropping: BoundingBox = [ranges[0], ranges[1], ranges[2]];
  const spacing = triple('spacing');
  return {
    spacing,
    spacingTransposed: permute(spacing, transposeForward),
    shapeBeforeCropping: triple('shape_before_cropping'),
    bboxUsedForCropping,
    shapeAfterCroppingAndBeforeResampling: triple('shape_after_cropping_and_before_resampling'),
  };
}
