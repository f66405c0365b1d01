// What keeps the studio's long work on the GPU apart, across tabs: a benchmark must not measure beside anything else.

/** Web Locks, one of each for all tabs. */
const TRAINING = 'nnstudio-training';
const SEGMENTING = 'nnstudio-queue';
const BENCHMARK = 'nnstudio-benchmark';

/** What has the GPU that a benchmark waits for. */
export type GpuUse = 'training' | 'segmenting';

export interface GpuLocks {
  /** Runs `work` while no other tab trains and none measures. */
  whileTraining(work: () => Promise<void>): Promise<void>;
  /** Runs `work` while no other tab segments and none measures; `signal` ends the waiting. */
  whileSegmenting(work: () => Promise<void>, signal?: AbortSignal): Promise<void>;
  /**
   * Runs `work` while nothing is trained or segmented; `signal` ends the waiting, `onWait` is told what for. While it
   * waits for a training, cases can be segmented.
   */
  whileMeasuring(
    work: () => Promise<void>,
    signal: AbortSignal,
    onWait: (use: GpuUse) => void,
  ): Promise<void>;
  /** Whether any tab is training. */
  isSomebodyTraining(): Promise<boolean>;
}

export function gpuLocks(locks: Pick<LockManager, 'request' | 'query'> = navigator.locks): GpuLocks {
  return {
    whileTraining: (work) => locks.request(TRAINING, work),

    whileSegmenting: (work, signal) => locks.request(SEGMENTING, signal ? { signal } : {}, work),

    async whileMeasuring(work, signal, onWait) {
      onWait('training');
      await locks.request(TRAINING, { signal }, () =>
        // Held only to tell who has the lock of trainings.
        locks.request(BENCHMARK, { signal }, () => {
          onWait('segmenting');
          return locks.request(SEGMENTING, { signal }, work);
        }),
      );
    },

    async isSomebodyTraining() {
      const { held = [] } = await locks.query();
      const isHeld = (lock: string) => held.some(({ name }) => name === lock);
      return isHeld(TRAINING) && !isHeld(BENCHMARK);
    },
  };
}
