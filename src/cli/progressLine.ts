const BAR_CELLS = 24;
/** Redrawing more often than this only flickers. */
const MIN_INTERVAL_MS = 100;

/** How far something is: a stage, its share that is done (0…1), and the seconds left where they can be told. */
export interface ProgressState {
  readonly stage: string;
  readonly share: number;
  readonly secondsLeft?: number;
}

/** One line at the bottom of a terminal that is drawn over; silent where standard error is no terminal. */
export class ProgressLine {
  private readonly isShown: boolean;
  private lastDrawn = 0;
  private width = 0;

  constructor(isWanted: boolean) {
    this.isShown = isWanted && process.stderr.isTTY === true;
  }

  show(caseId: string, { stage, share, secondsLeft }: ProgressState): void {
    const now = performance.now();
    if (!this.isShown || (now - this.lastDrawn < MIN_INTERVAL_MS && share < 1)) return;
    this.lastDrawn = now;
    const filled = Math.round(BAR_CELLS * Math.min(1, Math.max(0, share)));
    const bar = '#'.repeat(filled) + '.'.repeat(BAR_CELLS - filled);
    const left = secondsLeft === undefined ? '' : `  ${formatSeconds(secondsLeft)} left`;
    this.draw(`${caseId}  ${stage.padEnd(13)} [${bar}] ${Math.round(100 * share)} %${left}`);
  }

  /** Wipes the line, so that other output starts on a clean one. */
  clear(): void {
    if (this.isShown) this.draw('');
  }

  private draw(text: string): void {
    process.stderr.write(`\r${text.padEnd(this.width)}${text === '' ? '\r' : ''}`);
    this.width = text.length;
  }
}

/** `0.8 s`, `45 s`, `3 min 20 s`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
