import {
  formatRate,
  leftOutNetworks,
  measuredRows,
  PASS_COLUMNS,
  passCells,
  peakText,
} from '@/app/system/benchmarkReport';
import type { BenchmarkPeak, BenchmarkRow } from '@/workers/system/api';
import styles from './benchmark.module.css';

/** Columns that a narrow screen has no room for; the report holds them. */
const WIDE_COLUMNS: ReadonlySet<(typeof PASS_COLUMNS)[number]> = new Set([
  'GFLOP',
  'dispatches',
  'allocated',
  'compiled in',
]);
const EXPLANATIONS: Readonly<Record<(typeof PASS_COLUMNS)[number], string>> = {
  ms: 'Milliseconds of one run, the median of several',
  GFLOP: 'Billions of operations of one run, in convolutions',
  'GFLOP/s': 'Billions of operations a second',
  'of peak': 'Share of the multiply-add peak in f32',
  dispatches: 'Kernels started in one run',
  'memory planned': 'Memory as planned before anything is allocated',
  allocated: 'Memory that was allocated',
  'compiled in': 'Time for making all kernels ready, once',
};

/** Peaks as far as they are known, and a table of what was measured. */
export function BenchmarkFigures(props: { peak: Partial<BenchmarkPeak>; rows: readonly BenchmarkRow[] }) {
  const { peak, rows } = props;
  const { f32, copy } = peak;
  if (f32 === undefined) return null;
  const leftOut = leftOutNetworks(rows);
  return (
    <>
      <dl className={styles.peaks}>
        <div>
          <dt>Multiply-add peak</dt>
          <dd>{peakText({ ...peak, f32 })}</dd>
        </div>
        {copy !== undefined && (
          <div>
            <dt>Memory copy</dt>
            <dd>{formatRate(copy, 'B/s')}</dd>
          </div>
        )}
      </dl>
      <MeasuredTable peak={{ f32 }} rows={rows} />
      {leftOut.length > 0 && (
        <div className={styles.leftOut}>
          <h3>Left out</h3>
          <ul>
            {leftOut.map(({ network, passes }) => (
              <li key={network}>
                <b>{network}</b>: {passes}
              </li>
            ))}
          </ul>
        </div>
      )}
    </>
  );
}

function MeasuredTable({ peak, rows }: { peak: Pick<BenchmarkPeak, 'f32'>; rows: readonly BenchmarkRow[] }) {
  const measured = measuredRows(rows);
  if (measured.length === 0) return null;
  const networks = new Map(measured.map(({ network, batch }) => [network, batch]));
  return (
    <div className={styles.tableScroll}>
      <table className={styles.table}>
        <thead>
          <tr>
            <th scope="col">Pass</th>
            {PASS_COLUMNS.map((column) => (
              <th
                key={column}
                scope="col"
                title={EXPLANATIONS[column]}
                className={WIDE_COLUMNS.has(column) ? styles.wide : undefined}
              >
                {column}
              </th>
            ))}
          </tr>
        </thead>
        {[...networks].map(([network, batch]) => (
          <tbody key={network}>
            <tr className={styles.network}>
              <th scope="rowgroup" colSpan={PASS_COLUMNS.length + 1}>
                {network}
                <span> batch {batch}</span>
              </th>
            </tr>
            {measured
              .filter((row) => row.network === network)
              .map(({ pass, outcome }) => (
                <tr key={pass}>
                  <th scope="row">{pass}</th>
                  {passCells(outcome, peak).map((cell, column) => (
                    <td
                      key={PASS_COLUMNS[column]}
                      className={WIDE_COLUMNS.has(PASS_COLUMNS[column]) ? styles.wide : undefined}
                    >
                      {cell}
                    </td>
                  ))}
                </tr>
              ))}
          </tbody>
        ))}
      </table>
    </div>
  );
}
