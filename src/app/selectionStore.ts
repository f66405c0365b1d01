import { createStore, type StoreApi } from 'zustand/vanilla';
import type { OnnxFacts } from '@/core/interop/foreignNetwork';
import type { GivenFile } from '@/workers/files/api';

/** A file that was not taken, and why. */
interface Problem {
  readonly id: string;
  readonly path: string;
  readonly name: string;
  readonly message: string;
  readonly isNote?: boolean;
  /** Where the action that it came from ended; `undefined` while that goes on. */
  readonly place?: string | undefined;
}

/** What the page is at: choices that need not outlive it. */
export interface SelectionState {
  /** The model chosen by hand; otherwise the newest that fits. */
  readonly modelId: string | undefined;
  /** Folds chosen by hand, by model id; otherwise all. */
  readonly folds: Readonly<Record<string, readonly string[]>>;
  readonly hiddenLabels: ReadonlySet<number>;
  /** Step of the files being added, in words. */
  readonly adding: string | undefined;
  readonly problems: readonly Problem[];
  /** An ONNX file that waits for somebody to say what it takes and gives. */
  readonly undescribed: UndescribedNetwork | undefined;
}

export interface UndescribedNetwork {
  readonly file: GivenFile;
  readonly facts: OnnxFacts;
}

export type SelectionStore = StoreApi<SelectionState>;

export function createSelection(): SelectionStore {
  return createStore<SelectionState>(() => ({
    modelId: undefined,
    folds: {},
    hiddenLabels: new Set(),
    adding: undefined,
    problems: [],
    undescribed: undefined,
  }));
}
