// What can be wrong with a Blosc2 file. Decoders know no file names, so they say what is wrong; whoever has the file adds
// its name and what to do.

import { StudioError } from '@/shared/errors';
import type { SourceFile } from '../sourceFile';

/** The bytes contradict the format (`damaged`), or use a part of it that is not read here (`unsupported`). */
export class Blosc2Fault extends Error {
  readonly kind: 'damaged' | 'unsupported';
  constructor(kind: 'damaged' | 'unsupported', message: string) {
    super(message);
    this.kind = kind;
  }
}

/** `what` completes "The file …". */
export function damaged(what: string): Blosc2Fault {
  return new Blosc2Fault('damaged', what);
}

/** `what` completes "The file …". */
export function unsupported(what: string): Blosc2Fault {
  return new Blosc2Fault('unsupported', what);
}

/** Runs `read`; faults become `BadB2nd` or `UnsupportedB2nd` that name the file. */
export async function namingFile<T>({ path }: Pick<SourceFile, 'path'>, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof Blosc2Fault)) throw error;
    throw error.kind === 'damaged'
      ? new StudioError(
          'BadB2nd',
          `${path} ${error.message}.`,
          'Copy it again, or preprocess the dataset again.',
          { cause: error },
        )
      : new StudioError(
          'UnsupportedB2nd',
          `${path} ${error.message}, which is not read here.`,
          "Write it as nnU-Net does (one file; LZ4, Zstandard, zlib or BloscLZ; Blosc2's own filters), or preprocess the dataset again.",
          { cause: error },
        );
  }
}
