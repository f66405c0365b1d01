// A raw dataset from what people have: images and label maps in any folders, paired by their names.
import type { DeclaredLabels } from '@/core/interop/labels';
import { groupIntoCases } from '@/core/io/cases';
import { fileName, type SourceFile } from '@/core/io/sourceFile';
import { StudioError } from '@/shared/errors';
import { nameKey } from '@/shared/names';
import { caseNamesOfLabelMap } from './labelNames';
import { byCodePoint, type DatasetDocument } from './rawDataset';

/** What the form asks for. */
export interface NewDatasetFacts {
  readonly name: string;
  /** In channel order. */
  readonly channelNames: readonly string[];
  /** Name to value, or to the values of a region; `background` 0 included, in the order in which regions are written. */
  readonly labels: DeclaredLabels;
  readonly regionsClassOrder?: readonly number[];
  readonly fileEnding: string;
  readonly numTraining: number;
  readonly description?: string;
  readonly licence?: string;
}

/** The dataset.json of a new dataset, keys in the order of nnU-Net's `generate_dataset_json`. */
export function newDatasetJson(facts: NewDatasetFacts): DatasetDocument {
  const labels = new Map(
    [...facts.labels].map(([name, value]) => [name, typeof value === 'number' ? value : [...value]] as const),
  );
  return {
    channel_names: new Map(facts.channelNames.map((name, i) => [`${i}`, name])),
    labels,
    numTraining: facts.numTraining,
    file_ending: facts.fileEnding,
    name: facts.name,
    ...(facts.regionsClassOrder && { regions_class_order: [...facts.regionsClassOrder] }),
    ...(facts.licence && { licence: facts.licence }),
    ...(facts.description && { description: facts.description }),
  };
}

/** Files of a case under the names that nnU-Net wants. */
interface PairedCase {
  readonly caseId: string;
  readonly images: readonly SourceFile[];
  readonly label: SourceFile;
}

/** Images without a label map. */
interface UnlabelledCase {
  readonly caseId: string;
  readonly images: readonly SourceFile[];
}

export interface PairedFiles {
  readonly cases: readonly PairedCase[];
  readonly unlabelled: readonly UnlabelledCase[];
  /** Label maps without an image, and files with another ending. */
  readonly unpaired: readonly SourceFile[];
}

const CHANNEL = /^(.*)_(\d{4})$/s;

/**
 * Pairs images with label maps of the same name: `a_0000`, `a_0001` or `a` with `a`, `a_seg`, `a_label`, `a-mask`, ….
 * All must have `fileEnding`. Images that find no partner are cases without a label map.
 */
export function pairLooseFiles(
  images: readonly SourceFile[],
  labels: readonly SourceFile[],
  fileEnding: string,
): PairedFiles {
  const stemOf = (file: SourceFile) => fileName(file).slice(0, -fileEnding.length);
  const fits = (file: SourceFile) => fileName(file).endsWith(fileEnding);
  const imagesByCase = new Map<string, SourceFile[]>();
  for (const file of images
    .filter(fits)
    .toSorted((a, b) => byCodePoint(nameKey(fileName(a)), nameKey(fileName(b))))) {
    const key = nameKey(CHANNEL.exec(stemOf(file))?.[1] ?? stemOf(file));
    imagesByCase.set(key, [...(imagesByCase.get(key) ?? []), file]);
  }
  const unpaired = [...images, ...labels].filter((file) => !fits(file));
  const cases: PairedCase[] = [];
  for (const label of labels.filter(fits)) {
    const stem = nameKey(stemOf(label));
    const caseId = caseNamesOfLabelMap(stem).find((name) => imagesByCase.has(name));
    const own = caseId === undefined ? undefined : imagesByCase.get(caseId);
    if (caseId === undefined || !own) unpaired.push(label);
    else {
      imagesByCase.delete(caseId);
      cases.push({ caseId, images: own, label });
    }
  }
  const { cases: alone } = groupIntoCases([...imagesByCase.values()].flat());
  return {
    cases: cases.sort((a, b) => byCodePoint(a.caseId, b.caseId)),
    unlabelled: alone.map(({ caseId, files }) => ({ caseId, images: files })),
    unpaired,
  };
}

/**
 * The paired files and the images without label maps under nnU-Net's paths below the dataset's folder. Throws `NoDataset` if
 * there are none.
 */
export function layOutPairs(
  { cases, unlabelled }: Pick<PairedFiles, 'cases' | 'unlabelled'>,
  fileEnding: string,
): readonly { readonly path: string; readonly file: SourceFile }[] {
  if (cases.length + unlabelled.length === 0) {
    throw new StudioError(
      'NoDataset',
      'No image and label map have the same name.',
      'Name them alike: case.nii.gz with case_seg.nii.gz, or case_0000.nii.gz with case.nii.gz.',
    );
  }
  const imagesOf = ({ caseId, images }: UnlabelledCase) =>
    images.map((file, channel) => ({
      path: `imagesTr/${caseId}_${String(channel).padStart(4, '0')}${fileEnding}`,
      file,
    }));
  return [
    ...cases.flatMap((each) => [
      ...imagesOf(each),
      { path: `labelsTr/${each.caseId}${fileEnding}`, file: each.label },
    ]),
    ...unlabelled.flatMap(imagesOf),
  ];
}
