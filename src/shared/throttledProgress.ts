/** How often a listener across threads hears of one stage. */
const PROGRESS_INTERVAL_MS = 100;

/** A stage of long work, and how much of it is done where that can be counted. */
export interface CountedProgress {
  readonly stage: string;
  readonly done?: number | undefined;
  readonly total?: number | undefined;
}

/** Tells of a stage's beginning and end, and in between at most ten times a second: messages to other threads cost time. */
export function throttled<Progress extends CountedProgress>(
  tell: (progress: Progress) => void,
): (progress: Progress) => void {
  let lastStage = '';
  let lastTime = 0;
  return (progress) => {
    const now = performance.now();
    const isLast = progress.done !== undefined && progress.done === progress.total;
    if (progress.stage === lastStage && now - lastTime < PROGRESS_INTERVAL_MS && !isLast) return;
    lastStage = progress.stage;
    lastTime = now;
    tell(progress);
  };
}
