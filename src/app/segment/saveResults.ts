import { zipSync } from 'fflate';
import { readAsStored, writeCase } from '@/core/io/readers';
import { sniff } from '@/core/io/sniff';
import type { CaseFiles } from '@/storage/caseFiles';
import { type CaseRecord, PROBABILITIES_FILE, SEGMENTATION_FILE } from '@/storage/caseRecord';
import type { SavedFile } from '@/workers/files/api';

/** A case's segmentation under the name nnU-Net would give it, in the format of its image. */
export async function savedSegmentation(
  caseFiles: CaseFiles,
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
  caseFiles: CaseFiles,
  { id, caseId }: CaseRecord,
): Promise<SavedFile> {
  return { name: `${caseId}.npz`, content: await blobOf(caseFiles, id, PROBABILITIES_FILE) };
}

/** All results in one zip; what is packed already is stored. Equal case names get a number. */
export async function savedZip(caseFiles: CaseFiles, cases: readonly CaseRecord[]): Promise<SavedFile> {
  const entries: Record<string, [Uint8Array, { level: 0 }]> = {};
  const add = async ({ name, content }: SavedFile) => {
    entries[freeName(name, entries)] = [new Uint8Array(await content.arrayBuffer()), { level: 0 }];
  };
  for (const caseRecord of cases) {
    await add(await savedSegmentation(caseFiles, caseRecord));
    if (caseRecord.result?.hasProbabilities) await add(await savedProbabilities(caseFiles, caseRecord));
  }
  return { name: 'segmentations.zip', content: new Blob([zipSync(entries) as BlobPart]) };
}

function freeName(name: string, taken: Readonly<Record<string, unknown>>): string {
  const dot = name.indexOf('.');
  let free = name;
  for (let n = 2; free in taken; n++) free = `${name.slice(0, dot)}_${n}${name.slice(dot)}`;
  return free;
}

async function blobOf(caseFiles: CaseFiles, id: string, name: string): Promise<Blob> {
  const file = await caseFiles.open(id, name);
  return new Blob([(await file.bytes()) as BlobPart]);
}
