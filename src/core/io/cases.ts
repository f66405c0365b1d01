// Which files make up which case, by nnU-Net's names: `{case}_{CCCC}{ending}`, channels from 0000.
import { hasNiftiName } from './nifti';
import { fileName, type SourceFile } from './sourceFile';

/** The files of one case, channels in order; a `.hdr` is followed by its `.img`. */
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

/** One image: a file, or a `.hdr` with its `.img`. */
interface ImageFiles {
  readonly folder: string;
  /** Name without ending. */
  readonly stem: string;
  readonly files: readonly SourceFile[];
}

type Ignore = (path: string, reason: string) => void;

const ENDING = /\.(nii|hdr|img)(\.gz)?$/i;
const CHANNEL_SUFFIX = /^(.*)_(\d{4})$/s;

/** Files that systems leave about: names with a leading dot, and what macOS adds to archives. */
export function isHiddenFile({ path }: Pick<SourceFile, 'path'>): boolean {
  return path
    .split('/')
    .some((part) => part === '__MACOSX' || (part.startsWith('.') && part !== '.' && part !== '..'));
}

function folderOf({ path }: SourceFile): string {
  return path.slice(0, path.lastIndexOf('/') + 1);
}

function pathWithoutEnding({ path }: SourceFile): string {
  return path.replace(ENDING, '');
}

/** The images among `files`, pairs put together; everything else is handed to `ignore`. */
function findImages(files: readonly SourceFile[], ignore: Ignore): readonly ImageFiles[] {
  const ofKind = (kind: string) => files.filter((file) => ENDING.exec(file.path)?.[1].toLowerCase() === kind);
  const voxelFiles = new Map(ofKind('img').map((file) => [pathWithoutEnding(file), file]));
  const asImage = (...members: readonly SourceFile[]): ImageFiles => ({
    folder: folderOf(members[0]),
    stem: fileName(members[0]).replace(ENDING, ''),
    files: members,
  });
  const images = ofKind('nii').map((file) => asImage(file));
  for (const header of ofKind('hdr')) {
    const voxels = voxelFiles.get(pathWithoutEnding(header));
    voxelFiles.delete(pathWithoutEnding(header));
    if (voxels) images.push(asImage(header, voxels));
    else ignore(header.path, 'its .img file is missing');
  }
  for (const orphan of voxelFiles.values()) ignore(orphan.path, 'its .hdr file is missing');
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
function casesByChannel(images: readonly ImageFiles[], channels: number): readonly FoundCase[] {
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
  for (const group of groupBy(numbered, (image) => image.folder + nameOf(image)).values()) {
    const numbers = group.map((image) => Number(numberOf(image)));
    if (!numbers.includes(0) && numbers.some((number) => number >= channels)) {
      found.push(...group.map(alone));
      continue;
    }
    const files = group.toSorted((a, b) => compare(a.stem, b.stem)).flatMap((image) => image.files);
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
  const numberedNames = new Set(found.filter(({ isNumbered }) => isNumbered).map(({ name }) => name));
  const images = found.filter(({ name, isNumbered, files }) => {
    const isSegmentation = !isNumbered && numberedNames.has(name);
    if (isSegmentation)
      for (const { path } of files) ignore(path, `named like the segmentation of the case ${name}`);
    return !isSegmentation;
  });
  const byName = groupBy(images, ({ name }) => name);
  const cases = new Map<string, CaseFiles>();
  for (const { folder, name, files } of images) {
    const isShared = new Set(byName.get(name)?.map((other) => other.folder)).size > 1;
    const caseId = isShared ? `${folder}${name}`.replaceAll('/', '_') : name;
    if (name === '')
      for (const { path } of files) ignore(path, 'its name has no case before the channel number');
    else if (cases.has(caseId))
      for (const { path } of files) ignore(path, `there is another image of the case ${caseId}`);
    else cases.set(caseId, { caseId, files });
  }
  return [...cases.values()].toSorted((a, b) => compare(a.caseId, b.caseId));
}

/**
 * Groups dropped or listed files into cases. `case_0000.nii.gz`, `case_0001.nii.gz` are the channels of `case`; a name
 * without a channel number is a case of one file. Whatever is no image is listed with the reason.
 */
export function groupIntoCases(
  files: readonly SourceFile[],
  { channels = 0 }: GroupOptions = {},
): GroupedFiles {
  const ignored: { path: string; reason: string }[] = [];
  const ignore: Ignore = (path, reason) => ignored.push({ path, reason });
  const candidates = files.filter((file) => {
    if (isHiddenFile(file)) ignore(file.path, 'hidden file');
    else if (!hasNiftiName(file)) ignore(file.path, 'not an image (.nii.gz, .nii, or .hdr with .img)');
    else return true;
    return false;
  });
  return { cases: withUniqueIds(casesByChannel(findImages(candidates, ignore), channels), ignore), ignored };
}
