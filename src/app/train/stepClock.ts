import type { TrainingStepReport } from '@/core/training/trainingRun';

/** Weight of what was measured before in the running mean. */
const MEMORY = 0.8;

/** Times training steps, and says when the page should hear of them. */
export class StepClock {
  private readonly reportIntervalMs: number;
  private lastTick: number | undefined;
  private lastReport = 0;
  private mean: number | undefined;

  constructor(reportIntervalMs: number) {
    this.reportIntervalMs = reportIntervalMs;
  }

  /** Forgets the last step: there was a break behind it. */
  restart(): void {
    this.lastTick = undefined;
  }

  /** Told at the end of each step; returns the running mean of training steps, seconds. */
  tick(stage: TrainingStepReport['stage']): number | undefined {
    const now = performance.now();
    if (stage === 'training' && this.lastTick !== undefined) {
      const seconds = (now - this.lastTick) / 1000;
      this.mean = this.mean === undefined ? seconds : MEMORY * this.mean + (1 - MEMORY) * seconds;
    }
    this.lastTick = stage === 'training' ? now : undefined;
    return this.mean;
  }

  /** The last step of a stage always counts. */
  isReportDue({ done, total }: Pick<TrainingStepReport, 'done' | 'total'>): boolean {
    const now = performance.now();
    if (done < total && now - this.lastReport < this.reportIntervalMs) return false;
    this.lastReport = now;
    return true;
  }
}
