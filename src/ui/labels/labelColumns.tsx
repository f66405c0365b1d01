import { Select, Table } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { lowest } from './labelFilter';
import styles from './labels.module.css';

/** Tables with a column for each label show this many of them; of more, one that is chosen. */
const MOST_COLUMNS = 6;

export interface LabelColumns {
  /** Places of the labels that have a column. */
  readonly shown: readonly number[];
  /** There are more labels than columns: rows say their worst. */
  readonly isLong: boolean;
  /** Chooses the column of a long list; nothing for a short one. */
  readonly chooser: ReactNode;
}

/** Which labels have a column of their own in a table of figures. */
export function useLabelColumns(names: readonly string[]): LabelColumns {
  const [chosen, setChosen] = useState<string | null>(null);
  const isLong = names.length > MOST_COLUMNS;
  if (!isLong) return { shown: names.map((_, i) => i), isLong, chooser: null };
  return {
    shown: chosen === null ? [] : [Number(chosen)],
    isLong,
    chooser: (
      <Select
        size="xs"
        w={230}
        searchable
        clearable
        aria-label="Label with a column of its own"
        placeholder={`One of ${names.length} labels`}
        data={names.map((name, i) => ({ value: `${i}`, label: name }))}
        value={chosen}
        onChange={setChosen}
      />
    ),
  };
}

interface WorstLabelProps {
  /** By label. */
  readonly dice: readonly number[];
  readonly names: readonly string[];
  readonly format: (dice: number) => string;
}

/** The cell that stands for the columns of a long list. */
export function WorstLabel({ dice, names, format }: WorstLabelProps) {
  const [worst] = lowest(dice, 1);
  return (
    <Table.Td className={styles.cell} title={names[worst]}>
      {format(dice[worst])} {names[worst]}
    </Table.Td>
  );
}
