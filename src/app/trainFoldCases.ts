// The preprocessed cases of a fold: whole in memory, or where they are many and large, patch by patch out of files.

import { readNpz, writeNpy } from '@/core/io/npy';
import { filedCase, readUnpackedLayout } from '@/core/training/caseFiles';
import { cropPatch, type PatchSource } from '@/core/training/cropPatch';
import { type LoadedCase, readCaseRecord, readLoadedCase } from '@/core/training/loadedCase';
import { StudioError } from '@/shared/errors';
import { elementCount } from '@/shared/geometry';
import { preventsWriting } from '@/storage/recordStore';
import { type FoldSetup, required } from './trainFoldSetup';

/** A case with what a cascade's stage is told of it. */
export interface CaseOfStage extends LoadedCase {
  /** The previous stage's segmentation in this stage's space, `[z, y, x]`. */
  readonly previousStage?: Uint8Array;
}

/** How much larger arrays are than the .npz that holds them, at least. */
const DEFLATION = 1.1;

/** Whether all cases of the fold together are more than `bytes`, by the size of their files. */
export async function exceedsMemory(
  { question, configuration, split }: FoldSetup,
  bytes: number,
): Promise<boolean> {
  let total = 0;
  for (const caseId of new Set([...split.train, ...split.val])) {
    const file = await question.preprocessed.open(`${configuration.dataIdentifier}/${caseId}.npz`);
    total += DEFLATION * (file?.sizeInBytes ?? 0);
    if (total > bytes) return true;
  }
  return false;
}

function filesOfCase({ question, configuration }: FoldSetup, caseId: string) {
  const below = `${configuration.dataIdentifier}/${caseId}`;
  const open = (ending: string) =>
    required(question.preprocessed, `${below}${ending}`, 'NotPreprocessed', 'Run preprocess again.');
  return { below, npz: () => open('.npz'), pkl: () => open('.pkl') };
}

/** Reads a preprocessed case with what its stage is told. Throws `NotPreprocessed`, `NoPreviousStage`. */
export async function loadFoldCase(setup: FoldSetup, caseId: string): Promise<CaseOfStage> {
  const { npz, pkl } = filesOfCase(setup, caseId);
  const files = { npz: await npz(), pkl: await pkl() };
  const loaded = await readLoadedCase(caseId, files, setup.plans.transposeForward);
  const previousStage = await readPreviousStage(setup, caseId, loaded.seg.length);
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
 * A case to cut patches from, in files `{case}.npy` and `{case}_seg.npy`, which are made where they are not there yet. In
 * memory where there is no room for them. Throws as {@link loadFoldCase}.
 */
export async function openCaseInFiles(setup: FoldSetup, caseId: string): Promise<PatchSource> {
  const { below, pkl } = filesOfCase(setup, caseId);
  const { preprocessed } = setup.question;
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
  const record = await readCaseRecord(await pkl(), layout.shape, setup.plans.transposeForward);
  const previousStage = await readPreviousStage(setup, caseId, elementCount(layout.shape));
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

/** What a cascade's stage is told; `undefined` for other stages. */
async function readPreviousStage(
  { question, configuration }: FoldSetup,
  caseId: string,
  voxels: number,
): Promise<Uint8Array | undefined> {
  const { previousStage, name } = configuration;
  if (previousStage === undefined) return undefined;
  const file = await question.previousStage?.(previousStage).open(`${caseId}.npz`);
  const seg = file && (await readNpz(await file.bytes())).get('seg');
  if (!seg) {
    throw new StudioError(
      'NoPreviousStage',
      `${caseId} has no prediction of ${previousStage}, which ${name} starts from.`,
      `Train and validate all folds of ${previousStage} first.`,
    );
  }
  if (seg.data.length !== voxels) {
    throw new StudioError(
      'NoPreviousStage',
      `${caseId}: the prediction of ${previousStage} has ${seg.data.length} voxels, the case ${voxels}.`,
      `Validate all folds of ${previousStage} again.`,
    );
  }
  return seg.data instanceof Uint8Array ? seg.data : Uint8Array.from(seg.data);
}
