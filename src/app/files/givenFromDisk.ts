// Files on the disk that were dropped or picked. The page reads some of them only when they are needed, and a save that went
// over one of them would lose it: a browser lets a person choose any file to save into.
import { StudioError } from '@/shared/errors';

type FileFacts = Pick<File, 'name' | 'size' | 'lastModified'>;

/** Of what was given since the page was loaded. */
const given = new Set<string>();

/** By name, size and date, which is what a browser tells of a file's place. */
function keyOf({ name, size, lastModified }: FileFacts): string {
  return `${name}/${size}/${lastModified}`;
}

/** Remembers files that came from the disk. */
export function rememberGiven(files: Iterable<FileFacts>): void {
  for (const file of files) given.add(keyOf(file));
}

/** Throws `WouldReplaceInput` where the file that is chosen to be saved into is one that was given. */
export function assertNotGiven(chosen: FileFacts): void {
  if (chosen.size === 0 || !given.has(keyOf(chosen))) return;
  throw new StudioError(
    'WouldReplaceInput',
    `Saving as ${chosen.name} would write over ${chosen.name}, which you opened here.`,
    'Nothing has been changed. Choose another name or folder.',
  );
}
