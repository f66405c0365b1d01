// What systems leave about in folders and archives, which no person means.
import type { SourceFile } from './sourceFile';

/** Names without a leading dot: of macOS's archives, Windows' Explorer, and network drives. */
const SYSTEM_NAMES = [
  '__macosx',
  'thumbs.db',
  'ehthumbs.db',
  'desktop.ini',
  'icon\r',
  '$recycle.bin',
  'system volume information',
  '@eadir',
];

/** True for files with a leading dot (`.DS_Store`, `._name`) and the like, and for everything in folders of that kind. */
export function isHiddenFile({ path }: Pick<SourceFile, 'path'>): boolean {
  return path
    .split('/')
    .some(
      (part) =>
        (part.startsWith('.') && part !== '.' && part !== '..') || SYSTEM_NAMES.includes(part.toLowerCase()),
    );
}
