// Takes in a dataset that nnU-Net preprocessed elsewhere: arrays, plans and label maps, to train from as they are.

import { GROUND_TRUTH, type PreprocessedFolder } from '@/core/dataset/preprocessedDataset';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { pythonJson } from '@/core/interop/pythonJson';
import { haveSameBytes } from '@/shared/bytes';
import { forEachAtOnce } from '@/shared/concurrency';
import { StudioError } from '@/shared/errors';
import type { DatasetFolder, DatasetFolderStore } from '@/storage/datasetFolder';
import type { DatasetImportOptions } from './importDataset';

const FILES_AT_ONCE = 4;

/**
 * Copies all of it among the preprocessed files of dataset `name`. Of what is written, nothing stays where it fails or is
 * cancelled.
 */
export async function importPreprocessed(
  { files }: PreprocessedFolder,
  folder: DatasetFolder,
  { signal, onProgress }: DatasetImportOptions,
): Promise<void> {
  const written: string[] = [];
  let done = 0;
  try {
    await forEachAtOnce([...files], FILES_AT_ONCE, async ([path, file]) => {
      signal?.throwIfAborted();
      if (await folder.has(path)) return;
      written.push(path);
      await folder.write(path, await file.bytes());
      onProgress?.(++done / files.size, path);
    });
  } catch (error) {
    for (const path of written) await folder.remove(path);
    throw error;
  }
}

/**
 * What stands for the raw dataset where its images are not here: label maps, and a dataset.json that lists the cases.
 * Resolves with its bytes.
 */
export async function importLabelsAsRaw(
  { files, document, json, caseIds }: PreprocessedFolder,
  raw: DatasetFolder,
): Promise<number> {
  const ending = document.file_ending;
  let sizeInBytes = 0;
  for (const caseId of caseIds) {
    const content = await files.get(`${GROUND_TRUTH}/${caseId}${ending}`)?.bytes();
    if (content) await raw.write(`labelsTr/${caseId}${ending}`, content);
    sizeInBytes += content?.length ?? 0;
  }
  const dataset = Object.fromEntries(
    caseIds.map((caseId) => [
      caseId,
      { images: [`imagesTr/${caseId}_0000${ending}`], label: `labelsTr/${caseId}${ending}` },
    ]),
  );
  await raw.write(NNUNET_FILES.dataset, pythonJson({ ...json, dataset }));
  return sizeInBytes;
}

/**
 * Whether it can join the dataset of that name: all its cases are that one's, and nothing there would be written over.
 * Throws `CasesDiffer`, `PreprocessedExists`.
 */
export async function assertCanJoin(
  { caseIds, dataIdentifiers, files }: PreprocessedFolder,
  name: string,
  knownCaseIds: readonly string[],
  folders: DatasetFolderStore,
): Promise<void> {
  const known = new Set(knownCaseIds);
  const unknown = caseIds.find((caseId) => !known.has(caseId));
  if (unknown !== undefined) {
    throw new StudioError(
      'CasesDiffer',
      `The preprocessed case ${unknown} is none of the dataset ${name} that is here.`,
      'Remove that dataset, or rename the folder to another DatasetXXX_Name.',
    );
  }
  const folder = folders.folder(name, 'preprocessed');
  for (const identifier of dataIdentifiers) {
    if ((await folder.list(identifier)).length > 0) {
      throw new StudioError(
        'PreprocessedExists',
        `${name} has preprocessed cases in ${identifier} already.`,
        'Remove its preprocessed cases under Files and storage first.',
      );
    }
  }
  for (const [path, file] of files) {
    const there = path.includes('/') ? undefined : await folder.open(path);
    if (!there || path === NNUNET_FILES.dataset) continue;
    if (!haveSameBytes(await there.bytes(), await file.bytes())) {
      throw new StudioError(
        'PreprocessedExists',
        `${name} has another ${path} than the one that was dropped, which its cases were preprocessed by.`,
        'Remove that dataset, or rename the folder to another DatasetXXX_Name.',
      );
    }
  }
}
