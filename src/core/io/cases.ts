// Which files make up which case, by nnU-Net's names: `{case}_{CCCC}{ending}`, channels from 0000.
import { nameKey } from '@/shared/names';
import { findDicomSeries } from './dicomSeries';
import { formatLabels } from './formats';
import { imageFiles, voxelEnding, voxelEndingsOf, withoutImageEnding } from './imageNames';
import { sniff } from './sniff';
import { fileName, type SourceFile } from './sourceFile';
import { isHiddenFile } from './systemFiles';

/** The files of one case, channels in order; a header is followed by its voxels, a TIFF by its `{case}.json`. */
export interface CaseFiles {
  readonly caseId: string;
  readonly files: readonly SourceFile[];
}

export interface GroupedFiles {
  /** By case id, in code-point order. */
  readonly cases: readonly CaseFiles[];
  readonly ignored: readonly { readonly path: string; readonly reason: string }[];
}

export interface GroupOptions {
  /** How many channels the model takes: numbers below it count as channels even where 0000 is missing. */
  readonly channels?: number;
}

/** One image: a file, or a header with the file of its voxels. */
export interface ImageFiles {
  readonly folder: string;
  /** Name without ending. */
  readonly stem: string;
  readonly files: readonly SourceFile[];
}

type Ignore = (path: string, reason: string) => void;

const TIFF_ENDING = /\.tiff?$/i;
const CHANNEL_SUFFIX = /^(.*)_(\d{4})$/s;

function folderOf({ path }: SourceFile): string {
  return path.slice(0, path.lastIndexOf('/') + 1);
}

/** The images among `files`, pairs put together; everything else is handed to `ignore`. */
export function findImages(files: readonly SourceFile[], ignore: Ignore): readonly ImageFiles[] {
  const isVoxels = (file: SourceFile) => voxelEnding(file) !== undefined;
  const voxelFiles = new Map(
    files.filter(isVoxels).map((file) => [`${withoutImageEnding(file.path)}${voxelEnding(file)}`, file]),
  );
  const asImage = (...members: readonly SourceFile[]): ImageFiles => ({
    folder: folderOf(members[0]),
    stem: withoutImageEnding(fileName(members[0])),
    files: members,
  });
  const images: ImageFiles[] = [];
  for (const file of files) if (!isVoxels(file) && !voxelEndingsOf(file)) images.push(asImage(file));
  for (const header of files) {
    const endings = voxelEndingsOf(header);
    if (!endings) continue;
    const keys = endings.map((ending) => `${withoutImageEnding(header.path)}${ending}`);
    const key = keys.find((one) => voxelFiles.has(one));
    const voxels = key === undefined ? undefined : voxelFiles.get(key);
    if (key !== undefined) voxelFiles.delete(key);
    if (voxels) images.push(asImage(header, voxels));
    else ignore(header.path, `its ${endings[0]} file is missing`);
  }
  for (const orphan of voxelFiles.values())
    ignore(
      orphan.path,
      voxelEnding(orphan) === '.img' ? 'its .hdr file is missing' : 'its header file is missing',
    );
  return images;
}

/** A case before it has an id that is unique over folders. */
interface FoundCase {
  readonly folder: string;
  readonly name: string;
  readonly files: readonly SourceFile[];
  /** Its files have channel numbers. */
  readonly isNumbered: boolean;
}

/** Images of one folder whose names differ in the channel number alone are a case; every other image is one by itself. */
function casesByChannel(
  images: readonly ImageFiles[],
  channels: number,
  ignore: Ignore,
): readonly FoundCase[] {
  const numberOf = ({ stem }: ImageFiles) => CHANNEL_SUFFIX.exec(stem)?.[2];
  const nameOf = ({ stem }: ImageFiles) => CHANNEL_SUFFIX.exec(stem)?.[1] ?? stem;
  const alone = (image: ImageFiles) => ({
    folder: image.folder,
    name: image.stem,
    files: image.files,
    isNumbered: false,
  });
  const numbered = images.filter((image) => numberOf(image) !== undefined);
  const found = images.filter((image) => numberOf(image) === undefined).map(alone);
  for (const group of groupBy(numbered, (image) => nameKey(image.folder + nameOf(image))).values()) {
    const numbers = group.map((image) => Number(numberOf(image)));
    if (!numbers.includes(0) && numbers.some((number) => number >= channels)) {
      found.push(...group.map(alone));
      continue;
    }
    const inOrder = group.toSorted((a, b) => compare(nameKey(a.stem), nameKey(b.stem)));
    const channelOf = (image: ImageFiles) => Number(numberOf(image));
    const isTwin = (image: ImageFiles, i: number) =>
      inOrder.findIndex((other) => channelOf(other) === channelOf(image)) < i;
    for (const [i, image] of inOrder.entries()) {
      if (!isTwin(image, i)) continue;
      const first = inOrder.find((other) => channelOf(other) === channelOf(image));
      for (const { path } of image.files)
        ignore(path, `its case has channel ${numberOf(image)} in ${first?.files[0].path} already`);
    }
    const files = inOrder.filter((image, i) => !isTwin(image, i)).flatMap((image) => image.files);
    found.push({ folder: group[0].folder, name: nameOf(group[0]), files, isNumbered: true });
  }
  return found;
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}

