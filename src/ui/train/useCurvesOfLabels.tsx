import { MultiSelect } from '@mantine/core';
import { type ReactNode, useMemo, useState } from 'react';
import type { TrainingRecord } from '@/app/train/trainingRecord';
import { lowest } from '../labels/labelFilter';

/** More curves than this cannot be told apart. */
const MOST_CURVES = 8;
/** Of many labels, so many of the worst are drawn until others are chosen. */
const WORST = 3;

/** A label or region with a curve of its own. */
export interface ShownClass {
  readonly name: string;
  /** Among the run's classes. */
  readonly place: number;
}

/** What each pseudo Dice of a run is of. */
export function classNames({ start, epochs }: TrainingRecord): readonly string[] {
  return start?.classNames ?? epochs[0]?.dicePerClassOrRegion.map((_, k) => `class ${k + 1}`) ?? [];
}

/** Which labels have a curve of their pseudo Dice, and what chooses them where there are many. */
export function useCurvesOfLabels(
  { epochs }: TrainingRecord,
  classes: readonly string[],
): { readonly shown: readonly ShownClass[]; readonly chooser: ReactNode } {
  const [chosen, setChosen] = useState<readonly string[]>();
  const isLong = classes.length > MOST_CURVES;
  const newest = epochs.at(-1)?.dicePerClassOrRegion;
  const key = isLong ? (chosen ?? lowest(newest ?? [], WORST).map(String)).join() : undefined;
  // biome-ignore lint/correctness/useExhaustiveDependencies: names are the same as long as there are as many
  const shown = useMemo(() => {
    const places = key === undefined ? classes.map((_, place) => place) : key.split(',').filter(Boolean);
    return places.map(Number).map((place) => ({ name: classes[place], place }));
  }, [classes.length, key]);
  if (!isLong) return { shown, chooser: null };
  return {
    shown,
    chooser: (
      <MultiSelect
        size="xs"
        mb="sm"
        label="Labels with a curve of their own"
        description={`Of ${classes.length}; the worst of the newest epoch until you choose`}
        data={classes.map((name, place) => ({ value: `${place}`, label: name }))}
        value={shown.map(({ place }) => `${place}`)}
        onChange={setChosen}
        maxValues={MOST_CURVES}
        searchable
        clearable
      />
    ),
  };
}
