import { readAsStored, writeCase } from '@/core/io/readers';
import { sniff } from '@/core/io/sniff';
import { browserFile } from '@/core/io/sourceFile';
import { MemorySink, streamZip, type ZipPart, zipPart } from '@/core/io/zipStream';
import type { CaseFileStore } from '@/storage/caseFiles';
import { type CaseRecord, PROBABILITIES_FILE, SEGMENTATION_FILE } from '@/storage/caseRecord';
import type { SavedFile } from '@/workers/files/api';

/** A case's segmentation under the name nnU-Net would give it, in the format of its image. */
export async function savedSegmentation(
  caseFiles: CaseFileStore,
  { id, caseId, files }: CaseRecord,
): Promise<SavedFile> {
  const images = await Promise.all(files.map((name) => caseFiles.open(id, name)));
  if ((await sniff(images[0])).startsWith('nifti'))
    return { name: `${caseId}.nii.gz`, content: await blobOf(caseFiles, id, SEGMENTATION_FILE) };
  const { geometry } = await readAsStored(images);
  const { data, shape } = await readAsStored([await caseFiles.open(id, SEGMENTATION_FILE)]);
  const [{ ending, content }] = await writeCase(Uint16Array.from(data), shape, geometry);
  return { name: `${caseId}${ending}`, content: new Blob([content]) };
}

export async function savedProbabilities(
  caseFiles: CaseFileStore,
  { id, caseId }: CaseRecord,
): Promise<SavedFile> {
  return { name: `${caseId}.npz`, content: await blobOf(caseFiles, id, PROBABILITIES_FILE) };
}

/** All results in one zip; what is packed already is stored. Equal case names get a number. */
export async function savedZip(caseFiles: CaseFileStore, cases: readonly CaseRecord[]): Promise<SavedFile> {
  const parts: ZipPart[] = [];
  const add = ({ name, content }: SavedFile) => {
    const path = freeName(name, new Set(parts.map((part) => part.path)));
    parts.push(zipPart(browserFile(content, path)));
  };
  for (const caseRecord of cases) {
    add(await savedSegmentation(caseFiles, caseRecord));
    if (caseRecord.result?.hasProbabilities) add(await savedProbabilities(caseFiles, caseRecord));
  }
  const sink = new MemorySink();
  await streamZip(sink, parts);
  return { name: 'segmentations.zip', content: sink.blob() };
}

function freeName(name: string, taken: ReadonlySet<string>): string {
  const dot = name.indexOf('.');
  let free = name;
  for (let n = 2; taken.has(free); n++) free = `${name.slice(0, dot)}_${n}${name.slice(dot)}`;
  return free;
}

async function blobOf(caseFiles: CaseFileStore, id: string, name: string): Promise<Blob> {
  const file = await caseFiles.open(id, name);
  return new Blob([(await file.bytes()) as BlobPart]);
}