/** Code-point order, as Python sorts. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** `patient1/ct` and `patient2/ct` become `patient1_ct` and `patient2_ct`; a name that is alone stays as it is. */
function withUniqueIds(found: readonly FoundCase[], ignore: Ignore): readonly CaseFiles[] {
  const numberedNames = new Set(
    found.filter(({ isNumbered }) => isNumbered).map(({ name }) => nameKey(name)),
  );
  const images = found.filter(({ name, isNumbered, files }) => {
    const isSegmentation = !isNumbered && numberedNames.has(nameKey(name));
    if (isSegmentation)
      for (const { path } of files) ignore(path, `named like the segmentation of the case ${name}`);
    return !isSegmentation;
  });
  const byName = groupBy(images, ({ name }) => nameKey(name));
  const cases = new Map<string, CaseFiles>();
  for (const { folder, name, files } of images) {
    const isShared = new Set(byName.get(nameKey(name))?.map((other) => other.folder)).size > 1;
    const caseId = isShared ? `${folder}${name}`.replaceAll('/', '_') : name;
    if (name === '')
      for (const { path } of files) ignore(path, 'its name has no case before the channel number');
    else if (cases.has(nameKey(caseId)))
      for (const { path } of files) ignore(path, `there is another image of the case ${caseId}`);
    else cases.set(nameKey(caseId), { caseId, files });
  }
  return [...cases.values()].toSorted((a, b) => compare(a.caseId, b.caseId));
}

/** Puts `{case}.json`, where Tiff3DIO looks for the voxel size, behind the TIFF files of the case. */
function withSideCars(found: readonly FoundCase[], sideCars: Map<string, SourceFile>): readonly FoundCase[] {
  return found.map((each) => {
    const key = nameKey(`${each.folder}${each.name}.json`);
    const sideCar = each.files.some(({ path }) => TIFF_ENDING.test(path)) ? sideCars.get(key) : undefined;
    if (!sideCar) return each;
    sideCars.delete(key);
    return { ...each, files: [...each.files, sideCar] };
  });
}

/**
 * Groups dropped or listed files into cases. `case_0000.nii.gz`, `case_0001.nii.gz` are the channels of `case`; a name
 * without a channel number is a case of one file. Whatever is no image is listed with the reason. DICOM files have no
 * names to go by: {@link findCases} groups them.
 */
export function groupIntoCases(
  files: readonly SourceFile[],
  { channels = 0 }: GroupOptions = {},
): GroupedFiles {
  const ignored: { path: string; reason: string }[] = [];
  const ignore: Ignore = (path, reason) => ignored.push({ path, reason });
  const visible = files.filter((file) => {
    if (isHiddenFile(file)) ignore(file.path, 'hidden file');
    return !isHiddenFile(file);
  });
  const candidates = imageFiles(visible);
  const isCandidate = new Set(candidates);
  const sideCars = new Map(
    visible.filter(({ path }) => path.endsWith('.json')).map((file) => [nameKey(file.path), file]),
  );
  const found = withSideCars(casesByChannel(findImages(candidates, ignore), channels, ignore), sideCars);
  const cases = withUniqueIds(found, ignore);
  const used = new Set(cases.flatMap((each) => each.files));
  for (const file of visible) {
    if (!isCandidate.has(file) && !used.has(file))
      ignore(file.path, `not an image (${formatLabels().join(', ')})`);
  }
  return { cases, ignored };
}

/** Endings of what is no image for certain, so that it need not be opened. */
const OTHER_ENDING = /\.(json|pth|pt|pkl|npz|npy|zip|onnx|safetensors|txt|md|csv|tsv|py|log|pdf|html?)$/i;

/** What {@link findCases} makes of a heap of files. */
export interface FoundCases extends GroupedFiles {
  /** Files that are no images at all. */
  readonly others: readonly SourceFile[];
}

/** Like {@link groupIntoCases}, with DICOM files, whatever their names, grouped into a case per series. */
export async function findCases(
  files: readonly SourceFile[],
  options: GroupOptions = {},
): Promise<FoundCases> {
  const slices: SourceFile[] = [];
  const named: SourceFile[] = [];
  const others: SourceFile[] = [];
  const isImage = new Set(imageFiles(files));
  for (const file of files) {
    if (isHiddenFile(file) || isImage.has(file) || /\.json$/i.test(file.path)) named.push(file);
    else if (!OTHER_ENDING.test(file.path) && (await sniff(file)) === 'dicom') slices.push(file);
    else others.push(file);
  }
  const { cases, ignored } = groupIntoCases(named, options);
  const found = slices.length > 0 ? await findDicomSeries(slices) : { series: [], ignored: [] };
  const taken = new Set(cases.map(({ caseId }) => caseId));
  const ofSeries = found.series.map(({ name, files: members }) => ({
    caseId: taken.has(name) ? `${name}-dicom` : name,
    files: members,
  }));
  const isJson = ({ path }: { readonly path: string }) => /\.json$/i.test(path);
  const unused = new Set(ignored.filter(isJson).map(({ path }) => path));
  return {
    cases: [...cases, ...ofSeries].toSorted((a, b) => compare(a.caseId, b.caseId)),
    ignored: [...ignored.filter((one) => !isJson(one)), ...found.ignored],
    others: [...others, ...named.filter(({ path }) => unused.has(path))],
  };
}
