// Records that are kept across reloads, shown as a list, and worked on one at a time: what the stores of cases, datasets,
// trainings, evaluations and choices have in common.

import { messageOf } from '@/shared/errors';
import type { RecordStore } from '@/storage/recordStore';

/** All records that are kept, in order. */
export async function readRecords<Item>(
  records: RecordStore,
  compare: (a: Item, b: Item) => number,
): Promise<readonly Item[]> {
  const found = await Promise.all((await records.keys()).map((key) => records.get<Item>(key)));
  return found.filter((item) => item !== undefined).sort(compare);
}

/** The number at the end of an id, `run-3`: 3. */
export function numberOfId(id: string): number {
  return Number(id.slice(id.lastIndexOf('-') + 1));
}

/** The highest number of all ids, 0 without any. */
export async function highestNumber(records: RecordStore): Promise<number> {
  return Math.max(0, ...(await records.keys()).map(numberOfId));
}

export interface RecordListOptions<Item> {
  readonly records: RecordStore;
  /** The list as the page has it. */
  readonly shown: () => readonly Item[];
  readonly show: (items: readonly Item[]) => void;
  readonly compare: (a: Item, b: Item) => number;
}

/** Records by id, on the page and where they are kept. */
export interface RecordList<Item> {
  /** As the page has it. */
  find(id: string): Item | undefined;
  /** What is kept. */
  read(): Promise<readonly Item[]>;
  /** What is kept, but for one that this tab works on and knows better. */
  readBut(runningId: () => string | undefined): Promise<readonly Item[]>;
  /** Shows and keeps records in place of those of their ids; those that are no longer shown are only kept. */
  save(...changed: readonly Item[]): Promise<void>;
  /** Shows a change of the record of that id, and keeps it unless told otherwise. */
  change(id: string, changes: Partial<Item>, isKept?: boolean): Promise<void>;
  remove(id: string): Promise<void>;
}

export function recordList<Item extends { readonly id: string }>({
  records,
  shown,
  show,
  compare,
}: RecordListOptions<Item>): RecordList<Item> {
  const find = (id: string) => shown().find((item) => item.id === id);
  const replace = (changed: readonly Item[]) => {
    const byId = new Map(changed.map((item) => [item.id, item]));
    show(shown().map((item) => byId.get(item.id) ?? item));
  };
  const read = () => readRecords(records, compare);
  return {
    find,
    read,
    async readBut(runningId) {
      const kept = await read();
      const id = runningId();
      return kept.map((item) => (item.id === id ? (find(item.id) ?? item) : item));
    },
    async save(...changed) {
      replace(changed);
      await Promise.all(changed.map((item) => records.set(item.id, item)));
    },
    async change(id, changes, isKept = true) {
      const found = find(id);
      if (!found) return;
      const item = { ...found, ...changes };
      replace([item]);
      if (isKept) await records.set(id, item);
    },
    async remove(id) {
      show(shown().filter((item) => item.id !== id));
      await records.remove([id]);
    },
  };
}

export interface WorkQueueOptions<Task> {
  /** Runs `work` while no other tab of the studio does the same. */
  readonly exclusively: (work: () => Promise<void>) => Promise<void>;
  /** Called once it is this tab's turn: another may have worked on the records meanwhile. */
  readonly prepare?: () => Promise<void>;
  /** What waits longest, if anything does. */
  readonly next: () => Task | undefined;
  /** Does it; what it throws ends the turn. Afterwards it must not be the next any more. */
  readonly run: (task: Task) => Promise<void>;
}

/** Works through what waits, one after the other. */
export interface WorkQueue {
  /** Begins, unless it is at work. */
  start(): void;
  isWorking(): boolean;
  /** Resolves when nothing waits or runs. */
  idle(): Promise<void>;
}

export function workQueue<Task>({ exclusively, prepare, next, run }: WorkQueueOptions<Task>): WorkQueue {
  let working: Promise<void> | undefined;
  async function turn(): Promise<void> {
    await prepare?.();
    for (let task = next(); task !== undefined; task = next()) await run(task);
  }
  function start(): void {
    working ??= exclusively(turn).finally(() => {
      working = undefined;
      if (next() !== undefined) start();
    });
  }
  return {
    start,
    isWorking: () => working !== undefined,
    async idle() {
      while (working) await working;
    },
  };
}

/** Why something failed, as it is kept and shown. */
export interface Failure {
  readonly name: string;
  readonly message: string;
}

export function failureOf(error: unknown): Failure {
  return { name: error instanceof Error ? error.name : 'Error', message: messageOf(error) };
}

/** Failures by key with one set anew, or taken out. */
export function withFailure<Kind extends Failure>(
  failures: Readonly<Record<string, Kind>>,
  key: string,
  failure: Kind | undefined,
): Readonly<Record<string, Kind>> {
  const { [key]: _, ...others } = failures;
  return failure ? { ...others, [key]: failure } : others;
}
