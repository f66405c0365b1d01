// A raw dataset as nnU-Net lays it out: dataset.json beside imagesTr and labelsTr, or with its own table of files.

import { z } from 'zod';
import { datasetJsonFaults, faultText } from '@/core/interop/datasetJsonFaults';
import { readJson, validate } from '@/core/interop/json';
import { type LabelSet, labelSetOf } from '@/core/interop/labels';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { orderedRecord } from '@/core/interop/orderedRecord';
import { openArchive } from '@/core/io/archive';
import { hasImageName } from '@/core/io/imageNames';
import { fileName, type SourceFile } from '@/core/io/sourceFile';
import { isHiddenFile } from '@/core/io/systemFiles';
import { withSideCars } from '@/core/io/tiff3dIO';
import { messageOf, StudioError } from '@/shared/errors';
import { nameKey } from '@/shared/names';

/** A dataset.json as it lies in the file. */
export type DatasetDocument = z.output<typeof datasetSchema>;

/** The files of one training case. */
export interface RawCase {
  readonly caseId: string;
  /** In channel order; a file that the dataset's table names and that is not there is left out. */
  readonly images: readonly SourceFile[];
  /** `undefined` where the case is not labelled yet. */
  readonly label: SourceFile | undefined;
  /** Where the label map lies or belongs, below the dataset's folder unless dataset.json says otherwise: `labelsTr/case.nii.gz`. */
  readonly labelPath: string;
  /** Images that dataset.json names and that are not there. */
  readonly missing: readonly string[];
}

export interface RawDataset {
  /** `DatasetXXX_Name`, or the folder's name where it is called otherwise. */
  readonly name: string;
  readonly document: DatasetDocument;
  /** The file itself, to be copied. */
  readonly jsonFile: SourceFile;
  readonly channelNames: readonly string[];
  /** By case id, in code-point order. */
  readonly cases: readonly RawCase[];
  /** What is wrong with the folder's files as a whole. */
  readonly strayFiles: readonly { readonly path: string; readonly reason: string }[];
  /** Own splits beside dataset.json. */
  readonly splitsFile: SourceFile | undefined;
}

export interface OpenDatasetOptions {
  /** Finds a file that dataset.json names by a path outside the folder. */
  readonly findOutside?: (path: string) => Promise<SourceFile | undefined>;
}

const labelValue = z.int();

const datasetSchema = z.looseObject({
  channel_names: orderedRecord(z.string()),
  labels: orderedRecord(z.union([labelValue, z.array(labelValue).min(1)])),
  numTraining: z.int().min(0),
  file_ending: z.string().regex(/^\./, 'must start with a dot, like ".nii.gz"'),
  regions_class_order: z.array(labelValue).nullish(),
  overwrite_image_reader_writer: z.string().nullish(),
  dataset: z
    .record(z.string(), z.object({ images: z.array(z.string()).min(1), label: z.string() }))
    .nullish(),
});

const LAYOUT_HELP =
  'A dataset is a folder DatasetXXX_Name with dataset.json, imagesTr (case_0000.nii.gz, …) and labelsTr (case.nii.gz).';

/**
 * The dataset among dropped or listed files (a folder, or a zip of one). Looks at names and dataset.json only. Some or all
 * of its cases may lack their label maps. Throws `NoDataset` without a dataset.json or without images, `NoCases`, `BadJson`,
 * and `BadDatasetJson` with what is wrong.
 */
