import { Table } from '@mantine/core';
import { useMemo } from 'react';
import type { EvaluationRecord } from '@/storage/evaluationRecord';
import { plural } from '../formats';
import { labelColor } from '../labelColors';
import { usePreferences } from '../useStudio';
import styles from './evaluate.module.css';
import { COLUMNS, meanRows } from './verdicts';

/** Means of voxel counts say little. */
const SHOWN = COLUMNS.filter(({ name }) => !['TP', 'FP', 'FN'].includes(name));

/** Means of each label over the cases, and of the labels. */
export function MeansTable({ record }: { record: EvaluationRecord }) {
  const rows = useMemo(() => meanRows(record), [record]);
  const colors = usePreferences((state) => state.labelColors);
  const hasMissed = rows.some(({ missed }) => missed > 0);
  return (
    <section className={styles.section} aria-label="Means">
      <h2>
        Means <span>over the cases that have the label</span>
      </h2>
      <Table.ScrollContainer minWidth={520}>
        <Table className={styles.table} verticalSpacing={5} horizontalSpacing={6} aria-label="Means">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Label</Table.Th>
              {SHOWN.map(({ name, title, sentence }) => (
                <Table.Th key={name} className="number" title={sentence}>
                  {title}
                </Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map(({ key, name, label, figures, missed }) => (
              <Table.Tr key={key} data-total={label === undefined ? '' : undefined}>
                <Table.Td>
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
      </Table.ScrollContainer>
      {hasMissed && (
        <p className={styles.note}>
          * So many times the label is missed or made up: the distance is infinite there, and left out of the
          mean. Dice and NSD count such a case as 0.
        </p>
      )}
    </section>
  );
}
