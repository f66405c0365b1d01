// How people name label maps, in whatever words.
import type { SourceFile } from '@/core/io/sourceFile';

/** Names of folders that hold label maps. */
const LABEL_FOLDER =
  /^(labels?(T[rs])?|masks?|seg(mentation)?s?|gt(_segmentations)?|ground[-_ ]?truths?|annotations?)$/i;
const CHANNEL = /_\d{4}$/;
/** What is appended to the name of a label map. */
const LABEL_SUFFIX = /[-_](seg|segmentation|labels?|mask|gt|groundtruth|lbl)$/i;

/** Whether a folder on the way to a file is called as those of label maps are. */
export function isInLabelFolder({ path }: Pick<SourceFile, 'path'>): boolean {
  return path
    .split('/')
    .slice(0, -1)
    .some((folder) => LABEL_FOLDER.test(folder));
}

/** Whether a file's name, without its ending, is that of a label map: `a_seg`. */
export function isLabelName(stem: string): boolean {
  return LABEL_SUFFIX.test(stem);
}

/** The same with the number of a channel, which may as well be that of an image: `a_seg_0000`. */
export function isNumberedLabelName(stem: string): boolean {
  return CHANNEL.test(stem) && isLabelName(stem.replace(CHANNEL, ''));
}

/** The name without what makes it a label map's. */
export function labelStem(stem: string): string {
  return stem.replace(LABEL_SUFFIX, '');
}

/**
 * Cases that a label map may belong to by its name without ending, the likeliest first: `a_seg_0000` is that of `a_seg_0000`,
 * `a_seg` or `a`. A channel number is none of a label map's, but people keep it.
 */
export function caseNamesOfLabelMap(stem: string): readonly string[] {
  const bare = stem.replace(CHANNEL, '');
  return [...new Set([stem, labelStem(stem), bare, labelStem(bare)])];
}
