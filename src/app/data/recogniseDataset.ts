// Whether given files are training data: a raw dataset, a Decathlon task, or images with label maps of the same names.

import { isMsdTask } from '@/core/dataset/convertMsd';
import { isInLabelFolder, isLabelName } from '@/core/dataset/labelNames';
import { type PairedFiles, pairLooseFiles } from '@/core/dataset/looseDataset';
import { unpackZips } from '@/core/dataset/rawDataset';
import { readJson } from '@/core/interop/json';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { findCases } from '@/core/io/cases';
import { datasetEndings, readerFor } from '@/core/io/readers';
import { fileName, type SourceFile } from '@/core/io/sourceFile';
import { isHiddenFile } from '@/core/io/systemFiles';
import type { DatasetProgress, PairsProposal, UnlabelledImages } from '@/workers/data/api';

/** The dataset.json of a raw dataset or Decathlon task among unpacked files; models carry one too, without images. */
export async function findDatasetJson(files: readonly SourceFile[]): Promise<SourceFile | undefined> {
  const candidates = files.filter((file) => fileName(file) === NNUNET_FILES.dataset && !isHiddenFile(file));
  for (const file of candidates) {
    const root = file.path.slice(0, -NNUNET_FILES.dataset.length);
    const hasImages = files.some(
      ({ path }) => path.startsWith(`${root}imagesTr/`) || path.startsWith(`${root}labelsTr/`),
    );
    if (hasImages || (await hasFileTable(file))) return file;
  }
  return undefined;
}

/** dataset.json with a table of files in place of the folders. */
async function hasFileTable(file: SourceFile): Promise<boolean> {
  const json = await readJson(file).catch(() => undefined);
  return typeof json === 'object' && json !== null && 'dataset' in json && Boolean(json.dataset);
}

/**
 * `DatasetXXX_Name` for a dataset whose folder is called `folder`: its own name if it is one or nearly one (`dataset4_a`),
 * the Decathlon task's, else the next free number with the folder's name.
 */
export function datasetNameFor(folder: string, taken: readonly string[]): string {
  if (/^Dataset\d{3}_.+$/.test(folder)) return folder;
  const nearly = /^dataset[-_ ]?0*(\d{1,3})[-_ ](.+)$/i.exec(folder);
  if (nearly) return `Dataset${nearly[1].padStart(3, '0')}_${nearly[2]}`;
  const task = /^Task(\d+)_([^_]+)$/.exec(folder);
  if (task) return `Dataset${task[1].padStart(3, '0')}_${task[2]}`;
  const words = folder
    .normalize('NFKD')
    .split(/[^a-zA-Z0-9]+/)
    .filter(Boolean);
  const title = words.map((word) => word[0].toUpperCase() + word.slice(1)).join('') || 'New';
  const ids = new Set(taken.map((name) => Number(name.slice(7, 10))));
  let id = 1;
  while (ids.has(id)) id++;
  return `Dataset${String(id).padStart(3, '0')}_${title}`;
}

/** The folder that holds a dataset.json. */
export function folderOfDataset(json: SourceFile): string {
  return json.path.split('/').at(-2) ?? 'dataset';
}

export function isDecathlon(files: readonly SourceFile[]): boolean {
  return isMsdTask(files);
}

/** Unpacked, without what systems leave about. */
export async function givenImages(files: readonly SourceFile[]): Promise<readonly SourceFile[]> {
  return (await unpackZips(files)).filter((file) => !isHiddenFile(file));
}

/** Files that a model has, beside which images are its own. */
const MODEL_FILE = /(\.(pth|pt|onnx|nnstudio)|(^|\/)plans\.json)$/i;
const TRAINING_IMAGES = /(^|\/)imagesTr\//;
const TEST_IMAGES = /(^|\/)imagesTs\//;

/**
 * Images with or without label maps among files without a dataset.json, in formats that nnU-Net trains on; `undefined` where
 * there are no images, or where all of them belong to a model. Where there is `imagesTr`, `imagesTs` beside it is for testing.
 */
