// The preprocessed cases of a fold: whole in memory, or where they are many and large, patch by patch out of files.

import { writeNpy } from '@/core/io/npy';
import type { SourceFile } from '@/core/io/sourceFile';
import type { Configuration } from '@/core/planning/plans';
import { boxedCase } from '@/core/training/caseBoxes';
import { filedCase, readUnpackedLayout } from '@/core/training/caseFiles';
import { CASE_FORMATS, type CaseFormat } from '@/core/training/caseFormats';
import { cropPatch, type PatchSource } from '@/core/training/cropPatch';
import {
  type LoadedCase,
  type PreprocessedCaseFiles,
  readCaseRecord,
  readLoadedCase,
} from '@/core/training/loadedCase';
import { StudioError } from '@/shared/errors';
import { elementCount } from '@/shared/geometry';
import type { DatasetFolder } from '@/storage/datasetFolder';
import { preventsWriting } from '@/storage/recordStore';
import type { FoldSetup } from './foldSetup';

/** A case with what a cascade's stage is told of it. */
export interface CaseOfStage extends LoadedCase {
  /** The previous stage's segmentation in this stage's space, `[z, y, x]`. */
  readonly previousStage?: Uint8Array;
}

/** Whether all cases of the fold together are more than `bytes`. */
export async function exceedsMemory(setup: FoldSetup, bytes: number): Promise<boolean> {
  let total = 0;
  for (const caseId of new Set([...setup.split.train, ...setup.split.val])) {
    const { format, arrays } = await filesOfCase(setup, caseId);
    total += await format.sizeInMemory(arrays);
    if (total > bytes) return true;
  }
  return false;
}

/** The files of a preprocessed case, in whatever format; `undefined` where some are missing. */
export async function findCaseFiles(
  preprocessed: DatasetFolder,
  { dataIdentifier }: Pick<Configuration, 'dataIdentifier'>,
  caseId: string,
): Promise<PreprocessedCaseFiles | undefined> {
  const open = (ending: string) => preprocessed.open(`${dataIdentifier}/${caseId}${ending}`);
  const pkl = await open('.pkl');
  if (!pkl) return undefined;
  for (const format of CASE_FORMATS) {
    const arrays = (await Promise.all(format.endings.map(open))).filter((file) => file !== undefined);
    if (arrays.length === format.endings.length) return { format, arrays, pkl };
  }
  return undefined;
}

async function filesOfCase(
  { question, configuration }: FoldSetup,
  caseId: string,
): Promise<PreprocessedCaseFiles> {
  const files = await findCaseFiles(question.preprocessed, configuration, caseId);
  if (files) return files;
  const endings = CASE_FORMATS.map((format) => [...format.endings, '.pkl'].join(', ')).join(' or ');
  throw new StudioError(
    'NotPreprocessed',
    `${configuration.dataIdentifier} lacks files of ${caseId}: it needs ${endings}.`,
    'Run preprocess again.',
  );
}

/** Reads a preprocessed case with what its stage is told. Throws `NotPreprocessed`, `NoPreviousStage`. */
export async function loadFoldCase(setup: FoldSetup, caseId: string): Promise<CaseOfStage> {
  const files = await filesOfCase(setup, caseId);
  const loaded = await readLoadedCase(caseId, files, setup.plans.transposeForward);
  const previousStage = await readPreviousStage(setup, caseId, files.format, loaded.seg.length);
  return previousStage ? { ...loaded, previousStage } : loaded;
}

/** A case to cut patches from, in memory. Throws as {@link loadFoldCase}. */
export async function openCaseInMemory(setup: FoldSetup, caseId: string): Promise<PatchSource> {
  return inMemory(await loadFoldCase(setup, caseId));
}

function inMemory(loaded: CaseOfStage): PatchSource {
  const { shape, classLocations, image, seg, previousStage } = loaded;
  const arrays = { ...loaded, segs: previousStage ? [seg, previousStage] : [seg] };
  return {
    shape,
    classLocations,
    sizeInBytes: image.byteLength + seg.byteLength + (previousStage?.byteLength ?? 0),
    cut: async (start, size) => cropPatch(arrays, start, size),
  };
}

