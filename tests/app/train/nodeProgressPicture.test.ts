import { decode } from 'fast-png';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { TrainFoldLog } from '@/app/train/foldLog';
import { nodeProgressPicture } from '@/app/train/nodeProgressPicture';
import type { ProgressCurves } from '@/app/train/progressPlot';
import { EMPTY_LOG, withEpoch } from '@/core/training/trainingLog';
import { memoryFolder } from '../../support/memoryFolder';

const CURVES: ProgressCurves = {
  trainLoss: [0.5, -0.5],
  valLoss: [0.25, -0.5],
  meanFgDice: [0.25, 0.75],
  emaFgDice: [0.25, 0.3],
  seconds: [20, 10],
  learningRate: [0.01, 0.005],
};
const ENTRY = {
  trainLoss: 1,
  valLoss: 2,
  dicePerClassOrRegion: [0.5],
  learningRate: 0.01,
  start: 100,
  end: 130,
};

afterEach(() => {
  vi.doUnmock('@napi-rs/canvas');
  vi.resetModules();
});

describe('progress.png in Node', () => {
  test('has curves in their colours on white and grey', async () => {
    const png = await nodeProgressPicture((reason) => expect.fail(reason))(CURVES);
    const { width, height, data, channels } = decode(png ?? new Uint8Array());
    expect([width, height]).toEqual([1500, 2700]);
    const counts = new Map<string, number>();
    for (let i = 0; i < data.length; i += channels) {
      const color = [...data.subarray(i, i + 3)].join();
      counts.set(color, (counts.get(color) ?? 0) + 1);
    }
    const all = width * height;
    expect(counts.get('234,234,242')).toBeGreaterThan(0.5 * all);
    for (const color of ['0,0,255', '255,0,0', '0,128,0']) expect(counts.get(color)).toBeGreaterThan(500);
  });

  test('where the canvas is not installed that is said once, and the log goes on', async () => {
    vi.doMock('@napi-rs/canvas', () => {
      throw new Error('Cannot find package');
    });
    const reasons: string[] = [];
    const folder = memoryFolder();
    const question = { preprocessed: folder, plansName: 'p', configurationName: '2d', fold: 0 };
    const log = new TrainFoldLog(
      folder,
      { question },
      nodeProgressPicture((reason) => reasons.push(reason)),
    );
    const trainingLog = withEpoch(EMPTY_LOG, ENTRY);
    const report = { ...ENTRY, epoch: 0, epochs: 2, meanFgDice: 0.5, emaFgDice: 0.5, isBest: true };
    for (let i = 0; i < 2; i++) await log.addEpoch({ ...report, seconds: 30, dataWaitShare: 0 }, trainingLog);
    expect(reasons).toEqual(['the package @napi-rs/canvas is not installed']);
    expect([...folder.contents.keys()]).toContain('fold_0/progress.json');
    expect([...folder.contents.keys()]).not.toContain('fold_0/progress.png');
  });

  test('lies beside progress.json', async () => {
    const folder = memoryFolder();
    const question = { preprocessed: folder, plansName: 'p', configurationName: '2d', fold: 1 };
    const log = new TrainFoldLog(folder, { question }, async () => Uint8Array.of(1, 2));
    const report = { ...ENTRY, epoch: 0, epochs: 2, meanFgDice: 0.5, emaFgDice: 0.5, isBest: true };
    await log.addEpoch({ ...report, seconds: 30, dataWaitShare: 0 }, withEpoch(EMPTY_LOG, ENTRY));
    expect(folder.contents.get('fold_1/progress.png')).toEqual(Uint8Array.of(1, 2));
  });
});
