// Checkpoints as records. The bytes of a checkpoint are written in chunks under keys of their own, a new generation, and
// count from the moment one small record names them; so whatever instant a tab dies at, the record names a whole
// checkpoint, the old one or the new. Chunks that no record names are what dead tabs left, and are swept.
import { memoryFile } from '@/core/io/sourceFile';
import type { ZipPart } from '@/core/io/zipStream';
import { StudioError } from '@/shared/errors';
import { formatBytes } from '@/shared/numeric';
import type { CheckpointStore } from './checkpointStore';
import {
  CHUNK_BYTES,
  readChunks,
  removeChunks,
  type StoredChunk,
  sizeOfChunks,
  writeChunks,
} from './hashedChunks';
import { isStorageFull, type RecordStore } from './recordStore';

/** How many checkpoints of one name are kept: the current one, and one to fall back to. */
const KEPT_GENERATIONS = 2;
/** How many other runs are named as those to delete. */
const MOST_NAMED_RUNS = 3;

/** Where checkpoints lie; chunks apart, so that listing records never touches weights. */
export interface CheckpointRecords {
  readonly records: RecordStore;
  readonly chunks: RecordStore;
}

export interface RecordCheckpointsOptions extends CheckpointRecords {
  /** Id of the run, one fold of a training. */
  readonly run: string;
  /** Names the run to people who have to delete something: `Dataset004_Hippocampus 3d_fullres fold 0`; its id if left out. */
  readonly title?: string;
  /** Told where a checkpoint is damaged and an older one is read in its stead. */
  readonly onDamage?: (message: string) => void;
  /** Bytes of a chunk, at most {@link CHUNK_BYTES}. */
  readonly chunkBytes?: number;
}

/** What is stored of one name. */
interface CheckpointRecord {
  readonly run: string;
  readonly title: string;
  readonly name: string;
  /** Newest first. */
  readonly generations: readonly Generation[];
}

interface Generation {
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly writtenAt: number;
  readonly chunks: readonly StoredChunk[];
}

/**
 * The checkpoints of a run. All may read them; only one at a time may write or remove. `write` throws `StorageFull`, and
 * what was kept before is still there; `read` throws `CheckpointDamaged` where none of the generations is whole. What an
 * interrupted write left is swept before the first write or removal.
 */
export function recordCheckpoints(options: RecordCheckpointsOptions): CheckpointStore {
  const { records, chunks, run, title = run, onDamage, chunkBytes = CHUNK_BYTES } = options;
  const keyOf = (name: string) => `${run}/${name}`;
  const damaged = new Set<string>();
  const inTurn = oneAfterAnother();
  let isSwept = false;

  async function sweep(): Promise<void> {
    if (isSwept) return;
    const named = (await recordsOf(records, run)).flatMap(({ generations }) => generations);
    const kept = new Set(named.flatMap((generation) => generation.chunks.map(({ key }) => key)));
    const orphans = (await chunks.keys()).filter((key) => isChunkOf(run, key) && !kept.has(key));
    if (orphans.length > 0) await chunks.remove(orphans);
    isSwept = true;
  }

  async function write(name: string, content: Uint8Array): Promise<void> {
    const before = (await records.get<CheckpointRecord>(keyOf(name)))?.generations ?? [];
    const id = crypto.randomUUID();
    try {
      const written = await writeChunks(chunks, `${run}/${id}`, cut(content, chunkBytes));
      const older = before.filter((generation) => !damaged.has(generation.id));
      const generations = [{ id, writtenAt: Date.now(), chunks: written }, ...older].slice(
        0,
        KEPT_GENERATIONS,
      );
      await flip(name, generations);
      const gone = before.filter((generation) => !generations.includes(generation));
      // The new checkpoint is kept already; chunks that cannot be taken away now are swept later.
      await removeGenerations(chunks, gone).catch(() => undefined);
    } catch (error) {
      throw isStorageFull(error) ? await noRoom(options, name, content.byteLength, error) : error;
    }
  }

  /** What makes a generation the current one. */
  async function flip(name: string, generations: readonly Generation[]): Promise<void> {
    try {
      await records.set(keyOf(name), { run, title, name, generations } satisfies CheckpointRecord);
    } catch (error) {
      await removeGenerations(chunks, generations.slice(0, 1)).catch(() => undefined);
      throw error;
    }
  }

  return {
    write: (name, content) =>
      inTurn(async () => {
        // What cannot be swept only takes room.
        await sweep().catch(() => undefined);
        await write(name, content);
      }),

    async read(name) {
      const tried: Generation[] = [];
      for (;;) {
        // Asked for anew each time: what is missing may have made room for a newer one.
        const record = await records.get<CheckpointRecord>(keyOf(name));
        if (!record) return undefined;
        const isTried = ({ id }: Generation) => tried.some((other) => other.id === id);
        const generation = record.generations.find((each) => !isTried(each));
        if (!generation) throw nothingWhole(title, name);
        const content = await readChunks(chunks, generation.chunks);
        if (content) {
          const lost = record.generations.find(isTried);
          if (lost) onDamage?.(fallbackMessage(name, lost, generation));
          return memoryFile(content, name);
        }
        tried.push(generation);
        damaged.add(generation.id);
      }
    },

    remove: (name) =>
      inTurn(async () => {
        await sweep().catch(() => undefined);
        const record = await records.get<CheckpointRecord>(keyOf(name));
        await records.remove([keyOf(name)]);
        await removeGenerations(chunks, record?.generations ?? []);
      }),
  };
}

