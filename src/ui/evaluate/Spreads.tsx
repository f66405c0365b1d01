import { SegmentedControl } from '@mantine/core';
import { useMemo, useState } from 'react';
import { percentileOfSorted } from '@/shared/statistics';
import type { EvaluationRecord } from '@/storage/evaluationRecord';
import { plural } from '../formats';
import { labelColor } from '../labelColors';
import { LabelSearch } from '../labels/LabelSearch';
import { labelsThatFit, lowest, MANY_LABELS } from '../labels/labelFilter';
import { goTo } from '../route';
import { usePreferences } from '../useStudio';
import styles from './evaluate.module.css';
import { type CaseRow, type ColumnName, caseRows, columnNamed } from './evaluatedCases';

interface SpreadsProps {
  readonly record: EvaluationRecord;
  readonly metric: ColumnName;
  readonly onMetric: (metric: ColumnName) => void;
}

const METRICS = ['Dice', 'IoU', 'NSD', 'HD95'] as const;

/** How the cases spread, a strip of dots a label, with median and quartiles. */
export function Spreads({ record, metric, onMetric }: SpreadsProps) {
  const rows = useMemo(() => caseRows(record), [record]);
  const high = useMemo(() => highEnd(rows, metric), [rows, metric]);
  const [text, setText] = useState('');
  const labels = useMemo(() => shownStrips(record, rows, metric, text), [record, rows, metric, text]);
  const { format } = columnNamed(metric);
  return (
    <section className={styles.section} aria-label="Spread over the cases">
      <div className={styles.sectionHead}>
        <h2>
          Spread <span>a dot a case; click it to look at it</span>
        </h2>
        <SegmentedControl
          size="xs"
          aria-label="Metric"
          data={[...METRICS]}
          value={metric}
          onChange={(value) => onMetric(METRICS.find((one) => one === value) ?? 'Dice')}
        />
      </div>
      <LabelSearch count={record.labels.length} text={text} onText={setText} name="Search spreads" />
      {record.labels.length > MANY_LABELS && (
        <p className={styles.note}>
          {labels.length === 0
            ? 'No label fits.'
            : `The ${plural(labels.length, 'label')} with the worst medians${text === '' ? '' : ' of those that fit'}, of ${record.labels.length}.`}
        </p>
      )}
      {labels.map(({ name, values, label }) => (
        <Strip
          key={label}
          name={name}
          value={values.at(-1) ?? 1}
          rows={rows.filter((row) => row.label === label)}
          metric={metric}
          high={high}
          onOpen={(caseId) => goTo('evaluate', record.id, caseId)}
        />
      ))}
      <div className={styles.scale} aria-hidden>
        <span>0</span>
        <span>{format(high / 2)}</span>
        <span>{format(high)}</span>
      </div>
    </section>
  );
}

/** All labels where they are few; of many those with the worst medians among the ones that fit the search. */
function shownStrips(
  { labels }: EvaluationRecord,
  rows: readonly CaseRow[],
  metric: ColumnName,
  text: string,
) {
  const places = labels.map(({ name, values }, label) => ({ name, values, label }));
  if (labels.length <= MANY_LABELS) return places;
  const sign = columnNamed(metric).isHighBad ? -1 : 1;
  const figures = labels.map((): number[] => []);
  for (const row of rows)
    if (Number.isFinite(row.figures[metric])) figures[row.label].push(row.figures[metric]);
  const fitting = labelsThatFit(places, text);
  const medians = fitting.map(
    ({ label }) =>
      sign *
      percentileOfSorted(
        figures[label].sort((a, b) => a - b),
        50,
      ),
  );
  return lowest(medians, MANY_LABELS).map((i) => fitting[i]);
}

/** Shares go from 0 to 1, distances to the greatest finite one. */
function highEnd(rows: readonly CaseRow[], metric: ColumnName): number {
  if (metric !== 'HD95') return 1;
  return Math.max(1, ...rows.map(({ figures }) => figures.HD95).filter(Number.isFinite));
}

interface StripProps {
  readonly name: string;
  /** Label value that gives the colour. */
  readonly value: number;
  readonly rows: readonly CaseRow[];
  readonly metric: ColumnName;
  /** Right end of the scale. */
  readonly high: number;
  readonly onOpen: (caseId: string) => void;
}

const WIDTH = 400;
const HEIGHT = 40;
const INSET = 6;
const RADIUS = 3.2;
/** Dots that would lie on each other are spread over so many rows. */
const LANES = [0, 1, -1, 2, -2];
const LANE_HEIGHT = 6.5;

function Strip({ name, value, rows, metric, high, onOpen }: StripProps) {
  const colors = usePreferences((state) => state.labelColors);
  const { format } = columnNamed(metric);
  const known = rows.filter(({ figures }) => Number.isFinite(figures[metric]));
  const sorted = known.toSorted((a, b) => a.figures[metric] - b.figures[metric]);
  const values = sorted.map(({ figures }) => figures[metric]);
  const missed = rows.filter(({ figures }) => figures[metric] === Number.POSITIVE_INFINITY).length;
  const at = (figure: number) => INSET + (Math.min(figure, high) / high) * (WIDTH - 2 * INSET);
  const [q1, median, q3] = [25, 50, 75].map((q) => percentileOfSorted(values, q));
  const text =
    values.length === 0
      ? 'no value'
      : `${format(values[0])} to ${format(values[values.length - 1])}, median ${format(median)}`;
  const more = missed > 0 ? `, ${plural(missed, 'case')} ∞` : '';
  return (
    <figure className={styles.strip}>
      <figcaption>
        <b>
          <i className={styles.swatch} style={{ background: labelColor(value, colors) }} />
          {name}
        </b>
        <span>
          {text}
          {more}
        </span>
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`${metric} of ${name}: ${text}${more}`}>
        <line className={styles.stripAxis} x1={INSET} x2={WIDTH - INSET} y1={HEIGHT / 2} y2={HEIGHT / 2} />
        {values.length > 3 && (
          <rect
            className={styles.box}
            x={at(q1)}
            width={Math.max(1, at(q3) - at(q1))}
            y={6}
            height={HEIGHT - 12}
          />
        )}
        {values.length > 1 && (
          <line className={styles.median} x1={at(median)} x2={at(median)} y1={3} y2={HEIGHT - 3} />
        )}
        {inLanes(sorted.map(({ figures }) => at(figures[metric]))).map(({ x, lane }, i) => (
          // biome-ignore lint/a11y/noStaticElementInteractions: the table below opens the same cases by keyboard
          <circle
            key={sorted[i].caseId}
            className={styles.dot}
            cx={x}
            cy={HEIGHT / 2 + lane * LANE_HEIGHT}
            r={RADIUS}
            onClick={() => onOpen(sorted[i].caseId)}
          >
            <title>
              {sorted[i].caseId}: {format(values[i])}
            </title>
          </circle>
        ))}
      </svg>
    </figure>
  );
}

/** Lanes for dots at ascending places, so that neighbours do not cover each other while there are lanes. */
function inLanes(places: readonly number[]): readonly { readonly x: number; readonly lane: number }[] {
  const lastIn = new Map<number, number>();
  return places.map((x) => {
    const free = LANES.find((lane) => x - (lastIn.get(lane) ?? Number.NEGATIVE_INFINITY) >= 2 * RADIUS);
    const lane = free ?? LANES[Math.floor(x * 7) % LANES.length];
    lastIn.set(lane, x);
    return { x, lane };
  });
}
