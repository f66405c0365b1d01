import { useMemo } from 'react';
import type { TrainingRecord } from '@/app/train/trainingRecord';
import { formatStepTime } from '../components/trainFormats';
import { labelColor } from '../labelColors';
import { usePreferences } from '../useStudio';
import { type Curve, CurveChart } from './CurveChart';
import styles from './curves.module.css';
import { classNames, type ShownClass, useCurvesOfLabels } from './useCurvesOfLabels';

const FULL_RANGE: readonly [number, number] = [0, 1];
const TRAIN = '#56b4e9';
const VALIDATION = '#e69f00';
const EMA = '#21bda6';
const MEAN = '#8fa3ad';
const OTHER = '#cc79a7';

const short = (value: number) => String(Number(value.toPrecision(3)));
const dice = (value: number) => value.toFixed(2);
const rate = (value: number) =>
  value === 0 ? '0' : Number(value.toPrecision(2)).toExponential().replace('e+0', '');

interface RunCurvesProps {
  readonly run: TrainingRecord;
  /** Drawn dashed over the run's own. */
  readonly other: TrainingRecord | undefined;
}

/** Loss, pseudo Dice, learning rate and time, over the epochs. */
export function RunCurves({ run, other }: RunCurvesProps) {
  const colors = usePreferences((state) => state.labelColors);
  const classes = classNames(run);
  const { shown, chooser } = useCurvesOfLabels(run, classes);
  const charts = useMemo(() => curvesOf(run, other, { classes: shown, colors }), [run, other, shown, colors]);
  if (run.epochs.length === 0) {
    return <p className={styles.none}>The curves begin with the first epoch that is done.</p>;
  }
  return (
    <>
      {chooser}
      <div className={styles.charts}>
        <CurveChart title="Loss" curves={charts.loss} format={short} />
        <CurveChart title="Pseudo Dice" curves={charts.dice} format={dice} range={FULL_RANGE} />
        <CurveChart title="Learning rate" curves={charts.rate} format={rate} />
        <CurveChart title="Epoch time" curves={charts.seconds} format={formatStepTime} />
      </div>
    </>
  );
}

interface ClassCurves {
  readonly classes: readonly ShownClass[];
  readonly colors: Readonly<Record<number, string>>;
}

function curvesOf(
  run: TrainingRecord,
  other: TrainingRecord | undefined,
  { classes, colors }: ClassCurves,
): Readonly<Record<'loss' | 'dice' | 'rate' | 'seconds', readonly Curve[]>> {
  const mine = run.epochs;
  const theirs = other?.epochs;
  const compared = (label: string, values: readonly number[] | undefined): readonly Curve[] =>
    values ? [{ label: `${label}, ${other?.id}`, color: OTHER, values, isDashed: true }] : [];
  return {
    loss: [
      { label: 'Training', color: TRAIN, values: mine.map((epoch) => epoch.trainLoss) },
      { label: 'Validation', color: VALIDATION, values: mine.map((epoch) => epoch.valLoss) },
      ...compared(
        'validation',
        theirs?.map((epoch) => epoch.valLoss),
      ),
    ],
    dice: [
      ...classes.map(({ name, place }) => ({
        label: name,
        color: labelColor(place + 1, colors),
        values: mine.map((epoch) => epoch.dicePerClassOrRegion[place] ?? Number.NaN),
        isThin: true,
      })),
      { label: 'Mean', color: MEAN, values: mine.map((epoch) => epoch.meanFgDice) },
      { label: 'EMA', color: EMA, values: mine.map((epoch) => epoch.emaFgDice) },
      ...compared(
        'EMA',
        theirs?.map((epoch) => epoch.emaFgDice),
      ),
    ],
    rate: [
      { label: 'Learning rate', color: TRAIN, values: mine.map((epoch) => epoch.learningRate) },
      ...compared(
        'learning rate',
        theirs?.map((epoch) => epoch.learningRate),
      ),
    ],
    seconds: [
      { label: 'Time', color: TRAIN, values: mine.map((epoch) => epoch.seconds) },
      ...compared(
        'time',
        theirs?.map((epoch) => epoch.seconds),
      ),
    ],
  };
}
