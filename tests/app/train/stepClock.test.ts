import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { StepClock } from '@/app/train/stepClock';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('the clock of training steps', () => {
  test('a pause and validation are no training time', () => {
    const clock = new StepClock(200);
    expect(clock.tick('training')).toBeUndefined();
    vi.advanceTimersByTime(500);
    expect(clock.tick('training')).toBeCloseTo(0.5);
    vi.advanceTimersByTime(60_000);
    clock.restart();
    expect(clock.tick('training')).toBeCloseTo(0.5);
    vi.advanceTimersByTime(9000);
    clock.tick('validation');
    vi.advanceTimersByTime(9000);
    expect(clock.tick('training')).toBeCloseTo(0.5);
  });

  test('reports come at most so often, but always for the last step', () => {
    const clock = new StepClock(200);
    vi.advanceTimersByTime(1000);
    expect(clock.isReportDue({ done: 1, total: 9 })).toBe(true);
    expect(clock.isReportDue({ done: 2, total: 9 })).toBe(false);
    vi.advanceTimersByTime(200);
    expect(clock.isReportDue({ done: 3, total: 9 })).toBe(true);
    expect(clock.isReportDue({ done: 9, total: 9 })).toBe(true);
  });
});
