// The benchmark as text: Markdown that also reads well as it is.

import { formatBytes } from '@/shared/numeric';
import type { BenchmarkFigures, BenchmarkPeak, BenchmarkRow, PassFigures } from '@/workers/system/api';

/** Figures, and what they were measured with. */
export interface BenchmarkReport {
  readonly figures: BenchmarkFigures;
  readonly environment: BenchmarkEnvironment;
}

/** What the front knows of its surroundings. */
export interface BenchmarkEnvironment {
  /** Of nnStudio. */
  readonly version: string;
  /** `Chrome 144.0.7559.97`, `Node v20.20.1`. */
  readonly runtime: string;
  readonly system: string;
}

/** The whole report. Holds nothing about images, models or files. */
export function benchmarkText({ figures, environment }: BenchmarkReport): string {
  const leftOut = leftOutNetworks(figures.rows);
  const table = measuredRows(figures.rows).map(({ network, batch, pass, outcome }) => [
    network,
    `${batch}`,
    pass,
    ...passCells(outcome, figures.peak),
  ]);
  return [
    '## nnStudio benchmark',
    '',
    ...factLines({ figures, environment }).map(([name, value]) => `- ${name}: ${value}`),
    '',
    ...markdownTable([['network', 'batch', 'pass', ...PASS_COLUMNS], ...table]),
    ...(leftOut.length > 0 ? ['', 'Left out:', ''] : []),
    ...leftOut.map(({ network, passes }) => `- ${network}: ${passes}`),
    '',
  ].join('\n');
}

function factLines({ figures, environment }: BenchmarkReport): (readonly [string, string])[] {
  const { facts, limits, peak, limitSeconds, seconds, areKernelsMeasured } = figures;
  const subgroups = facts.subgroupSize === undefined ? 'subgroups' : `subgroups of ${facts.subgroupSize}`;
  const features = [
    facts.hasF16 && 'shader-f16',
    facts.hasSubgroups && subgroups,
    facts.hasTimestamps && 'timestamps',
  ].filter((feature) => feature !== false);
  const limit = limitSeconds === undefined ? 'no time limit' : `time limit ${limitSeconds} s`;
  return [
    ['Date', `${new Date(figures.startedAt).toISOString().slice(0, 16).replace('T', ' ')} UTC`],
    ['Versions', `nnStudio ${environment.version}, ${environment.runtime}`],
    ['System', environment.system],
    ['Adapter', adapterName(figures)],
    ['Vendor, architecture', [facts.vendor, facts.architecture].filter(Boolean).join(', ') || 'not reported'],
    ['Features', features.join(', ') || 'none of the optional ones'],
    [
      'Limits',
      `buffer ${formatBytes(limits.maxBufferSize)}, binding ${formatBytes(limits.maxStorageBufferBindingSize)}, workgroup memory ${formatBytes(limits.maxComputeWorkgroupStorageSize)}`,
    ],
    [
      'Settings',
      `f32, 1 channel in, 3 classes out; steps with deep supervision, Dice + cross entropy, SGD with momentum; kernels chosen by ${areKernelsMeasured ? 'measuring' : 'rule'}; ${limit}, took ${Math.round(seconds)} s`,
    ],
    ['Multiply-add peak', peakText(peak)],
    ['Memory copy', `${formatRate(peak.copy, 'B/s')}, read and written bytes together`],
  ];
}

/** The adapter, and whether it is one at all. */
export function adapterName({ facts }: Pick<BenchmarkFigures, 'facts'>): string {
  return `${facts.description}${facts.isSoftware ? ' (software)' : ''}`;
}

/** `12.3 TFLOP/s f32, 24.1 TFLOP/s f16`. */
export function peakText({ f32, f16 }: Pick<BenchmarkPeak, 'f32' | 'f16'>): string {
  const halves = f16 === undefined ? '' : `, ${formatRate(f16, 'FLOP/s')} f16`;
  return `${formatRate(f32, 'FLOP/s')} f32${halves}`;
}

/** What {@link passCells} gives. */
export const PASS_COLUMNS = [
  'ms',
  'GFLOP',
  'GFLOP/s',
  'of peak',
  'dispatches',
  'memory planned',
  'allocated',
  'compiled in',
] as const;

/** Figures of a pass as text; shares are of the f32 peak. */
export function passCells(figures: PassFigures, peak: Pick<BenchmarkPeak, 'f32'>): readonly string[] {
  const flopsPerSecond = (1000 * figures.flops) / figures.ms;
  return [
    digits(figures.ms),
    digits(figures.flops / 1e9),
    digits(flopsPerSecond / 1e9),
    `${digits((100 * flopsPerSecond) / peak.f32)} %`,
    `${figures.dispatches}`,
    formatBytes(figures.plannedBytes),
    formatBytes(figures.allocatedBytes),
    figures.compileMs < 1000
      ? `${Math.round(figures.compileMs)} ms`
      : `${digits(figures.compileMs / 1000)} s`,
  ];
}

const UNIT_STEPS = [
  ['T', 1e12],
  ['G', 1e9],
  ['M', 1e6],
] as const;

/** `12.3 TFLOP/s`, `450 GB/s`. */
export function formatRate(perSecond: number, unit: 'FLOP/s' | 'B/s'): string {
  const [prefix, size] = UNIT_STEPS.find(([, step]) => perSecond >= step) ?? UNIT_STEPS[2];
  return `${digits(perSecond / size)} ${prefix}${unit}`;
}

/** Three digits that matter, and never fewer than the whole number has. */
function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

function markdownTable(rows: readonly (readonly string[])[]): readonly string[] {
  const [head, ...body] = rows;
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const isText = (column: number) => column === 0 || column === 2;
  const line = (cells: readonly string[]) => {
    const padded = cells.map((cell, column) =>
      isText(column) ? cell.padEnd(widths[column]) : cell.padStart(widths[column]),
    );
    return `| ${padded.join(' | ')} |`;
  };
  const rule = widths.map((width, column) =>
    isText(column) ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`,
  );
  return [line(head), `|${rule.join('|')}|`, ...body.map(line)];
}

/** The rows that were measured. */
export function measuredRows(
  rows: readonly BenchmarkRow[],
): readonly (Omit<BenchmarkRow, 'outcome'> & { readonly outcome: PassFigures })[] {
  return rows.flatMap(({ outcome, ...row }) => ('leftOut' in outcome ? [] : [{ ...row, outcome }]));
}

/** What was not measured and why, a network each. */
export function leftOutNetworks(
  rows: readonly BenchmarkRow[],
): readonly { readonly network: string; readonly passes: string }[] {
  const passes = new Map<string, string[]>();
  for (const { network, pass, outcome } of rows) {
    if (!('leftOut' in outcome)) continue;
    passes.set(network, [...(passes.get(network) ?? []), `${pass} (${outcome.leftOut})`]);
  }
  return [...passes].map(([network, texts]) => ({ network, passes: texts.join('; ') }));
}