export async function openRawDataset(
  files: readonly SourceFile[],
  options: OpenDatasetOptions = {},
): Promise<RawDataset> {
  const all = withSideCars((await unpackZips(files)).filter((file) => !isHiddenFile(file)));
  const jsonFile = datasetJsonAmong(all);
  const root = jsonFile.path.slice(0, -NNUNET_FILES.dataset.length);
  const own = all.filter(({ path }) => path.startsWith(root));
  const document = parseDatasetDocument(await readJson(jsonFile), jsonFile.path);
  const found = document.dataset
    ? { cases: await casesOfTable(document.dataset, root, own, options), strayFiles: [] }
    : casesInFolders(own, root, document.file_ending);
  if (found.cases.length === 0) throw noCases(jsonFile.path, document, found.strayFiles);
  return {
    name: root.split('/').at(-2) ?? 'dataset',
    document,
    jsonFile,
    channelNames: [...document.channel_names.values()],
    ...found,
    splitsFile: own.find(({ path }) => path === `${root}${NNUNET_FILES.splits}`),
  };
}

function noCases(
  jsonPath: string,
  { file_ending: ending }: DatasetDocument,
  strayFiles: RawDataset['strayFiles'],
): StudioError {
  const example = strayFiles.length > 0 ? `; the first is ${strayFiles[0].path}` : '';
  const unnumbered = strayFiles
    .map(({ path }) => path.slice(path.lastIndexOf('/') + 1))
    .find((name) => name.endsWith(ending));
  if (unnumbered !== undefined) {
    return new StudioError(
      'NoCases',
      `${jsonPath}: no image is named case_0000${ending}${example}. The four digits are the channel of an image.`,
      `Append the channel to the names in imagesTr, ${unnumbered} → ${unnumbered.slice(0, -ending.length)}_0000${ending}, and so on; the label maps keep their names.`,
    );
  }
  return new StudioError(
    'NoCases',
    `${jsonPath} has the file_ending ${ending}, but no image is named case_0000${ending}${example}.`,
    'Correct file_ending, or rename the files.',
  );
}

/** Checks a parsed dataset.json. Throws `BadDatasetJson` with what is wrong in words, and the lines to write. */
export function parseDatasetDocument(json: unknown, file: string): DatasetDocument {
  const faults = datasetJsonFaults(json);
  if (faults.length > 0) {
    const { what, remedy } = faultText(faults);
    throw new StudioError('BadDatasetJson', `${file}: ${what}.`, remedy);
  }
  return validate(datasetSchema, json, file, 'BadDatasetJson');
}

/** What the labels mean. Throws `BadDatasetJson`. */
export function labelsOfDataset({ document, jsonFile }: Pick<RawDataset, 'document' | 'jsonFile'>): LabelSet {
  try {
    return labelSetOf(document.labels, document.regions_class_order ?? undefined);
  } catch (error) {
    throw new StudioError('BadDatasetJson', `${jsonFile.path}: ${messageOf(error)}.`, 'Correct the file.', {
      cause: error,
    });
  }
}

/** A zip's entries stand for it; everything else is as it is. */
export async function unpackZips(files: readonly SourceFile[]): Promise<readonly SourceFile[]> {
  const parts = await Promise.all(
    files.map(async (file) => {
      if (!/\.zip$/i.test(file.path)) return [file];
      const folder = fileName(file).replace(/\.zip$/i, '');
      const entries = await openArchive(file);
      const hasFolder = entries.every(({ path }) => path.includes('/'));
      return hasFolder ? entries : entries.map((entry) => ({ ...entry, path: `${folder}/${entry.path}` }));
    }),
  );
  return parts.flat();
}

/** The dataset.json nearest to the root. */
function datasetJsonAmong(files: readonly SourceFile[]): SourceFile {
  const found = files
    .filter((file) => fileName(file) === NNUNET_FILES.dataset)
    .sort((a, b) => a.path.split('/').length - b.path.split('/').length);
  if (found.length === 0) {
    throw new StudioError('NoDataset', `No dataset.json among the ${files.length} files.`, LAYOUT_HELP);
  }
  const outermost = found.filter(({ path }) => path.split('/').length === found[0].path.split('/').length);
  if (outermost.length > 1) {
    throw new StudioError(
      'NoDataset',
      `There are ${outermost.length} datasets: ${outermost.map(({ path }) => path).join(', ')}.`,
      'Give one of these folders.',
    );
  }
  return found[0];
}

