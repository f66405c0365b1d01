// What makes two images the same, whatever their files are called.
import type { MedicalImage } from '@/core/io/medicalImage';
import type { SourceFile } from '@/core/io/sourceFile';
import { sha256Hex } from '@/shared/sha256';
import type { CaseRecord } from '@/storage/caseRecord';

/** Of an image that was read: its voxels, shape and place in space. */
export async function voxelHash({ data, shape, channels, spacing }: MedicalImage): Promise<string> {
  const voxels = await sha256Hex(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return hashOfText(JSON.stringify([voxels, shape, channels, spacing]));
}

/** Of files that are too large to be read for it: their sizes, and so much of both ends. */
const END_BYTES = 4 * 2 ** 20;

export async function fileHash(files: readonly SourceFile[]): Promise<string> {
  const parts = await Promise.all(files.map(hashOfEnds));
  return hashOfText(JSON.stringify(parts));
}

async function hashOfEnds(file: SourceFile): Promise<readonly (string | number)[]> {
  const { sizeInBytes } = file;
  const ends = await Promise.all([
    file.slice(0, Math.min(END_BYTES, sizeInBytes)),
    file.slice(Math.max(0, sizeInBytes - END_BYTES), sizeInBytes),
  ]);
  return [sizeInBytes, ...(await Promise.all(ends.map(sha256Hex)))];
}

function hashOfText(text: string): Promise<string> {
  return sha256Hex(new TextEncoder().encode(text));
}

/** A case that was given although its image is there. */
export interface CaseTwin {
  readonly given: CaseRecord;
  readonly kept: CaseRecord;
}

/**
 * Sorts new cases into those that are new indeed and those whose image is there already, or twice among them. One that
 * came with its label map is new: it shows more than the image.
 */
export function withoutTwins(
  given: readonly CaseRecord[],
  kept: readonly CaseRecord[],
): { readonly fresh: readonly CaseRecord[]; readonly twins: readonly CaseTwin[] } {
  const fresh: CaseRecord[] = [];
  const twins: CaseTwin[] = [];
  for (const one of given) {
    const twin = [...kept, ...fresh].find(
      ({ contentHash }) => contentHash !== undefined && contentHash === one.contentHash,
    );
    if (twin && !one.result) twins.push({ given: one, kept: twin });
    else fresh.push(one);
  }
  return { fresh, twins };
}

/** What a person is told. */
export function twinProblem({ given, kept }: CaseTwin) {
  const files = given.files.join(', ');
  const name = kept.caseId === given.caseId ? kept.caseId : `${kept.caseId}, though under another name`;
  return {
    path: files,
    name: 'AlreadyHere',
    isNote: true,
    message: `${files} shows the same image as ${name}; it was not added a second time.`,
  };
}
