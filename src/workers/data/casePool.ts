// Threads that work on cases, each on one at a time. They start when there is work for them; one that is cancelled or
// dies is replaced by the next call.
import { StudioError } from '@/shared/errors';
import {
  type CaseAnswer,
  type CaseRequest,
  type CaseRequests,
  type CaseResults,
  type CaseTask,
  sentCase,
} from './caseMessages';
import type { CaseWorkers } from './caseWorkers';

/** A thread of either kind. */
interface CaseThread {
  post(request: CaseRequest): void;
  terminate(): void;
}

/** Starts one, and says whom to tell of its answers and of its death: in words, or by the error that kept it from starting. */
export type StartThread = (tell: {
  answer(answer: CaseAnswer): void;
  death(reason: string | Error): void;
}) => CaseThread;

/** `count` threads. */
export function casePool(count: number, start: StartThread): CaseWorkers {
  const pool = new CasePool(count, start);
  return {
    atOnce: count,
    fingerprint: async (rawCase, reader, samples, signal) =>
      pool.run('fingerprint', { rawCase: await sentCase(rawCase), reader, samples }, signal),
    preprocess: async (rawCase, order, signal) =>
      pool.run('preprocess', { rawCase: await sentCase(rawCase), order }, signal),
    survey: (draws, placement) => pool.run('survey', { draws, placement }),
    refine: (draws, placement, mean, bins) => pool.run('refine', { draws, placement, mean, bins }),
    close: () => pool.close(),
  };
}

class CasePool {
  private readonly all = new Set<PoolThread>();
  private readonly idle: PoolThread[] = [];
  /** Calls that found no thread free. */
  private readonly waiting: (() => void)[] = [];
  private isClosed = false;
  private readonly count: number;
  private readonly start: StartThread;

  constructor(count: number, start: StartThread) {
    this.count = count;
    this.start = start;
  }

  async run<Task extends CaseTask>(
    task: Task,
    request: CaseRequests[Task],
    signal?: AbortSignal,
  ): Promise<CaseResults[Task]> {
    try {
      while (!this.isClosed && this.idle.length === 0 && this.all.size >= this.count) {
        await new Promise<void>((resolve) => this.waiting.push(resolve));
      }
      signal?.throwIfAborted();
      if (this.isClosed) throw closedError();
      return await this.ask(task, request, signal);
    } finally {
      this.waiting.shift()?.();
    }
  }

  close(): void {
    this.isClosed = true;
    for (const thread of this.all) thread.end(closedError());
    for (const wake of this.waiting.splice(0)) wake();
  }

  private async ask<Task extends CaseTask>(
    task: Task,
    request: CaseRequests[Task],
    signal?: AbortSignal,
  ): Promise<CaseResults[Task]> {
    const thread = this.idle.pop() ?? new PoolThread(this.start);
    this.all.add(thread);
    try {
      return await thread.ask(task, request, signal);
    } finally {
      if (thread.isAlive) this.idle.push(thread);
      else this.all.delete(thread);
    }
  }
}

/** One thread and the question that it is at. */
class PoolThread {
  isAlive = true;
  private readonly thread: CaseThread;
  private settle: ((outcome: CaseAnswer | Error) => void) | undefined;

  constructor(start: StartThread) {
    this.thread = start({
      answer: (answer) => this.settle?.(answer),
      death: (reason) => this.end(typeof reason === 'string' ? crashedError(reason) : reason),
    });
  }

  async ask<Task extends CaseTask>(
    task: Task,
    request: CaseRequests[Task],
    signal?: AbortSignal,
  ): Promise<CaseResults[Task]> {
    const stop = () => this.end(signal?.reason);
    signal?.addEventListener('abort', stop);
    try {
      const outcome = await new Promise<CaseAnswer | Error>((resolve) => {
        this.settle = resolve;
        this.thread.post({ task, ...request } as CaseRequest);
      });
      if (outcome instanceof Error) throw outcome;
      if ('error' in outcome) throw new StudioError(outcome.error.name, outcome.error.message);
      return outcome.result as CaseResults[Task];
    } finally {
      this.settle = undefined;
      signal?.removeEventListener('abort', stop);
    }
  }

  /** Ends the thread; what it was at fails with `reason`. */
  end(reason: Error): void {
    if (!this.isAlive) return;
    this.isAlive = false;
    this.thread.terminate();
    this.settle?.(reason);
  }
}

function closedError(): Error {
  return new DOMException('The workers were closed.', 'AbortError');
}

function crashedError(reason: string): StudioError {
  return new StudioError(
    'WorkerCrashed',
    `A background worker stopped: ${reason}.`,
    'The case may be too large: work on fewer at once.',
  );
}