/** nnU-Net's rule: all files of imagesTr with the ending, less ending and channel number. */
function casesInFolders(
  files: readonly SourceFile[],
  root: string,
  ending: string,
): Pick<RawDataset, 'cases' | 'strayFiles'> {
  const inFolder = (folder: string) =>
    files.filter(
      ({ path }) => path.startsWith(root + folder) && !path.slice((root + folder).length).includes('/'),
    );
  const images = inFolder('imagesTr/');
  const labels = inFolder('labelsTr/');
  if (images.length === 0) {
    throw new StudioError('NoDataset', `${root}: imagesTr missing or empty.`, LAYOUT_HELP);
  }
  const strayFiles: { path: string; reason: string }[] = [];
  const byCase = new Map<string, { readonly caseId: string; readonly own: SourceFile[] }>();
  const channelFile = /^(.+)_(\d{4})$/s;
  for (const file of sortedByName(images)) {
    const name = fileName(file);
    const caseId = name.endsWith(ending) ? channelFile.exec(name.slice(0, -ending.length))?.[1] : undefined;
    if (caseId === undefined) {
      strayFiles.push({ path: file.path, reason: strayReason(name, ending) });
      continue;
    }
    const known = byCase.get(nameKey(caseId));
    if (known) known.own.push(file);
    else byCase.set(nameKey(caseId), { caseId, own: [file] });
  }
  const labelByName = new Map(labels.map((file) => [nameKey(fileName(file)), file]));
  const found = [...byCase.values()].sort((a, b) => byCodePoint(a.caseId, b.caseId));
  const cases = found.map(({ caseId, own }): RawCase => {
    const labelName = caseId + ending;
    const label = labelByName.get(nameKey(labelName));
    labelByName.delete(nameKey(labelName));
    return { caseId, images: own, label, labelPath: `labelsTr/${labelName}`, missing: [] };
  });
  for (const orphan of sortedByName([...labelByName.values()])) {
    const isLabel = fileName(orphan).endsWith(ending);
    strayFiles.push({
      path: orphan.path,
      reason: isLabel ? 'is a label map without an image' : otherEnding(ending),
    });
  }
  return { cases, strayFiles };
}

/** Why a file among the images is none of them. */
function strayReason(name: string, ending: string): string {
  const isOtherImage = !name.endsWith(ending) && hasImageName({ path: name });
  return isOtherImage ? otherEnding(ending) : `is not named case_0000${ending}`;
}

function otherEnding(ending: string): string {
  return `does not end with ${ending}, the file_ending of dataset.json,`;
}

async function casesOfTable(
  table: NonNullable<DatasetDocument['dataset']>,
  root: string,
  files: readonly SourceFile[],
  { findOutside }: OpenDatasetOptions,
): Promise<readonly RawCase[]> {
  const byPath = new Map(files.map((file) => [nameKey(file.path), file]));
  const find = async (path: string) =>
    byPath.get(nameKey(normalized(root + path))) ?? (await findOutside?.(path));
  return Promise.all(
    Object.keys(table)
      .sort(byCodePoint)
      .map(async (caseId): Promise<RawCase> => {
        const { images, label } = table[caseId];
        const found = await Promise.all(images.map(find));
        const labelFile = await find(label);
        return {
          caseId,
          images: found.filter((file) => file !== undefined),
          label: labelFile,
          labelPath: normalized(label),
          missing: images.filter((_, i) => !found[i]),
        };
      }),
  );
}

/** Without `.` and `..`. */
function normalized(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/');
}

function sortedByName(files: readonly SourceFile[]): readonly SourceFile[] {
  return [...files].sort((a, b) => byCodePoint(nameKey(fileName(a)), nameKey(fileName(b))));
}

/** As Python sorts strings. */
export function byCodePoint(a: string, b: string): number {
  const [left, right] = [[...a], [...b]];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const difference = (left[i].codePointAt(0) ?? 0) - (right[i].codePointAt(0) ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}
