import type { Plugin } from 'vite';

/** A Vite plugin for a build and its workers: writes `THIRD-PARTY-NOTICES.txt` into the folder of the build. */
export function thirdPartyNotices(): Plugin;
/** The folder of the package that a file belongs to; `undefined` for our own files. */
export function packageFolder(file: string): string | undefined;
/** The text: a package, its licence and its licence's words, by name. */
export function noticesOf(packageFolders: readonly string[]): string;
