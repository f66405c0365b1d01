// Which prediction belongs to which reference, by their names.
import { byCodePoint } from '@/core/dataset/rawDataset';
import { findImages } from '@/core/io/cases';
import { imageFiles } from '@/core/io/imageNames';
import { fileName, type SourceFile } from '@/core/io/sourceFile';
import { isHiddenFile } from '@/core/io/systemFiles';
import { nameKey } from '@/shared/names';

/** A label map: a file, or a header with the file of its voxels. */
export interface NamedSegmentation {
  /** File name without ending. */
  readonly name: string;
  readonly files: readonly SourceFile[];
}

export interface SegmentationPair {
  readonly caseId: string;
  readonly prediction: NamedSegmentation;
  readonly reference: NamedSegmentation;
}

/** A label map without a partner. */
export interface Unpaired {
  readonly side: 'prediction' | 'reference';
  readonly path: string;
  readonly reason: string;
}

export interface PairedSegmentations {
  /** By case id, in code-point order. */
  readonly pairs: readonly SegmentationPair[];
  readonly unpaired: readonly Unpaired[];
}

/** What people append to the name of a label map. */
const SUFFIX = /[-_.](seg|segmentation|label|labels|mask|gt|groundtruth|lbl|pred|prediction|predicted)$/i;

/** The label maps among files; everything else, dataset.json say, is passed over. */
export function namedSegmentations(files: readonly SourceFile[]): readonly NamedSegmentation[] {
  const shown = imageFiles(files.filter((file) => !isHiddenFile(file)));
  return findImages(shown, () => undefined).map(({ stem, files: own }) => ({ name: stem, files: own }));
}

/**
 * Pairs label maps of the same name, as nnU-Net wants them, and then those whose names differ by an ending such as `_seg`
 * or `-gt` alone. A name that occurs twice on a side cannot be told apart and is left out. The case has the reference's
 * name.
 */
export function pairSegmentations(
  predictions: readonly NamedSegmentation[],
  references: readonly NamedSegmentation[],
): PairedSegmentations {
  const unpaired: Unpaired[] = [];
  const open = (side: Unpaired['side'], all: readonly NamedSegmentation[]) => {
    const isTwice = ({ name }: NamedSegmentation) =>
      all.filter((one) => nameKey(one.name) === nameKey(name)).length > 1;
    for (const one of all.filter(isTwice)) unpaired.push(leftOut(side, one, 'its name occurs twice'));
    return all.filter((one) => !isTwice(one));
  };
  const pairs: SegmentationPair[] = [];
  let [left, right] = [open('prediction', predictions), open('reference', references)];
  for (const keyOf of [exactName, plainName]) {
    const byKey = new Map(right.map((reference) => [keyOf(reference), reference]));
    for (const prediction of left) {
      const reference = byKey.get(keyOf(prediction));
      if (!reference) continue;
      byKey.delete(keyOf(prediction));
      pairs.push({ caseId: reference.name, prediction, reference });
    }
    left = left.filter((one) => !pairs.some(({ prediction }) => prediction === one));
    right = right.filter((one) => !pairs.some(({ reference }) => reference === one));
  }
  unpaired.push(
    ...left.map((one) => leftOut('prediction', one, 'there is no reference of its name')),
    ...right.map((one) => leftOut('reference', one, 'there is no prediction of its name')),
  );
  return { pairs: pairs.sort((a, b) => byCodePoint(a.caseId, b.caseId)), unpaired };
}

function exactName({ name }: NamedSegmentation): string {
  return nameKey(name);
}

function plainName({ name }: NamedSegmentation): string {
  return nameKey(name).replace(SUFFIX, '').toLowerCase();
}

function leftOut(side: Unpaired['side'], { files, name }: NamedSegmentation, reason: string): Unpaired {
  return { side, path: files[0]?.path ?? name, reason };
}

/** The images of a case among files: `case_0000`, `case_0001`, …, or one called as the case. */
export function imagesOfCase(caseId: string, files: readonly SourceFile[]): readonly SourceFile[] {
  const isOf = (file: SourceFile) => {
    const [name, start] = [nameKey(fileName(file)), nameKey(caseId)];
    if (!name.startsWith(start)) return false;
    return /^(_\d{4})?\.\D/.test(name.slice(start.length));
  };
  return files
    .filter((file) => !isHiddenFile(file) && isOf(file))
    .toSorted((a, b) => byCodePoint(fileName(a), fileName(b)));
}
