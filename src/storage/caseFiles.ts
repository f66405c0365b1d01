import { browserFile, fileName, type SourceFile } from '@/core/io/sourceFile';
import { StudioError } from '@/shared/errors';
import { explainWriteFailure } from './recordStore';

/** Voxels at rest: files in one folder a case, under their names without path. OPFS in the browser. */
export interface CaseFileStore {
  write(caseKey: string, file: SourceFile): Promise<void>;
  open(caseKey: string, name: string): Promise<SourceFile>;
  removeCase(caseKey: string): Promise<void>;
  cases(): Promise<readonly string[]>;
}

declare global {
  /** TypeScript's DOM library leaves out what exists in workers only. */
  interface FileSystemFileHandle {
    createSyncAccessHandle(): Promise<{
      write(content: Uint8Array, options: { at: number }): number;
      truncate(size: number): void;
      flush(): void;
      close(): void;
    }>;
  }
}

const ROOT = 'cases';
const COPY_BYTES = 16 * 2 ** 20;

/** The origin private file system. Writing needs a worker: sync access handles exist only there, in every browser. */
export const browserCaseFiles: CaseFileStore = {
  async write(caseKey, file) {
    const name = fileName(file);
    const folder = await (await root()).getDirectoryHandle(caseKey, { create: true });
    try {
      const handle = await folder.getFileHandle(name, { create: true });
      await copyInto(handle, file);
    } catch (error) {
      await folder.removeEntry(name).catch(() => undefined);
      throw explainWriteFailure(error, name, file.sizeInBytes);
    }
  },

  async open(caseKey, name) {
    try {
      const folder = await (await root()).getDirectoryHandle(caseKey);
      return browserFile(await (await folder.getFileHandle(name)).getFile(), name);
    } catch (error) {
      throw new StudioError(
        'CaseFileMissing',
        `${name} is no longer in the browser's storage.`,
        'Remove the case and add the image again.',
        { cause: error },
      );
    }
  },

  async removeCase(caseKey) {
    await (await root()).removeEntry(caseKey, { recursive: true }).catch((error: unknown) => {
      if (!(error instanceof DOMException && error.name === 'NotFoundError')) throw error;
    });
  },

  async cases() {
    const names: string[] = [];
    for await (const name of (await root()).keys()) names.push(name);
    return names;
  },
};

async function root(): Promise<FileSystemDirectoryHandle> {
  return (await navigator.storage.getDirectory()).getDirectoryHandle(ROOT, { create: true });
}

async function copyInto(handle: FileSystemFileHandle, file: SourceFile): Promise<void> {
  const access = await handle.createSyncAccessHandle();
  try {
    access.truncate(0);
    for (let start = 0; start < file.sizeInBytes; start += COPY_BYTES) {
      const piece = await file.slice(start, Math.min(start + COPY_BYTES, file.sizeInBytes));
      const written = access.write(piece, { at: start });
      if (written < piece.byteLength) throw new DOMException('short write', 'QuotaExceededError');
    }
    access.flush();
  } finally {
    access.close();
  }
}
