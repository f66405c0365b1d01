// Archives on their way to the browser's downloads: small ones in memory, larger ones in the origin private file system,
// from where they are handed out without being read.
import {
  MemorySink,
  streamZip,
  type ZipPart,
  type ZipSink,
  type ZipStreamOptions,
  zipSize,
} from '@/core/io/zipStream';
import { explainWriteFailure } from './recordStore';

const ROOT = 'exports';
/** Up to this size nothing is stored, so that a model can leave a browser whose storage is full. */
const IN_MEMORY_BYTES = 256e6;
/** A download has read its file long before. */
const KEPT_MS = 3_600_000;

/**
 * Writes an archive for saving; only in a worker. Throws `StorageFull` naming `what`, and what reading the parts throws.
 */
export async function writeBrowserArchive(
  what: string,
  parts: readonly ZipPart[],
  options: ZipStreamOptions = {},
): Promise<Blob> {
  const sizeInBytes = zipSize(parts);
  if (sizeInBytes <= IN_MEMORY_BYTES) {
    const sink = new MemorySink();
    await streamZip(sink, parts, options);
    return sink.blob();
  }
  await sweepArchives();
  const folder = await exportsFolder();
  const name = `${Date.now()}-${crypto.randomUUID()}`;
  try {
    const handle = await folder.getFileHandle(name, { create: true });
    await writeInto(handle, parts, options);
    return await handle.getFile();
  } catch (error) {
    await folder.removeEntry(name).catch(() => undefined);
    throw explainWriteFailure(error, what, sizeInBytes);
  }
}

/** Removes archives that were handed out long ago. */
export async function sweepArchives(): Promise<void> {
  const folder = await exportsFolder();
  const names: string[] = [];
  for await (const name of folder.keys()) names.push(name);
  const isOld = (name: string) => !(Date.now() - Number(name.split('-')[0]) < KEPT_MS);
  for (const name of names.filter(isOld)) await folder.removeEntry(name).catch(() => undefined);
}

/** Writes an archive into a file that a person chose. Half of it does not stay. */
export async function writeChosenArchive(
  handle: FileSystemFileHandle,
  parts: readonly ZipPart[],
  options: ZipStreamOptions = {},
): Promise<void> {
  const file = await handle.createWritable();
  try {
    await streamZip(
      {
        write: (bytes, position) =>
          file.write({ type: 'write', position, data: bytes as Uint8Array<ArrayBuffer> }),
      },
      parts,
      options,
    );
    await file.close();
  } catch (error) {
    await file.abort().catch(() => undefined);
    throw error;
  }
}

async function exportsFolder(): Promise<FileSystemDirectoryHandle> {
  return (await navigator.storage.getDirectory()).getDirectoryHandle(ROOT, { create: true });
}

async function writeInto(
  handle: FileSystemFileHandle,
  parts: readonly ZipPart[],
  options: ZipStreamOptions,
): Promise<void> {
  const access = await handle.createSyncAccessHandle();
  try {
    const sink: ZipSink = {
      async write(bytes, position) {
        const written = access.write(bytes, { at: position });
        if (written < bytes.length) throw new DOMException('short write', 'QuotaExceededError');
      },
    };
    await streamZip(sink, parts, options);
    access.flush();
  } finally {
    access.close();
  }
}
