import { describe, expect, test } from 'vitest';
import { scheduleOf, schedulePresets, scheduleSeconds } from '@/app/train/schedulePresets';
import { NNUNET_SCHEDULE } from '@/core/planning/trainingSchedule';

const HOUR = 3600;
const byId = (step: { training: number; validation: number }) =>
  Object.fromEntries(schedulePresets(step).map(({ id, schedule }) => [id, schedule]));

describe('schedules', () => {
  test.each([0.002, 0.05, 0.3, 2, 20])('with steps of %d s presets stay within their time', (training) => {
    const step = { training, validation: training / 3 };
    const { look, evening, night, full } = byId(step);
    expect(scheduleSeconds(look, step)).toBeLessThanOrEqual(600);
    expect(scheduleSeconds(evening, step)).toBeLessThanOrEqual(3 * HOUR);
    expect(scheduleSeconds(night, step)).toBeLessThanOrEqual(10 * HOUR);
    expect(scheduleSeconds(evening, step)).toBeLessThanOrEqual(scheduleSeconds(night, step));
    expect(full).toBe(NNUNET_SCHEDULE);
  });

  test('a slow GPU gets shorter epochs rather than few of them', () => {
    const { evening } = byId({ training: 2, validation: 0.7 });
    expect(evening).toEqual(scheduleOf(100, 50));
  });

  test('a fast GPU gets no more than nnU-Net trains', () => {
    expect(byId({ training: 0.002, validation: 0.001 }).night).toBe(NNUNET_SCHEDULE);
  });

  test('before a measurement there are schedules all the same', () => {
    const { look, evening } = byId({ training: Number.NaN, validation: Number.NaN });
    expect(look.epochs).toBe(20);
    expect(evening.epochs).toBe(100);
  });
});
