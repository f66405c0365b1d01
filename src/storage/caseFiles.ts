import { browserFile, type SourceFile } from '@/core/io/sourceFile';
import { StudioError } from '@/shared/errors';
import { explainWriteFailure } from './recordStore';

/** Voxels at rest: files in one folder a case. OPFS in the browser. Paths are `<case>/<name>`. */
export interface CaseFiles {
  write(caseKey: string, name: string, content: Blob | Uint8Array): Promise<void>;
  open(caseKey: string, name: string): Promise<SourceFile>;
  removeCase(caseKey: string): Promise<void>;
  cases(): Promise<readonly string[]>;
}

declare global {
  /** TypeScript's DOM library leaves out what exists in workers only. */
  interface FileSystemFileHandle {
    createSyncAccessHandle(): Promise<{
      write(content: ArrayBuffer, options: { at: number }): number;
      truncate(size: number): void;
      flush(): void;
      close(): void;
    }>;
  }
}

const ROOT = 'cases';
const COPY_BYTES = 16 * 2 ** 20;

/** The origin private file system. Writing needs a worker: sync access handles exist only there, in every browser. */
export const browserCaseFiles: CaseFiles = {
  async write(caseKey, name, content) {
    const folder = await (await root()).getDirectoryHandle(caseKey, { create: true });
    try {
      const handle = await folder.getFileHandle(name, { create: true });
      await copyInto(handle, content instanceof Blob ? content : new Blob([content as BlobPart]));
    } catch (error) {
      await folder.removeEntry(name).catch(() => undefined);
      throw explainWriteFailure(error, name, content instanceof Blob ? content.size : content.byteLength);
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

async function copyInto(handle: FileSystemFileHandle, content: Blob): Promise<void> {
  const access = await handle.createSyncAccessHandle();
  try {
    access.truncate(0);
    for (let start = 0; start < content.size; start += COPY_BYTES) {
      const piece = await content.slice(start, start + COPY_BYTES).arrayBuffer();
      const written = access.write(piece, { at: start });
      if (written < piece.byteLength) throw new DOMException('short write', 'QuotaExceededError');
    }
    access.flush();
  } finally {
    access.close();
  }
}
