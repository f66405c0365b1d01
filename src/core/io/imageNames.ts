// What the name of a file says of images: which endings they have, in whatever case.
import { FORMATS } from './formats';
import type { ImageFormat } from './imageFormat';
import { fileName, type SourceFile } from './sourceFile';

type Named = Pick<SourceFile, 'path'>;

const ALL: readonly ImageFormat[] = FORMATS;

/** Endings of the files of voxels by those of their headers. */
const VOXEL_ENDINGS: ReadonlyMap<string, readonly string[]> = new Map(
  ALL.flatMap(({ voxelEndings = {} }) => Object.entries(voxelEndings)),
);
/** Endings that people give to many other things: a file of voxels only beside its header. */
const COMMON_ENDINGS: readonly string[] = ['.bin', '.dat'];

const alternatives = (endings: readonly string[]) =>
  endings.map((ending) => ending.replaceAll('.', '\\.')).join('|');
const voxelEndings = [...new Set([...VOXEL_ENDINGS.values()].flat())];
const ownEndings = voxelEndings.filter((ending) => !COMMON_ENDINGS.includes(ending));
/** So that `.nii.gz` is one ending. */
function longestFirst(endings: readonly string[]): readonly string[] {
  return [...endings].sort((a, b) => b.length - a.length);
}
const opened = longestFirst(ALL.flatMap(({ endings }) => endings));

const HEADER = new RegExp(`(?:${alternatives(longestFirst([...VOXEL_ENDINGS.keys()]))})$`, 'i');
const VOXELS = new RegExp(`(?:${alternatives(voxelEndings)})(\\.gz)?$`, 'i');
const IMAGE = new RegExp(`(?:${alternatives(opened)}|(?:${alternatives(ownEndings)})(?:\\.gz)?)$`, 'i');
const IMAGE_OR_VOXELS = new RegExp(
  `(?:${alternatives(opened)}|(?:${alternatives(voxelEndings)})(?:\\.gz)?)$`,
  'i',
);

const RESULT = new RegExp(`(?:${alternatives(longestFirst(ALL.flatMap((one) => one.resultEndings)))})$`, 'i');

/** True for the names that images have, their headers and voxels included. */
export function hasImageName(file: Named): boolean {
  return IMAGE.test(fileName(file));
}

/** The ending of an image's name as it stands there, `.nii.gz` say; `undefined` of other names. */
export function imageEnding(name: string): string | undefined {
  return IMAGE_OR_VOXELS.exec(name)?.[0];
}

/** A name or path without the ending of an image. */
export function withoutImageEnding(name: string): string {
  return name.slice(0, name.length - (imageEnding(name)?.length ?? 0));
}

/** The ending of a name that a label map can be written to, as it stands there. */
export function resultEnding(name: string): string | undefined {
  return RESULT.exec(name)?.[0];
}

/** True for the names of files of voxels, which a header names. */
export function hasVoxelEnding({ path }: Named): boolean {
  return VOXELS.test(path);
}

/** The ending of a file of voxels, lower case, without gzip's. */
export function voxelEnding({ path }: Named): string | undefined {
  return VOXELS.exec(path)?.[0].toLowerCase().replace(/\.gz$/, '');
}

/** Where the name is that of a header: endings of the files that may hold its voxels, the likeliest first. */
export function voxelEndingsOf({ path }: Named): readonly string[] | undefined {
  const header = HEADER.exec(path)?.[0].toLowerCase();
  return header === undefined ? undefined : VOXEL_ENDINGS.get(header);
}

/** The files of images among `files`: by their names, or as voxels beside a header of the same name. */
export function imageFiles<F extends Named>(files: readonly F[]): readonly F[] {
  const headers = new Map(
    files.flatMap((file) => {
      const endings = voxelEndingsOf(file);
      return endings ? [[withoutImageEnding(file.path), endings] as const] : [];
    }),
  );
  const belongs = (file: F) => {
    const ending = voxelEnding(file);
    return ending !== undefined && headers.get(withoutImageEnding(file.path))?.includes(ending);
  };
  return files.filter((file) => hasImageName(file) || belongs(file));
}
