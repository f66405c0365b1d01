import type { NnunetModel, StateDict } from '@/core/interop/model';
import { StudioError } from '@/shared/errors';
import { explainWriteFailure, type RecordStore } from './recordStore';
import { readWeights, type WeightManifest, writeWeights } from './weightChunks';

/** A model that is kept, without its weights. */
export interface ModelRecord {
  readonly id: string;
  /** Dataset and configuration, `Dataset004_Hippocampus · 3d_fullres`. */
  readonly name: string;
  /** The folder or zip it came from. */
  readonly source: string;
  readonly model: NnunetModel;
  readonly origin: 'imported' | 'sample' | 'trained';
  /** Mean foreground Dice over the cross-validation, where the model brought it. */
  readonly crossValidationDice?: number;
  /** Bytes of the stored weights, all folds. */
  readonly sizeInBytes: number;
  /** Milliseconds since 1970. */
  readonly importedAt: number;
  readonly weights: Readonly<Record<string, WeightManifest>>;
  /** Set while a removal can still be undone. */
  readonly isRemoved: boolean;
}

/** A model on its way into the library: weights are asked for one fold at a time. */
export interface NewModel
  extends Pick<ModelRecord, 'name' | 'source' | 'model' | 'origin' | 'crossValidationDice'> {
  loadFold(fold: string): Promise<StateDict>;
}

/** Models that are kept: a small record each, and weights in chunks that count only once their record is written. */
export interface ModelLibrary {
  /** Newest first, without removed ones. */
  list(): Promise<readonly ModelRecord[]>;
  /** Throws `ModelMissing`. */
  find(id: string): Promise<ModelRecord>;
  /** Stores all folds, then the record. The same model imported again replaces its older copy. */
  add(model: NewModel, onFold?: (done: number, total: number) => void): Promise<ModelRecord>;
  loadFold(id: string, fold: string): Promise<StateDict>;
  /** Hides the model; its weights stay until {@link ModelLibrary.purge}. */
  remove(id: string): Promise<void>;
  restore(id: string): Promise<void>;
  /** Deletes a removed model's weights; does nothing to a restored one. */
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
    await chunks.remove(chunkKeys(record));
  }

  return {
    find,
    list: async () => (await all()).filter(({ isRemoved }) => !isRemoved),

    async add(source, onFold) {
      const id = crypto.randomUUID();
      const weights: Record<string, WeightManifest> = {};
      try {
        for (const [i, { fold }] of source.model.folds.entries()) {
          const stateDict = await source.loadFold(fold);
          weights[fold] = await writeWeights(chunks, `${id}/${fold}`, stateDict, `model ${source.name}`);
          onFold?.(i + 1, source.model.folds.length);
        }
        const record = newRecord(id, source, weights);
        const twins = (await all()).filter((other) => fingerprint(other) === fingerprint(record));
        await records.set(id, record);
        for (const twin of twins) await erase(twin);
        return record;
      } catch (error) {
        await chunks.remove(
          Object.values(weights).flatMap((manifest) => manifest.chunks.map(({ key }) => key)),
        );
        throw explainWriteFailure(error, `model ${source.name}`, totalSize(weights));
      }
    },

    async loadFold(id, fold) {
      const { weights, name } = await find(id);
      const manifest = weights[fold];
      if (!manifest) {
        throw new StudioError(
          'FoldMissing',
          `${name} has no fold ${fold}; it has ${Object.keys(weights).join(', ')}.`,
          'Choose one of these folds.',
        );
      }
      return readWeights(chunks, manifest, `${name}, fold ${fold}`);
    },

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
        else for (const key of chunkKeys(record)) kept.add(key);
      }
      const orphans = (await chunks.keys()).filter((key) => !kept.has(key));
      if (orphans.length > 0) await chunks.remove(orphans);
    },
  };
}

function newRecord(id: string, source: NewModel, weights: ModelRecord['weights']): ModelRecord {
  const { loadFold: _, ...facts } = source;
  return { ...facts, id, sizeInBytes: totalSize(weights), importedAt: Date.now(), weights, isRemoved: false };
}

function totalSize(weights: ModelRecord['weights']): number {
  return Object.values(weights).reduce((sum, manifest) => sum + manifest.sizeInBytes, 0);
}

function chunkKeys(record: ModelRecord): readonly string[] {
  return Object.values(record.weights).flatMap(({ chunks }) => chunks.map(({ key }) => key));
}

/** Equal for the same weights under the same configuration, whatever the file was called. */
function fingerprint({ model, weights }: ModelRecord): string {
  const hashes = Object.entries(weights).map(([fold, { chunks }]) => [
    fold,
    chunks.map(({ sha256 }) => sha256),
  ]);
  return JSON.stringify([model.datasetName, model.trainerName, model.configuration.name, hashes]);
}
