import type { ModelSharing } from '@/core/interop/bundleManifest';
import { isWeightsOf } from '@/core/interop/checkpointFile';
import { NETWORK_FILES } from '@/core/interop/foreignNetwork';
import { loadModelWeights } from '@/core/interop/importModel';
import type { NnunetModel, StateDict } from '@/core/interop/model';
import type { SourceFile } from '@/core/io/sourceFile';
import { StudioError } from '@/shared/errors';
import { removeChunks, type StoredChunk, sizeOfChunks } from './hashedChunks';
import { type KeptFile, keepFile, openKeptFile } from './keptFiles';
import { explainWriteFailure, type RecordStore } from './recordStore';
import { readWeights, type WeightManifest, weightHashes, writeWeights } from './weightChunks';

/** A model that is kept, without its weights. */
export interface ModelRecord {
  readonly id: string;
  /** Dataset and configuration, `Dataset004_Hippocampus · 3d_fullres`, or what a person calls it. */
  readonly name: string;
  /** The name was given by a person. */
  readonly isRenamed?: boolean;
  /** The folder or zip it came from. */
  readonly source: string;
  readonly model: NnunetModel;
  readonly origin: 'imported' | 'sample' | 'trained';
  /** Mean foreground Dice over the cross-validation, where the model brought it. */
  readonly crossValidationDice?: number;
  /** What whoever shared it says of it. */
  readonly sharing?: ModelSharing;
  /** Stored bytes, all folds. */
  readonly sizeInBytes: number;
  /** Milliseconds since 1970. */
  readonly importedAt: number;
  /** Its own files, with paths below the model folder; absent in records from before they were kept. */
  readonly files?: readonly KeptFile[];
  /** By fold, of folds that have no checkpoint among the files. */
  readonly weights: Readonly<Record<string, WeightManifest>>;
  /** Set while a removal can still be undone. */
  readonly isRemoved: boolean;
}

/** A model on its way into the library. */
export interface NewModel
  extends Pick<ModelRecord, 'name' | 'source' | 'model' | 'origin' | 'crossValidationDice' | 'sharing'> {
  /** As `ImportedModel` has them. */
  readonly files: readonly SourceFile[];
  /** Asked for folds without a checkpoint among the files, one at a time. */
  loadFold(fold: string): Promise<StateDict>;
}

/** Models that are kept: a small record each, and files in chunks that count only once their record is written. */
export interface ModelLibrary {
  /** Newest first, without removed ones. */
  list(): Promise<readonly ModelRecord[]>;
  /** Throws `ModelMissing`. */
  find(id: string): Promise<ModelRecord>;
  /**
   * Stores all files, reads every fold's weights once, then writes the record. The same model imported again replaces its
   * older copy. Throws `StorageFull`, `WeightsMismatch` and what reading the files throws; then nothing of it stays.
   */
  add(model: NewModel, onFold?: (done: number, total: number) => void): Promise<ModelRecord>;
  loadFold(id: string, fold: string): Promise<StateDict>;
  /** The files of its model folder; of older records none. */
  files(id: string): Promise<readonly SourceFile[]>;
  /** Gives it another name; importing the same model again keeps it. */
  rename(id: string, name: string): Promise<void>;
  /** Hides the model; its files stay until {@link ModelLibrary.purge}. */
  remove(id: string): Promise<void>;
  restore(id: string): Promise<void>;
  /** Deletes a removed model's files; does nothing to a restored one. */
  purge(id: string): Promise<void>;
  /** Deletes removed models, and chunks that a closed tab left behind. Only while nobody adds. */
  sweep(): Promise<void>;
}