/**
 * A case to cut patches from, in its files. Those of a format that has to be unpacked for that are `{case}.npy` and
 * `{case}_seg.npy`, which are made where they are not there yet; in memory where there is no room for them. Throws as
 * {@link loadFoldCase}.
 */
export async function openCaseInFiles(setup: FoldSetup, caseId: string): Promise<PatchSource> {
  const { format, arrays, pkl } = await filesOfCase(setup, caseId);
  if (!format.openBoxes) return openUnpacked(setup, caseId, { format, arrays, pkl });
  const boxes = await format.openBoxes(arrays);
  const record = await readCaseRecord(pkl, boxes.shape, setup.plans.transposeForward);
  const previousStage = await readPreviousStage(setup, caseId, format, elementCount(boxes.shape));
  return boxedCase(boxes, record, previousStage);
}

async function openUnpacked(
  setup: FoldSetup,
  caseId: string,
  { format, pkl }: PreprocessedCaseFiles,
): Promise<PatchSource> {
  const { preprocessed } = setup.question;
  const below = `${setup.configuration.dataIdentifier}/${caseId}`;
  const unpacked = async () => {
    const [image, seg] = [
      await preprocessed.open(`${below}.npy`),
      await preprocessed.open(`${below}_seg.npy`),
    ];
    return image && seg ? { image, seg } : undefined;
  };
  let files = await unpacked();
  if (!files) {
    const loaded = await loadFoldCase(setup, caseId);
    if (!(await unpack(setup, below, loaded))) return inMemory(loaded);
    files = await unpacked();
  }
  const layout = files && (await readUnpackedLayout(files));
  if (!files || !layout) return openCaseInMemory(setup, caseId);
  const record = await readCaseRecord(pkl, layout.shape, setup.plans.transposeForward);
  const previousStage = await readPreviousStage(setup, caseId, format, elementCount(layout.shape));
  return filedCase(files, layout, record, previousStage);
}

/** Follows nnU-Net's `unpack_dataset`. False where there is no room. */
async function unpack({ question }: FoldSetup, below: string, loaded: CaseOfStage): Promise<boolean> {
  const { channels, shape, image, seg } = loaded;
  try {
    await question.preprocessed.write(
      `${below}_seg.npy`,
      writeNpy({ shape: [1, ...shape], data: Int16Array.from(seg) }),
    );
    await question.preprocessed.write(`${below}.npy`, writeNpy({ shape: [channels, ...shape], data: image }));
    return true;
  } catch (error) {
    if (preventsWriting(error)) return false;
    throw error;
  }
}

/** What a cascade's stage is told; `undefined` for other stages. The format of its own cases goes first. */
async function readPreviousStage(
  { question, configuration }: FoldSetup,
  caseId: string,
  format: CaseFormat,
  voxels: number,
): Promise<Uint8Array | undefined> {
  const { previousStage, name } = configuration;
  if (previousStage === undefined) return undefined;
  const folder = question.previousStage?.(previousStage);
  const seg = folder && (await findSegmentation(folder, caseId, format));
  if (!seg) {
    throw new StudioError(
      'NoPreviousStage',
      `${caseId} has no prediction of ${previousStage}, which ${name} starts from.`,
      `Train and validate all folds of ${previousStage} first.`,
    );
  }
  if (seg.length !== voxels) {
    throw new StudioError(
      'NoPreviousStage',
      `${caseId}: the prediction of ${previousStage} has ${seg.length} voxels, the case ${voxels}.`,
      `Validate all folds of ${previousStage} again.`,
    );
  }
  return seg instanceof Uint8Array ? seg : Uint8Array.from(seg);
}

async function findSegmentation(folder: DatasetFolder, caseId: string, format: CaseFormat) {
  for (const each of [format, ...CASE_FORMATS]) {
    const file: SourceFile | undefined = await folder.open(`${caseId}${each.ending}`);
    if (file) return each.readSegmentation(file);
  }
  return undefined;
}
