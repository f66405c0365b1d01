// How people name label maps, in whatever words.
import type { SourceFile } from '@/core/io/sourceFile';

/** Names of folders that hold label maps. */
const LABEL_FOLDER =
  /^(labels?(T[rs])?|masks?|seg(mentation)?s?|gt(_segmentations)?|ground[-_ ]?truths?|annotations?)$/i;
/** What is appended to the name of a label map. */
const LABEL_SUFFIX = /[-_](seg|segmentation|labels?|mask|gt|groundtruth|lbl)$/i;

/** Whether a folder on the way to a file is called as those of label maps are. */
export function isInLabelFolder({ path }: Pick<SourceFile, 'path'>): boolean {
  return path
    .split('/')
    .slice(0, -1)
    .some((folder) => LABEL_FOLDER.test(folder));
}

/** Whether a file's name, without its ending, is that of a label map. */
export function isLabelName(stem: string): boolean {
  return LABEL_SUFFIX.test(stem);
}

/** The name without what makes it a label map's. */
export function labelStem(stem: string): string {
  return stem.replace(LABEL_SUFFIX, '');
}
