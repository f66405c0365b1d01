// Label maps among given files: which of them belong to which image, by name, size and values.

import {
  caseNamesOfLabelMap,
  isInLabelFolder,
  isLabelName,
  isNumberedLabelName,
  labelStem,
} from '@/core/dataset/labelNames';
import { type CaseFiles as CaseGroup, findCases } from '@/core/io/cases';
import { imageFiles, withoutImageEnding } from '@/core/io/imageNames';
import type { MedicalImage } from '@/core/io/medicalImage';
import { writeSegmentation } from '@/core/io/niftiWriter';
import { fileName, memoryFile, type SourceFile } from '@/core/io/sourceFile';
import { isHiddenFile } from '@/core/io/systemFiles';
import { formatShape, formatXyz } from '@/shared/geometry';
import { allClose } from '@/shared/numeric';
import { type GivenSegmentation, SEGMENTATION_FILE } from '@/storage/caseRecord';

/** A label map that is kept with its image. */
export interface SegmentationOfCase {
  readonly file: SourceFile;
  readonly facts: GivenSegmentation;
}

/** A label map's values, background left out. */
interface LabelMapFacts {
  /** Voxels by value, ascending. */
  readonly voxels: ReadonlyMap<number, number>;
  /** Neighbours along x are mostly equal, as in label maps and hardly ever in images. */
  readonly isInPieces: boolean;
}

const CHANNEL = /_\d{4}$/;
/** A map of more labels than this is taken for an image, unless its name says otherwise. */
const MOST_UNNAMED_LABELS = 150;
/** Of the foreground, voxels like the one before them. */
const LEAST_EQUAL_SHARE = 0.6;

export function stemOf(file: Pick<SourceFile, 'path'>): string {
  return withoutImageEnding(fileName(file));
}

/** Files whose names say that they are label maps of other files here. */
function namedLabelMaps(files: readonly SourceFile[]): readonly SourceFile[] {
  const images = imageFiles(files.filter((file) => !isHiddenFile(file)));
  const unsorted = images.filter((file) => !isInLabelFolder(file));
  const numbered = new Set(unsorted.map(stemOf).filter((stem) => CHANNEL.test(stem)));
  const cases = new Set([...numbered].map((stem) => stem.replace(CHANNEL, '')));
  const stems = new Set(unsorted.map(stemOf));
  /** `head_seg_0000` beside `head` or `head_0000`. */
  const isNumberedMap = (stem: string) => {
    const image = labelStem(stem.replace(CHANNEL, ''));
    return isNumberedLabelName(stem) && (stems.has(image) || cases.has(image));
  };
  const isMap = (file: SourceFile) => {
    const stem = stemOf(file);
    const isUnnumbered = cases.has(stem) && !numbered.has(stem);
    return isInLabelFolder(file) || isLabelName(stem) || isNumberedMap(stem) || isUnnumbered;
  };
  return images.filter(isMap);
}

/** Images in cases, and the label map of each; what belongs to no image is an image by itself. */
export interface SortedFiles {
  readonly groups: readonly CaseGroup[];
  readonly ignored: Awaited<ReturnType<typeof findCases>>['ignored'];
  readonly others: readonly SourceFile[];
  /** By case id. */
  readonly labelMaps: ReadonlyMap<string, SourceFile>;
  /** By case id: images whose name says that they are label maps, but of which no image is here. */
  readonly lone: ReadonlySet<string>;
}

/** Puts label maps beside the images of their names. */
export async function sortLabelMaps(files: readonly SourceFile[]): Promise<SortedFiles> {
  const named = new Set(namedLabelMaps(files));
  const images = await findCases(files.filter((file) => !named.has(file)));
  const labelMaps = new Map<string, SourceFile>();
  const left: SourceFile[] = [];
  for (const file of named) {
    const group = caseNamesOfLabelMap(stemOf(file))
      .map((name) => images.cases.find(({ caseId }) => caseId === name && !labelMaps.has(caseId)))
      .find((found) => found !== undefined);
    if (group) labelMaps.set(group.caseId, file);
    else left.push(file);
  }
  const alone = await findCases(left);
  const taken = new Set(images.cases.map(({ caseId }) => caseId));
  const loneGroups = alone.cases.map((group) =>
    taken.has(group.caseId) ? { ...group, caseId: `${group.caseId} (labels)` } : group,
  );
  return {
    groups: [...images.cases, ...loneGroups],
    ignored: [...images.ignored, ...alone.ignored],
    others: [...images.others, ...alone.others],
    labelMaps,
    lone: new Set(loneGroups.map(({ caseId }) => caseId)),
  };
}

