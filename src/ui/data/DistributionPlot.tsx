import { useMemo } from 'react';
import { histogram, spreadOf } from './histogram';
import styles from './plots.module.css';

const WIDTH = 180;
const HEIGHT = 46;
const BINS = 24;
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
  const isOne = min === max;
  const { counts } = histogram(values, isOne ? [min - 0.5, max + 0.5] : [min, max], BINS);
  const highest = Math.max(...counts);
  const width = WIDTH / BINS;
  const middle = isOne ? WIDTH / 2 : ((median - min) / (max - min)) * WIDTH;
  const text = isOne
    ? `${size(min)} ${unit} in all`
    : `${size(min)} to ${size(max)} ${unit}, median ${size(median)}`;
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

function size(value: number): string {
  return String(Number(value.toPrecision(4)));
}
