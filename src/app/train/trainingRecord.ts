// A training as it is kept, and what follows from it alone.

import type { TrainingEpochReport } from '@/core/training/trainingRun';
import type {
  RelatedRuns,
  TrainingEvent,
  TrainingRequest,
  TrainingStart,
  TrainingStep,
  TrainingValidation,
} from '@/workers/train/api';

/** Where a run stands. One that was under way when its tab went is `interrupted`. */
export type TrainingStatus =
  | { readonly status: 'waiting' | 'running' | 'stopped' | 'interrupted' | 'done' }
  | { readonly status: 'failed'; readonly name: string; readonly message: string };

/** A run as it is kept. */
export interface TrainingRecord {
  /** `run-3`: its part of the address. What it writes lies under its order's `runId`, which no other run ever has. */
  readonly id: string;
  readonly order: TrainingRequest;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly state: TrainingStatus;
  /** By epoch. */
  readonly epochs: readonly TrainingEpochReport[];
  /** Of its newest session. */
  readonly start: TrainingStart | undefined;
  /** What to know of its newest session: of splits, schedule and checkpoint. */
  readonly notices?: readonly string[];
  /** All epochs are done. */
  readonly isTrained: boolean;
  readonly validation: TrainingValidation | undefined;
  /** In the library. */
  readonly modelId: string | undefined;
}

/** The run that is worked on in this tab. */
export interface LiveTraining {
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly step: TrainingStep | undefined;
  readonly validating: Extract<TrainingEvent, { kind: 'validating' }> | undefined;
  readonly isPaused: boolean;
  readonly isStopping: boolean;
  /** Devices lost since it was started. */
  readonly restarts: number;
  /** The newest checkpoint, milliseconds since 1970. */
  readonly keptAt: number | undefined;
  /** What could not be kept or read, until a checkpoint is kept again. */
  readonly trouble: string | undefined;
}

/** A run that waits. */
export function newRun(id: string, order: TrainingRequest): TrainingRecord {
  return {
    id,
    order,
    createdAt: Date.now(),
    state: { status: 'waiting' },
    epochs: [],
    start: undefined,
    isTrained: false,
    validation: undefined,
    modelId: undefined,
  };
}

/** A run that begins to be worked on. */
export function newLive(id: string): LiveTraining {
  return {
    id,
    startedAt: Date.now(),
    step: undefined,
    validating: undefined,
    isPaused: false,
    isStopping: false,
    restarts: 0,
    keptAt: undefined,
    trouble: undefined,
  };
}

/** As it is where no tab works on it. */
export function withoutRunning(run: TrainingRecord): TrainingRecord {
  return run.state.status === 'running' ? { ...run, state: { status: 'interrupted' } } : run;
}

/** Runs that a run's own has to do with. */
export function relatedTo(order: TrainingRequest, runs: readonly TrainingRecord[]): RelatedRuns {
  const isValidated = (run: TrainingRecord) =>
    run.validation !== undefined &&
    run.order.datasetName === order.datasetName &&
    run.order.plansName === order.plansName;
  return {
    previousStage: runs.filter(isValidated).map((run) => run.order),
    otherFolds: otherFolds(order, runs).map((run) => run.order),
  };
}

/** The newest trained run of each further fold of the same training. */
export function otherFolds(
  order: TrainingRequest,
  runs: readonly TrainingRecord[],
): readonly TrainingRecord[] {
  const key = trainingKey(order);
  const byFold = new Map<string, TrainingRecord>();
  for (const run of runs.toReversed()) {
    const isOther = run.order.fold !== order.fold && run.isTrained && run.validation !== undefined;
    if (isOther && trainingKey(run.order) === key) byFold.set(`${run.order.fold}`, run);
  }
  return [...byFold.values()];
}

/** Folds of the same training have it in common. */
export function trainingKey({
  runId: _,
  fold,
  seed: __,
  shouldSaveProbabilities: ___,
  ...training
}: TrainingRequest): string {
  return JSON.stringify([training, fold === 'all']);
}

/** A run in a few words. */
export function nameOf({ datasetName, configurationName, fold }: TrainingRequest): string {
  return `${datasetName} ${configurationName}, fold ${fold}`;
}
