import { useMemo } from 'react';
import type { IntensitySample } from '@/storage/datasetRecord';
import { histogram, rangeOf, ticksOf } from './histogram';
import styles from './plots.module.css';

const WIDTH = 480;
const HEIGHT = 120;
const BINS = 80;
/** Left out of the range at either end: a few bright vessels must not squeeze everything else. */
const OUTLIERS = 0.002;
const TICKS = 6;

/** Intensities of a channel, all voxels behind the labelled ones; each curve has its own height. */
export function IntensityPlot({ sample, name }: { sample: IntensitySample; name: string }) {
  const { low, high, all, foreground } = useMemo(() => {
    const range = sharedRange(sample);
    return {
      low: range[0],
      high: range[1],
      all: areaPath(histogram(sample.all, range, BINS).counts),
      foreground: areaPath(histogram(sample.foreground, range, BINS).counts),
    };
  }, [sample]);
  const x = (value: number) => ((value - low) / (high - low)) * WIDTH;
  return (
    <svg
      className={styles.intensities}
      viewBox={`0 -4 ${WIDTH} ${HEIGHT + 24}`}
      role="img"
      aria-label={`Histogram of ${name}, from ${shortNumber(low)} to ${shortNumber(high)}`}
    >
      <path className={styles.all} d={all} />
      {sample.foreground.length > 0 && <path className={styles.foreground} d={foreground} />}
      <line className={styles.axis} x1={0} x2={WIDTH} y1={HEIGHT} y2={HEIGHT} />
      {ticksOf(low, high, TICKS).map((tick) => (
        <text
          key={tick}
          className={styles.tick}
          x={Math.max(12, Math.min(WIDTH - 16, x(tick)))}
          y={HEIGHT + 15}
          textAnchor="middle"
        >
          {shortNumber(tick)}
        </text>
      ))}
    </svg>
  );
}

/** What is labelled may be brighter than nearly all the rest. */
function sharedRange({ all, foreground }: IntensitySample): readonly [number, number] {
  const range = rangeOf(all, OUTLIERS);
  if (foreground.length === 0) return range;
  const labelled = rangeOf(foreground, OUTLIERS);
  return [Math.min(range[0], labelled[0]), Math.max(range[1], labelled[1])];
}

/** A filled curve over the bins, its highest at the top. */
function areaPath(counts: readonly number[]): string {
  const highest = Math.max(1, ...counts);
  const points = counts.map((count, i) => {
    const x = ((i + 0.5) / counts.length) * WIDTH;
    return `${x.toFixed(1)},${(HEIGHT - (count / highest) * HEIGHT).toFixed(1)}`;
  });
  return `M0,${HEIGHT}L${points.join('L')}L${WIDTH},${HEIGHT}Z`;
}

/** `1,200`, `45k`, `1.7M`, `0.25`. */
function shortNumber(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (size >= 1e4) return `${Number((value / 1e3).toPrecision(3))}k`;
  return Number(value.toPrecision(4)).toLocaleString('en', { maximumFractionDigits: 3 });
}
