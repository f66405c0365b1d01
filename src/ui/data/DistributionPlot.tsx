import { useMemo } from 'react';
import { histogram, type Spread, spreadOf } from './histogram';
import styles from './plots.module.css';

const WIDTH = 180;
const HEIGHT = 46;
/** Odd, so that what all have in common stands in the middle. */
const BINS = 25;
/** Whole numbers get a bar each up to this many. */
const MOST_BINS = 40;
const GAP = 1;

interface DistributionPlotProps {
  readonly name: string;
  /** `mm`, or nothing for counts. */
  readonly unit: string;
  /** One a case. */
  readonly values: readonly number[];
}

/** How a size is spread over the cases: bars, and least, middle and greatest in numbers. */
export function DistributionPlot({ name, unit, values }: DistributionPlotProps) {
  const spread = useMemo(() => spreadOf(values), [values]);
  const { min, median, max } = spread;
  const { low, high, bins } = scaleOf(values, spread);
  const { counts } = histogram(values, [low, high], bins);
  const highest = Math.max(...counts);
  const width = WIDTH / bins;
  const middle = ((median - low) / (high - low)) * WIDTH;
  const range = min === max ? size(min) : `${size(min)} to ${size(max)}`;
  const text = [range, unit, min === max ? 'in all' : `(median ${size(median)})`].filter(Boolean).join(' ');
  return (
    <figure className={styles.distribution}>
      <figcaption>{name}</figcaption>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        role="img"
        aria-label={`${name}: ${text}`}
        preserveAspectRatio="none"
      >
        {counts.map((count, i) => {
          const height = count === 0 ? 0 : Math.max(2, (count / highest) * HEIGHT);
          return (
            <rect
              // biome-ignore lint/suspicious/noArrayIndexKey: a bin is its place
              key={i}
              x={i * width + GAP / 2}
              y={HEIGHT - height}
              width={width - GAP}
              height={height}
            />
          );
        })}
        <line className={styles.median} x1={middle} x2={middle} y1={0} y2={HEIGHT} />
      </svg>
      <span>{text}</span>
    </figure>
  );
}

function scaleOf(values: readonly number[], { min, max }: Spread) {
  const isWhole = values.every(Number.isInteger) && max - min < MOST_BINS;
  if (isWhole && min < max) return { low: min - 0.5, high: max + 0.5, bins: max - min + 1 };
  return min === max ? { low: min - 0.5, high: max + 0.5, bins: BINS } : { low: min, high: max, bins: BINS };
}

function size(value: number): string {
  return String(Number(value.toPrecision(4)));
}
