import 'uplot/dist/uPlot.min.css';
import { useComputedColorScheme } from '@mantine/core';
import { useEffect, useMemo, useRef } from 'react';
import uPlot from 'uplot';
import { plural } from '../formats';
import styles from './curves.module.css';

/** One curve over the epochs. */
export interface Curve {
  readonly label: string;
  readonly color: string;
  /** By epoch; NaN leaves a gap. */
  readonly values: readonly number[];
  readonly isDashed?: boolean;
  readonly isThin?: boolean;
}

interface CurveChartProps {
  readonly title: string;
  readonly curves: readonly Curve[];
  readonly format: (value: number) => string;
  /** Of the values, where it is the same for all runs. */
  readonly range?: readonly [number, number];
}

const HEIGHT = 210;
/** Points are drawn one by one up to this many epochs. */
const MOST_POINTS = 30;

/** Curves over the epochs, which count from 1, with the values under the pointer in the legend. */
export function CurveChart({ title, curves, format, range }: CurveChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | undefined>(undefined);
  const scheme = useComputedColorScheme('dark');
  const data = useMemo(() => dataOf(curves), [curves]);
  const newest = useRef(data);
  newest.current = data;
  const look = JSON.stringify(curves.map(({ values: _, ...rest }) => rest));

  // biome-ignore lint/correctness/useExhaustiveDependencies: colours follow the theme; data are the next effect's
  useEffect(() => {
    const { current } = box;
    if (!current) return;
    const options = optionsFor(curves, { width: current.clientWidth, format, range });
    const made = new uPlot(options, newest.current, current);
    chart.current = made;
    const watcher = new ResizeObserver(() => made.setSize({ width: current.clientWidth, height: HEIGHT }));
    watcher.observe(current);
    return () => {
      watcher.disconnect();
      made.destroy();
      chart.current = undefined;
    };
  }, [look, scheme, format, range]);

  useEffect(() => chart.current?.setData(data), [data]);

  return (
    <figure className={styles.chart}>
      <figcaption>{title}</figcaption>
      <div ref={box} role="img" aria-label={announcementText(title, curves, format)} />
    </figure>
  );
}

/** The legend says the last epoch's values while nothing else is pointed at. */
function showNewest(chart: uPlot): void {
  const [epochs] = chart.data;
  const isPointedAt = chart.cursor.idx !== null && chart.cursor.idx !== undefined;
  if (!isPointedAt && epochs.length > 0) chart.setLegend({ idx: epochs.length - 1 }, false);
}

function dataOf(curves: readonly Curve[]): uPlot.AlignedData {
  const length = Math.max(0, ...curves.map(({ values }) => values.length));
  const epochs = Array.from({ length }, (_, i) => i + 1);
  const gap = (value: number | undefined) => (value === undefined || Number.isNaN(value) ? null : value);
  return [epochs, ...curves.map(({ values }) => epochs.map((epoch) => gap(values[epoch - 1])))];
}

interface Look {
  readonly width: number;
  readonly format: (value: number) => string;
  readonly range: readonly [number, number] | undefined;
}

function optionsFor(curves: readonly Curve[], { width, format, range }: Look): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue('--mantine-color-dimmed');
  const line = style.getPropertyValue('--studio-line');
  const axis: uPlot.Axis = {
    stroke: ink,
    font: '11px system-ui, sans-serif',
    grid: { stroke: line, width: 1 },
    ticks: { stroke: line, width: 1, size: 4 },
  };
  return {
    width,
    height: HEIGHT,
    padding: [10, 10, 0, 0],
    cursor: { y: false, points: { size: 6 } },
    scales: {
      x: { time: false, range: (_, min, max) => [min, Math.max(max, min + 1)] },
      ...(range && { y: { range: [range[0], range[1]] } }),
    },
    axes: [
      { ...axis, incrs: WHOLE_STEPS, size: 30 },
      { ...axis, size: 52, values: (_, ticks) => ticks.map(format) },
    ],
    legend: { live: true },
    hooks: { draw: [showNewest], setCursor: [showNewest] },
    series: [
      { label: 'Epoch', value: (_, value) => (value === null ? '–' : `${value}`) },
      ...curves.map(
        ({ label, color, isDashed, isThin, values }): uPlot.Series => ({
          label,
          stroke: color,
          width: isThin ? 1 : 2,
          ...(isDashed && { dash: [6, 4] }),
          points: { show: values.length <= MOST_POINTS, size: 4, fill: color },
          value: (_, value) => (value === null || value === undefined ? '–' : format(value)),
        }),
      ),
    ],
  };
}

/** Epochs have no halves. */
const WHOLE_STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];

function announcementText(
  title: string,
  curves: readonly Curve[],
  format: (value: number) => string,
): string {
  const parts = curves.map(({ label, values }) => {
    const last = values.findLast((value) => !Number.isNaN(value));
    return last === undefined ? `${label} has no value yet` : `${label} ${format(last)}`;
  });
  const epochs = Math.max(0, ...curves.map(({ values }) => values.length));
  return `${title} after ${plural(epochs, 'epoch')}: ${parts.join(', ')}`;
}
