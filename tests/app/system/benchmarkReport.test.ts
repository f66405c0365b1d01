import { describe, expect, test } from 'vitest';
import { benchmarkText, formatRate } from '@/app/system/benchmarkReport';
import type { BenchmarkFigures } from '@/workers/system/api';

const FIGURES: BenchmarkFigures = {
  startedAt: Date.UTC(2026, 0, 2, 3, 4, 5),
  seconds: 61.4,
  limitSeconds: 300,
  areKernelsMeasured: true,
  facts: {
    vendor: 'apple',
    architecture: 'metal-3',
    description: 'Apple M3',
    isSoftware: false,
    hasF16: true,
    hasSubgroups: true,
    subgroupSize: 32,
    hasTimestamps: false,
  },
  limits: {
    maxBufferSize: 4e9,
    maxStorageBufferBindingSize: 4e9,
    maxComputeWorkgroupStorageSize: 32_768,
  },
  peak: { f32: 4e12, f16: 7.9e12, copy: 99e9 },
  rows: [
    {
      network: '64×64×64',
      batch: 1,
      pass: 'forward',
      outcome: {
        ms: 28.04,
        samples: 5,
        flops: 28e9,
        dispatches: 211,
        plannedBytes: 65e6,
        allocatedBytes: 65.1e6,
        compileMs: 120.6,
      },
    },
    { network: '64×64×64', batch: 1, pass: 'training step', outcome: { leftOut: 'no room' } },
    { network: '96×96×96', batch: 2, pass: 'forward', outcome: { leftOut: 'no time: about 9 min' } },
    { network: '96×96×96', batch: 2, pass: 'training step', outcome: { leftOut: 'no time: about 20 min' } },
  ],
};

describe('report of the benchmark', () => {
  const text = benchmarkText({
    figures: FIGURES,
    environment: { version: '1.2.3', runtime: 'Chrome 144', system: 'macOS 15.1' },
  });

  test('says what was measured, on what, with what', () => {
    for (const line of [
      '- Date: 2026-01-02 03:04 UTC',
      '- Versions: nnStudio 1.2.3, Chrome 144',
      '- System: macOS 15.1',
      '- Adapter: Apple M3',
      '- Features: shader-f16, subgroups of 32',
      '- Multiply-add peak: 4.00 TFLOP/s f32, 7.90 TFLOP/s f16',
      '- Memory copy: 99.0 GB/s, read and written bytes together',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
    expect(text).toContain('kernels chosen by measuring; time limit 300 s, took 61 s');
  });

  test('is a Markdown table with rate and share of the peak', () => {
    const lines = text.split('\n').filter((line) => line.startsWith('|'));
    expect(new Set(lines.map(({ length }) => length)).size).toBe(1);
    const cells = lines.map((line) => line.split('|').map((cell) => cell.trim()));
    expect(cells[0].slice(1, -1)).toEqual([
      ...['network', 'batch', 'pass', 'ms', 'GFLOP', 'GFLOP/s', 'of peak', 'dispatches'],
      ...['memory planned', 'allocated', 'compiled in'],
    ]);
    expect(cells[2].slice(1, -1)).toEqual([
      ...['64×64×64', '1', 'forward', '28.0', '28.0', '999', '25.0 %', '211', '65.0 MB', '65.1 MB', '121 ms'],
    ]);
    expect(lines).toHaveLength(3);
  });

  test('names what was left out, a network a line, with the reasons', () => {
    expect(text).toContain('- 64×64×64: training step (no room)\n');
    expect(text).toContain(
      '- 96×96×96: forward (no time: about 9 min); training step (no time: about 20 min)\n',
    );
  });

  test.each([
    [1.5e13, 'FLOP/s', '15.0 TFLOP/s'],
    [4.5e11, 'B/s', '450 GB/s'],
    [2e6, 'FLOP/s', '2.00 MFLOP/s'],
  ] as const)('%d %s reads %s', (perSecond, unit, text) => {
    expect(formatRate(perSecond, unit)).toBe(text);
  });
});
