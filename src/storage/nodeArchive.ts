import { mkdir, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { streamZip, type ZipPart, type ZipStreamOptions } from '@/core/io/zipStream';
import { explainDiskFailure } from './nodeFiles';

/**
 * Writes an archive to disk, all or nothing: under another name first, then renamed. Returns its size in bytes. Throws
 * `StorageFull`, `NotWritable` and what reading the parts throws.
 */
export async function writeArchive(
  location: string,
  parts: readonly ZipPart[],
  options: ZipStreamOptions = {},
): Promise<number> {
  const folder = path.dirname(path.resolve(location));
  const temporary = path.join(folder, `.${path.basename(location)}.${process.pid}.part`);
  try {
    await mkdir(folder, { recursive: true });
    const file = await open(temporary, 'w');
    try {
      const sink = { write: (bytes: Uint8Array, position: number) => writeAll(file, bytes, position) };
      const size = await streamZip(sink, parts, options);
      await file.close();
      await rename(temporary, location);
      return size;
    } finally {
      await file.close();
    }
  } catch (error) {
    await rm(temporary, { force: true });
    const sizeInBytes = parts.reduce((sum, part) => sum + part.sizeInBytes, 0);
    throw explainDiskFailure(error, location, sizeInBytes);
  }
}

async function writeAll(
  file: Awaited<ReturnType<typeof open>>,
  bytes: Uint8Array,
  position: number,
): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}
