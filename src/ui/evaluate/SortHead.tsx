import { Table } from '@mantine/core';
import { IconArrowDown, IconArrowUp } from '@tabler/icons-react';
import styles from './evaluate.module.css';
import { type ColumnName, columnNamed } from './evaluatedCases';

export interface Sort {
  readonly column: ColumnName;
  readonly isAscending: boolean;
}

interface SortHeadProps {
  readonly name: ColumnName;
  readonly sort: Sort | undefined;
  readonly onSort: (sort: Sort) => void;
}

/** Head of a column that sorts by it: the worst first at the first click, the best at the second. */
export function SortHead({ name, sort, onSort }: SortHeadProps) {
  const { title, sentence, isHighBad } = columnNamed(name);
  const sorted = sort?.column === name ? sort : undefined;
  const Icon = sorted?.isAscending ? IconArrowUp : IconArrowDown;
  return (
    <Table.Th className="number" aria-sort={sorted && (sorted.isAscending ? 'ascending' : 'descending')}>
      <button
        type="button"
        className={styles.sort}
        title={sentence}
        onClick={() => onSort({ column: name, isAscending: sorted ? !sorted.isAscending : !isHighBad })}
      >
        {sorted && <Icon size={13} aria-hidden />}
        {title}
      </button>
    </Table.Th>
  );
}
