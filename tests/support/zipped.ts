import { memoryFile, type SourceFile } from '@/core/io/sourceFile';
import { openZip } from '@/core/io/zip';
import { MemorySink, streamZip, type ZipPart } from '@/core/io/zipStream';

/** An archive of the parts, as a file of that name. */
export async function zipped(parts: readonly ZipPart[], name: string): Promise<SourceFile> {
  const sink = new MemorySink();
  await streamZip(sink, parts);
  return memoryFile(sink.bytes(), name);
}

/** The entries of an archive by their paths. */
export async function entriesOf(archive: SourceFile): Promise<ReadonlyMap<string, SourceFile>> {
  return new Map((await openZip(archive)).map((entry) => [entry.path, entry]));
}
