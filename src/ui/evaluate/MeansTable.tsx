import { Table } from '@mantine/core';
import { useMemo, useState } from 'react';
import type { EvaluationRecord } from '@/storage/evaluationRecord';
import { ScrollTable } from '../components/ScrollTable';
import { plural } from '../formats';
import { labelColor } from '../labelColors';
import { LabelSearch } from '../labels/LabelSearch';
import { labelsThatFit } from '../labels/labelFilter';
import labelStyles from '../labels/labels.module.css';
import { usePreferences } from '../useStudio';
import styles from './evaluate.module.css';
import { COLUMNS, type MeanRow, meanRows, sortedRows } from './evaluatedCases';
import { type Sort, SortHead } from './SortHead';

/** Means of voxel counts say little. */
const SHOWN = COLUMNS.filter(({ name }) => !['TP', 'FP', 'FN'].includes(name));

/** Means of each label over the cases, and of the labels. */
export function MeansTable({ record }: { record: EvaluationRecord }) {
  const [text, setText] = useState('');
  const [sort, setSort] = useState<Sort>();
  const all = useMemo(() => meanRows(record), [record]);
  const rows = useMemo(() => shownMeans(all, text, sort), [all, text, sort]);
  const colors = usePreferences((state) => state.labelColors);
  const hasMissed = rows.some(({ missed }) => missed > 0);
  return (
    <section className={styles.section} aria-label="Means">
      <div className={styles.sectionHead}>
        <h2>
          Means <span>over the cases that have the label</span>
        </h2>
        <LabelSearch count={record.labels.length} text={text} onText={setText} name="Search means" />
      </div>
      <ScrollTable name="Means" minWidth={520} maxHeight={460}>
        <Table
          className={styles.table}
          verticalSpacing={5}
          horizontalSpacing={6}
          aria-label="Means"
          stickyHeader
        >
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Label</Table.Th>
              {SHOWN.map(({ name }) => (
                <SortHead key={name} name={name} sort={sort} onSort={setSort} />
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map(({ key, name, label, figures, missed }) => (
              <Table.Tr key={key} data-total={label === undefined ? '' : undefined}>
                <Table.Td className={labelStyles.cell} title={name}>
                  {label !== undefined && (
                    <i
                      className={styles.swatch}
                      style={{ background: labelColor(record.labels[label].values.at(-1) ?? 1, colors) }}
                    />
                  )}
                  {name}
                </Table.Td>
                {SHOWN.map((column) => (
                  <Table.Td key={column.name} className="number">
                    {column.format(figures[column.name])}
                    {column.name === 'HD95' && missed > 0 && (
                      <sup title={`${plural(missed, 'case')} with an infinite distance left out`}>
                        {' '}
                        *{missed}
                      </sup>
                    )}
                  </Table.Td>
                ))}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </ScrollTable>
      {rows.length === 0 && <p className={styles.note}>No label fits.</p>}
      {hasMissed && (
        <p className={styles.note}>
          * So many times the label is missed or made up: the distance is infinite there, and left out of the
          mean. Dice and NSD count such a case as 0.
        </p>
      )}
    </section>
  );
}

/** Labels that fit the search, in their order until a column is asked for; the foreground stays on top. */
function shownMeans(rows: readonly MeanRow[], text: string, sort: Sort | undefined): readonly MeanRow[] {
  const labels = labelsThatFit(
    rows.filter(({ label }) => label !== undefined),
    text,
  );
  const foreground = text === '' ? rows.filter(({ label }) => label === undefined) : [];
  return [...foreground, ...(sort ? sortedRows(labels, sort.column, sort.isAscending) : labels)];
}