/** The checkpoints of a run as parts of an archive, by their names; each is read when its turn comes. */
export async function checkpointFiles(
  { records, chunks }: CheckpointRecords,
  run: string,
): Promise<readonly ZipPart[]> {
  const store = recordCheckpoints({ records, chunks, run });
  return (await recordsOf(records, run)).map(({ name, title, generations }) => ({
    path: name,
    sizeInBytes: sizeOfChunks(generations[0]?.chunks ?? []),
    open: async () => {
      const file = await store.read(name);
      if (file) return file;
      throw nothingWhole(title, name);
    },
  }));
}

/** What one run takes up. */
export interface CheckpointUsage {
  readonly run: string;
  readonly title: string;
  /** All generations of all names. */
  readonly sizeInBytes: number;
  /** Of the newest checkpoint, milliseconds since 1970. */
  readonly writtenAt: number;
}

/** All runs that have checkpoints, the largest first. */
export async function checkpointUsage({
  records,
}: Pick<CheckpointRecords, 'records'>): Promise<readonly CheckpointUsage[]> {
  const usage = new Map<string, CheckpointUsage>();
  for (const { run, title, generations } of await recordsOf(records)) {
    const other = usage.get(run);
    usage.set(run, {
      run,
      title,
      sizeInBytes: generations.reduce(
        (sum, generation) => sum + sizeOfChunks(generation.chunks),
        other?.sizeInBytes ?? 0,
      ),
      writtenAt: Math.max(other?.writtenAt ?? 0, ...generations.map(({ writtenAt }) => writtenAt)),
    });
  }
  return [...usage.values()].sort((a, b) => b.sizeInBytes - a.sizeInBytes);
}

/** Deletes all checkpoints of a run, and what interrupted writes left of it. */
export async function removeCheckpoints({ records, chunks }: CheckpointRecords, run: string): Promise<void> {
  const doomed = (await recordsOf(records, run)).map(({ name }) => `${run}/${name}`);
  if (doomed.length > 0) await records.remove(doomed);
  const theirs = (await chunks.keys()).filter((key) => isChunkOf(run, key));
  if (theirs.length > 0) await chunks.remove(theirs);
}

async function recordsOf(records: RecordStore, run?: string): Promise<readonly CheckpointRecord[]> {
  const keys = (await records.keys()).filter((key) => run === undefined || key.startsWith(`${run}/`));
  const found = await Promise.all(keys.map((key) => records.get<CheckpointRecord>(key)));
  return found
    .filter((record) => record !== undefined)
    .filter((record) => run === undefined || record.run === run);
}

async function removeGenerations(chunks: RecordStore, generations: readonly Generation[]): Promise<void> {
  for (const generation of generations) await removeChunks(chunks, generation.chunks);
}

/** True for `run/generation/index`; a run below this one has a longer path. */
function isChunkOf(run: string, key: string): boolean {
  return key.startsWith(`${run}/`) && key.slice(run.length + 1).split('/').length === 2;
}

/** Copies: a view that is stored takes its whole buffer along. */
function* cut(content: Uint8Array, chunkBytes: number): Generator<Uint8Array<ArrayBuffer>> {
  for (let start = 0; start < content.length; start += chunkBytes) {
    yield content.slice(start, start + chunkBytes);
  }
}

/** Work begins when all that was asked for before has ended, well or badly. */
function oneAfterAnother(): <Result>(work: () => Promise<Result>) => Promise<Result> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const result = last.then(work, work);
    last = result;
    return result;
  };
}

async function noRoom(
  { records, run, title = run }: RecordCheckpointsOptions,
  name: string,
  sizeInBytes: number,
  cause: unknown,
): Promise<StudioError> {
  const usage = await checkpointUsage({ records }).catch(() => []);
  const others = usage.filter((other) => other.run !== run).slice(0, MOST_NAMED_RUNS);
  const named = others.map((other) => `${other.title} (${formatBytes(other.sizeInBytes)})`).join(', ');
  return new StudioError(
    'StorageFull',
    `The browser's storage has no room for ${name} of ${title}, which needs ${formatBytes(sizeInBytes)}; the checkpoints before it are still there.`,
    others.length > 0
      ? `Delete runs that you no longer need, for example ${named}, or datasets and models, or free disk space.`
      : 'Delete datasets, models or finished cases that you no longer need, or free disk space.',
    { cause },
  );
}

function nothingWhole(title: string, name: string): StudioError {
  return new StudioError(
    'CheckpointDamaged',
    `${title}: nothing whole is left of ${name}.`,
    'Go on from another checkpoint, or begin this run again.',
  );
}

function fallbackMessage(name: string, lost: Generation, used: Generation): string {
  const at = ({ writtenAt }: Generation) => new Date(writtenAt).toLocaleString();
  return `${name} of ${at(lost)} is damaged; that of ${at(used)} is read in its stead.`;
}
