// What nnU-Net's progress.png shows: three panels over the epochs, as data.

import type { TrainingLog } from '@/core/training/trainingLog';
import type { TrainingEpochReport } from '@/core/training/trainingRun';

/** By epoch. */
export interface ProgressCurves {
  readonly trainLoss: readonly number[];
  readonly valLoss: readonly number[];
  readonly meanFgDice: readonly number[];
  readonly emaFgDice: readonly number[];
  readonly seconds: readonly number[];
  readonly learningRate: readonly number[];
}

export interface PlotCurve {
  readonly label: string;
  readonly color: string;
  /** Points. */
  readonly width: number;
  readonly isDotted: boolean;
  /** By epoch; nothing is drawn where it is NaN. */
  readonly values: readonly number[];
}

export interface PlotAxis {
  readonly label: string;
  readonly curves: readonly PlotCurve[];
  /** Lowest and highest value that is shown. */
  readonly range: readonly [number, number];
}

/** One of the plots that lie below each other. */
export interface PlotPanel {
  readonly left: PlotAxis;
  readonly right?: PlotAxis;
  /** Of the epochs. */
  readonly range: readonly [number, number];
}

/** What lies beyond the data, at each end of an axis. */
const MARGIN = 0.05;

export function curvesOfLog(log: TrainingLog): ProgressCurves {
  return {
    trainLoss: log.trainLosses,
    valLoss: log.valLosses,
    meanFgDice: log.meanFgDice,
    emaFgDice: log.emaFgDice,
    seconds: log.epochEndTimestamps.map((end, epoch) => end - log.epochStartTimestamps[epoch]),
    learningRate: log.lrs,
  };
}

export function curvesOfReports(epochs: readonly TrainingEpochReport[]): ProgressCurves {
  return {
    trainLoss: epochs.map((epoch) => epoch.trainLoss),
    valLoss: epochs.map((epoch) => epoch.valLoss),
    meanFgDice: epochs.map((epoch) => epoch.meanFgDice),
    emaFgDice: epochs.map((epoch) => epoch.emaFgDice),
    seconds: epochs.map((epoch) => epoch.seconds),
    learningRate: epochs.map((epoch) => epoch.learningRate),
  };
}

/** Losses with the pseudo Dice; time of the epochs; learning rate. Follows nnU-Net's `nnUNetLogger.plot_progress_png`. */
export function progressPanels(curves: ProgressCurves): readonly PlotPanel[] {
  const solid = (label: string, color: string, values: readonly number[]): PlotCurve => ({
    label,
    color,
    width: 4,
    isDotted: false,
    values,
  });
  const dotted: PlotCurve = {
    ...solid('pseudo dice', GREEN, curves.meanFgDice),
    width: 3,
    isDotted: true,
  };
  const time = axisOf('time [s]', [solid('epoch duration', BLUE, curves.seconds)]);
  const epochs = curves.trainLoss.map((_, epoch) => epoch);
  const range = rangeOf(epochs);
  return [
    {
      left: axisOf('loss', [
        solid('loss_tr', BLUE, curves.trainLoss),
        solid('loss_val', RED, curves.valLoss),
      ]),
      right: axisOf('pseudo dice', [dotted, solid('pseudo dice (mov. avg.)', GREEN, curves.emaFgDice)]),
      range,
    },
    { left: { ...time, range: [0, time.range[1]] }, range },
    { left: axisOf('learning rate', [solid('learning rate', BLUE, curves.learningRate)]), range },
  ];
}

/** Matplotlib's `b`, `r` and `g`. */
const BLUE = '#0000ff';
const RED = '#ff0000';
const GREEN = '#008000';

function axisOf(label: string, curves: readonly PlotCurve[]): PlotAxis {
  return { label, curves, range: rangeOf(curves.flatMap(({ values }) => values)) };
}

/** From the lowest to the highest value with a margin; around a single one as far as it is large. */
function rangeOf(values: readonly number[]): readonly [number, number] {
  const finite = values.filter(Number.isFinite);
  if (finite.length === 0) return [0, 1];
  const [low, high] = [finite.reduce((a, b) => Math.min(a, b)), finite.reduce((a, b) => Math.max(a, b))];
  const spread = high > low ? high - low : Math.abs(high) || 1;
  return [low - MARGIN * spread, high + MARGIN * spread];
}

/** Steps that an axis may have, times a power of ten. */
const STEPS = [1, 2, 2.5, 5, 10];
const MOST_STEPS = 9;

export interface Tick {
  readonly value: number;
  readonly text: string;
}

/** Round values within `range`, at most ten, in as few digits as tell them apart. */
export function ticksOf([low, high]: readonly [number, number], isWhole = false): readonly Tick[] {
  const least = (high - low) / MOST_STEPS;
  const power = 10 ** Math.floor(Math.log10(least));
  const isLargeEnough = (step: number) => step >= least * (1 - 1e-9);
  const steps = STEPS.map((factor) => factor * power).filter((each) => !isWhole || Number.isInteger(each));
  const step = steps.find(isLargeEnough) ?? 1;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  const decimals = decimalsOf(step);
  return Array.from({ length: last - first + 1 }, (_, i) => {
    const value = (first + i) * step;
    return { value, text: `${value < 0 ? '−' : ''}${Math.abs(value).toFixed(decimals)}` };
  });
}

function decimalsOf(step: number): number {
  for (let decimals = 0; decimals < 12; decimals++) {
    const scaled = step * 10 ** decimals;
    if (Math.abs(scaled - Math.round(scaled)) < 1e-6) return decimals;
  }
  return 12;
}