/** What is wrong with a map where {@link labelMapFacts} has nothing to say. */
export const NO_LABEL_NUMBERS = 'it holds more than whole numbers from 0 to 65535, so it is no label map';

/** Why a map is not the label map of an image, as the end of a sentence; `undefined` where it fits. */
export function labelMapMisfit(
  image: Pick<MedicalImage, 'shape'>,
  map: Pick<MedicalImage, 'data' | 'channels' | 'shape'>,
): string | undefined {
  if (map.channels !== 1) return `it has ${map.channels} channels; a label map has one, of label numbers`;
  if (formatShape(map.shape) !== formatShape(image.shape)) {
    return `its size of ${formatXyz(map.shape)} voxels is not that of its image, ${formatXyz(image.shape)} (x × y × z)`;
  }
  return labelMapFacts(map) ? undefined : NO_LABEL_NUMBERS;
}

/** What a map of whole numbers holds; `undefined` for anything else. */
export function labelMapFacts({
  data,
  channels,
}: Pick<MedicalImage, 'data' | 'channels'>): LabelMapFacts | undefined {
  if (channels !== 1) return undefined;
  const voxels = new Map<number, number>();
  let [foreground, equal, count] = [0, 0, 0];
  let last = Number.NaN;
  for (let i = 0; i < data.length; i++) {
    const value = data[i];
    if (value === last) {
      count++;
      if (value !== 0) equal++;
      continue;
    }
    if (!(value >= 0 && value <= 0xffff) || value !== Math.floor(value)) return undefined;
    if (count > 0) voxels.set(last, (voxels.get(last) ?? 0) + count);
    [last, count] = [value, 1];
  }
  if (count > 0) voxels.set(last, (voxels.get(last) ?? 0) + count);
  voxels.delete(0);
  for (const number of voxels.values()) foreground += number;
  const inOrder = new Map([...voxels].sort(([a], [b]) => a - b));
  return { voxels: inOrder, isInPieces: foreground > 0 && equal >= LEAST_EQUAL_SHARE * foreground };
}

/** Whether an image of any name looks like a label map. */
export function looksLikeLabelMap(image: MedicalImage): boolean {
  const facts = labelMapFacts(image);
  if (!facts?.isInPieces) return false;
  return facts.voxels.size <= MOST_UNNAMED_LABELS;
}

/** The segmentation of a case as it is kept, in the place of its image; `undefined` where {@link labelMapMisfit} says why. */
export async function segmentationOf(
  image: MedicalImage,
  map: MedicalImage,
  name: string,
): Promise<SegmentationOfCase | undefined> {
  const facts = labelMapFacts(map);
  if (!facts || labelMapMisfit(image, map) !== undefined) return undefined;
  const highest = Math.max(0, ...facts.voxels.keys());
  const labels = highest < 256 ? Uint8Array.from(map.data) : Uint16Array.from(map.data);
  const content = await writeSegmentation(labels, image.shape, image.geometry);
  const warning = `${name} says that its voxels are ${formatXyz(map.spacing)} mm, the image ${formatXyz(image.spacing)} mm. It is laid over the image voxel by voxel.`;
  return {
    file: memoryFile(content, SEGMENTATION_FILE),
    facts: {
      givenAs: name,
      labels: [...facts.voxels].map(([value, voxels]) => ({ value, name: `label ${value}`, voxels })),
      hasProbabilities: false,
      warnings: allClose(map.spacing, image.spacing) ? [] : [warning],
      finishedAt: Date.now(),
    },
  };
}
