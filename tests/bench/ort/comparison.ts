// Everyone's times and how far their outputs are from ours.

import { type Contender, type Measurement, measure } from './contender';
import { comparedNetwork } from './network';

/** A line of the table; plain numbers, so that it crosses from the page to the script. */
interface ComparisonRow {
  readonly name: string;
  readonly firstMs: number;
  readonly warmMs: number;
  /** Largest difference from our output, relative to its largest value; 0 for ours. */
  readonly difference: number;
}

export interface Comparison {
  readonly adapter: string;
  readonly threads: number;
  readonly flops: number;
  /** Ours first. */
  readonly rows: readonly ComparisonRow[];
}

/** Outputs of two engines on the same weights may differ by this share of the largest value. */
const ALLOWED_DIFFERENCE = 1e-4;

/** Measures one engine after another; `ours` is what the others are compared with. */
export async function compare(
  ours: Contender,
  others: readonly Contender[],
): Promise<Pick<Comparison, 'flops' | 'rows'>> {
  const network = comparedNetwork();
  const reference = await measure(ours, network);
  const rows = [rowOf(reference, reference)];
  for (const contender of others) rows.push(rowOf(await measure(contender, network), reference));
  return { flops: network.flops, rows };
}

function rowOf({ name, firstMs, warmMs, logits }: Measurement, reference: Measurement): ComparisonRow {
  return { name, firstMs, warmMs, difference: relativeDifference(logits, reference.logits) };
}

/** `max |a − b| / max |b|`; NaN in either makes it NaN, which no limit admits. */
function relativeDifference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) throw new Error(`outputs have ${a.length} and ${b.length} values`);
  let difference = 0;
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    difference = Math.max(difference, Math.abs(a[i] - b[i]));
    largest = Math.max(largest, Math.abs(b[i]));
  }
  return difference / largest;
}

/** Prints the table. Throws what is wrong with it: outputs too far apart, or less than `wantedSpeedup`. */
export function report(title: string, comparison: Comparison, wantedSpeedup: number): void {
  const { adapter, threads, flops, rows } = comparison;
  const [ours, ...others] = rows;
  console.log(`\n${title}: ${adapter}, ${threads} WASM threads, ${(flops / 1e9).toFixed(1)} GFLOP`);
  console.log(tableLine(['engine', 'first run', 'run', 'GFLOP/s', 'ours is', 'difference']));
  for (const row of rows) {
    console.log(
      tableLine([
        row.name,
        `${row.firstMs.toFixed(0)} ms`,
        `${row.warmMs.toFixed(0)} ms`,
        (flops / row.warmMs / 1e6).toFixed(2),
        row === ours ? '' : `${(row.warmMs / ours.warmMs).toFixed(2)} × faster`,
        row === ours ? '' : row.difference.toExponential(1),
      ]),
    );
  }
  const apart = others.filter(({ difference }) => !(difference <= ALLOWED_DIFFERENCE));
  const webgpu = others.find(({ name }) => name === ORT_WEBGPU);
  const isSlow = webgpu !== undefined && webgpu.warmMs < wantedSpeedup * ours.warmMs;
  const problems = [
    ...apart.map(({ name }) => `${title}: ${name} differs from ours by more than ${ALLOWED_DIFFERENCE}.`),
    ...(isSlow ? [`${title}: less than ${wantedSpeedup} times faster than ${ORT_WEBGPU}.`] : []),
  ];
  if (problems.length > 0) throw new Error(problems.join('\n'));
}

export const OURS = 'nnStudio';
export const ORT_WEBGPU = 'ORT WebGPU';
export const ORT_WASM = 'ORT WASM';

const COLUMN_WIDTHS = [12, 12, 12, 9, 15, 11];

function tableLine(cells: readonly string[]): string {
  return cells
    .map((cell, i) => (i === 0 ? cell.padEnd(COLUMN_WIDTHS[i]) : cell.padStart(COLUMN_WIDTHS[i])))
    .join(' ');
}