export function createModelLibrary(records: RecordStore, chunks: RecordStore): ModelLibrary {
  async function all(): Promise<readonly ModelRecord[]> {
    const found = await Promise.all((await records.keys()).map((key) => records.get<ModelRecord>(key)));
    return found.filter((record) => record !== undefined).sort((a, b) => b.importedAt - a.importedAt);
  }

  async function find(id: string): Promise<ModelRecord> {
    const record = await records.get<ModelRecord>(id);
    if (!record) {
      throw new StudioError(
        'ModelMissing',
        'The model is no longer in the library.',
        'Import it again under Models.',
      );
    }
    return record;
  }

  async function erase(record: ModelRecord): Promise<void> {
    await records.remove([record.id]);
    await chunks.remove(chunksOf(record).map(({ key }) => key));
  }

  async function loadFold(record: ModelRecord, fold: string): Promise<StateDict> {
    const { name, model, files = [], weights } = record;
    const file = files.find((each) => isCheckpointOf(fold, each));
    if (file) return loadModelWeights(openKeptFile(chunks, file, name), model);
    if (Object.hasOwn(weights, fold)) return readWeights(chunks, weights[fold], `${name}, fold ${fold}`);
    throw new StudioError(
      'FoldMissing',
      `${name} has no fold ${fold}; it has ${model.folds.map((each) => each.fold).join(', ')}.`,
      'Choose one of these folds.',
    );
  }

  /** Records of the same weights under the same configuration, whatever the file was called. */
  async function twinsOf(record: ModelRecord): Promise<readonly ModelRecord[]> {
    const alike = (await all()).filter(({ model }) => identity(model) === identity(record.model));
    if (alike.length === 0) return [];
    const own = JSON.stringify(checkpointHashes(record));
    const isOfOldKind = ({ files }: ModelRecord) => files === undefined;
    const ownWeights = alike.some(isOfOldKind) ? JSON.stringify(await hashesOfWeights(record)) : undefined;
    return alike.filter(
      (other) => JSON.stringify(checkpointHashes(other)) === (isOfOldKind(other) ? ownWeights : own),
    );
  }

  async function hashesOfWeights(record: ModelRecord): Promise<readonly unknown[]> {
    const hashes: unknown[] = [];
    for (const { fold } of record.model.folds) {
      hashes.push([fold, await weightHashes(await loadFold(record, fold))]);
    }
    return hashes;
  }

  return {
    find,
    list: async () => (await all()).filter(({ isRemoved }) => !isRemoved),

    async add(source, onFold) {
      const { loadFold: loadGiven, files: given } = source;
      const facts = factsOf(source);
      const id = crypto.randomUUID();
      const files: KeptFile[] = [];
      const weights: Record<string, WeightManifest> = {};
      const record = (): ModelRecord => ({
        ...facts,
        id,
        sizeInBytes: sizeOfChunks(chunksOf({ files, weights })),
        importedAt: Date.now(),
        files,
        weights,
        isRemoved: false,
      });
      try {
        for (const [i, file] of given.entries()) {
          files.push(await keepFile(chunks, `${id}/files/${i}`, file));
        }
        for (const [i, { fold }] of facts.model.folds.entries()) {
          // Read from where it is kept, so that what is damaged or of another network shows now.
          if (files.some((each) => isCheckpointOf(fold, each))) await loadFold(record(), fold);
          else weights[fold] = await writeWeights(chunks, `${id}/${fold}`, await loadGiven(fold), facts.name);
          onFold?.(i + 1, facts.model.folds.length);
        }
        const twins = await twinsOf(record());
        const renamed = twins.find(({ isRenamed }) => isRenamed);
        const added: ModelRecord = {
          ...record(),
          ...(renamed && { name: renamed.name, isRenamed: true }),
        };
        await records.set(id, added);
        for (const twin of twins) await erase(twin);
        return added;
      } catch (error) {
        // A store that cannot delete either must not hide why it could not write; what stays is swept later.
        await removeChunks(chunks, chunksOf({ files, weights })).catch(() => undefined);
        const sizeInBytes = given.reduce((sum, file) => sum + file.sizeInBytes, 0);
        throw explainWriteFailure(error, `model ${facts.name}`, sizeInBytes);
      }
    },

    loadFold: async (id, fold) => loadFold(await find(id), fold),

    async files(id) {
      const { name, files = [] } = await find(id);
      return files.map((file) => openKeptFile(chunks, file, name));
    },

    rename: async (id, name) => records.set(id, { ...(await find(id)), name, isRenamed: true }),
    remove: async (id) => records.set(id, { ...(await find(id)), isRemoved: true }),
    restore: async (id) => records.set(id, { ...(await find(id)), isRemoved: false }),

    async purge(id) {
      const record = await records.get<ModelRecord>(id);
      if (record?.isRemoved) await erase(record);
    },

    async sweep() {
      const kept = new Set<string>();
      for (const record of await all()) {
        if (record.isRemoved) await erase(record);
        else for (const { key } of chunksOf(record)) kept.add(key);
      }
      const orphans = (await chunks.keys()).filter((key) => !kept.has(key));
      if (orphans.length > 0) await chunks.remove(orphans);
    },
  };
}

/** What callers give besides stays out of the record. */
function factsOf({ name, source, model, origin, crossValidationDice, sharing }: NewModel) {
  return {
    name,
    source,
    model,
    origin,
    ...(crossValidationDice === undefined ? {} : { crossValidationDice }),
    ...(sharing && { sharing }),
  };
}

function chunksOf({ files = [], weights }: Pick<ModelRecord, 'files' | 'weights'>): readonly StoredChunk[] {
  return [...files, ...Object.values(weights)].flatMap(({ chunks }) => chunks);
}

/** A model's file that holds a fold's weights. */
function isCheckpointOf(fold: string, { path }: Pick<KeptFile, 'path'>): boolean {
  if (path === NETWORK_FILES.onnx) return true;
  return isWeightsOf(fold, path);
}

function identity({ datasetName, trainerName, configuration }: NnunetModel): string {
  return JSON.stringify([datasetName, trainerName, configuration.name]);
}

/** By fold, of the file or the bare weights. */
function checkpointHashes({ model, files = [], weights }: ModelRecord): readonly unknown[] {
  return model.folds.map(({ fold }) => {
    const kept = files.find((each) => isCheckpointOf(fold, each)) ?? weights[fold];
    return [fold, kept?.chunks.map(({ sha256 }) => sha256)];
  });
}
