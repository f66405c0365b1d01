// Starts the worker that writes and reads; the test calls `window.checkpoints`.

import { proxy, wrap } from 'comlink';
import type { CheckpointsApi, FoundCheckpoint } from './checkpoints.worker';

const worker = new Worker(new URL('./checkpoints.worker.ts', import.meta.url), { type: 'module' });
const remote = wrap<CheckpointsApi>(worker);

const checkpoints = {
  /** Returns at once; each checkpoint that is kept is told of. */
  start(first: number): void {
    void remote.writeForever(
      first,
      proxy((number: number) => void window.onKept(number)),
    );
  },
  read: (): Promise<FoundCheckpoint> => remote.read(),
  writeOne: (number: number) => remote.writeOne(number),
};

declare global {
  interface Window {
    checkpoints: typeof checkpoints;
    /** The test's. */
    onKept(number: number): Promise<void>;
  }
}

window.checkpoints = checkpoints;