export function findPairs(
  given: readonly SourceFile[],
): { readonly pairs: PairedFiles; readonly fileEnding: string } | undefined {
  const hasTraining = given.some(({ path }) => TRAINING_IMAGES.test(path));
  const files = hasTraining ? given.filter(({ path }) => !TEST_IMAGES.test(path)) : given;
  const fileEnding = commonEnding(files);
  if (!fileEnding) return undefined;
  const images: SourceFile[] = [];
  const labels: SourceFile[] = [];
  for (const file of files) (isLabelMap(file, fileEnding) ? labels : images).push(file);
  const found = pairLooseFiles(images, labels, fileEnding);
  const isModel = given.some(({ path }) => MODEL_FILE.test(path));
  const pairs = isModel ? { ...found, unlabelled: [] } : found;
  return pairs.cases.length + pairs.unlabelled.length > 0 ? { pairs, fileEnding } : undefined;
}

/** Images, with none that {@link findPairs} takes; `undefined` where there are no images, or where they belong to a model. */
export async function findUnlabelled(files: readonly SourceFile[]): Promise<UnlabelledImages | undefined> {
  if (files.some(({ path }) => MODEL_FILE.test(path))) return undefined;
  const { cases } = await findCases(files);
  const isMap = ({ caseId, files: [first] }: (typeof cases)[number]) =>
    isInLabelFolder(first) || isLabelName(caseId);
  if (cases.length === 0 || cases.every(isMap)) return undefined;
  return { kind: 'unlabelled', caseIds: cases.map(({ caseId }) => caseId) };
}

function isLabelMap(file: SourceFile, fileEnding: string): boolean {
  const name = fileName(file);
  const stem = name.endsWith(fileEnding) ? name.slice(0, -fileEnding.length) : name;
  return isInLabelFolder(file) || isLabelName(stem);
}

/** The ending that most of the files have. */
function commonEnding(files: readonly SourceFile[]): string | undefined {
  const counts = new Map<string, number>();
  for (const file of files) {
    const ending = datasetEndings().find((one) => fileName(file).toLowerCase().endsWith(one));
    if (ending) counts.set(ending, (counts.get(ending) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0];
}

interface ProposeOptions {
  readonly taken: readonly string[];
  readonly signal: AbortSignal;
  readonly onProgress: (progress: DatasetProgress) => void;
}

/** What the form for pairs starts from; every label map is read for its values. */
export async function proposePairs(
  { pairs, fileEnding }: { readonly pairs: PairedFiles; readonly fileEnding: string },
  { taken, signal, onProgress }: ProposeOptions,
): Promise<PairsProposal> {
  const { cases, unlabelled, unpaired } = pairs;
  const all = [...cases, ...unlabelled];
  const { reader } = await readerFor({ fileEnding, exampleFiles: [cases[0]?.label ?? all[0].images[0]] });
  const counts = new Map<number, number>();
  for (const [i, { caseId, label }] of cases.entries()) {
    signal.throwIfAborted();
    const { data } = await reader.read([label]);
    for (const value of new Set(data)) counts.set(value, (counts.get(value) ?? 0) + 1);
    const done = i + 1;
    onProgress({
      stage: 'Reading label maps',
      share: done / cases.length,
      done,
      total: cases.length,
      item: caseId,
    });
  }
  const root = all[0].images[0].path.split('/');
  return {
    kind: 'pairs',
    caseIds: cases.map(({ caseId }) => caseId),
    unlabelled: unlabelled.map(({ caseId }) => caseId),
    channels: Math.max(...(cases.length > 0 ? cases : unlabelled).map(({ images }) => images.length)),
    fileEnding,
    values: [...counts].sort((a, b) => a[0] - b[0]).map(([value, n]) => ({ value, cases: n })),
    unpaired: unpaired.map(({ path }) => path),
    name: datasetNameFor(root.length > 2 ? root[0] : 'New', taken),
  };
}
