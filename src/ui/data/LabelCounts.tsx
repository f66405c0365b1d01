import { SegmentedControl, Table } from '@mantine/core';
import { useMemo, useState } from 'react';
import type { CaseCheck } from '@/core/dataset/integrity';
import type { DatasetRecord } from '@/storage/datasetRecord';
import { ScrollTable } from '../components/ScrollTable';
import { formatCount } from '../formats';
import { labelColor } from '../labelColors';
import { LabelSearch } from '../labels/LabelSearch';
import { labelsThatFit, MANY_LABELS } from '../labels/labelFilter';
import labelStyles from '../labels/labels.module.css';
import { usePreferences } from '../useStudio';
import styles from './data.module.css';

interface LabelCountsProps {
  readonly dataset: DatasetRecord;
  readonly checks: readonly CaseCheck[];
}

/** In how many cases each label occurs. */
export function LabelCounts({ dataset, checks }: LabelCountsProps) {
  const colors = usePreferences((state) => state.labelColors);
  const [text, setText] = useState('');
  const [order, setOrder] = useState('value');
  const counted = useMemo(() => countLabels(dataset, checks), [dataset, checks]);
  const fitting = labelsThatFit(counted, text);
  const rows = order === 'rare' ? fitting.toSorted((a, b) => a.count - b.count) : fitting;
  return (
    <section className={styles.section} aria-label="Labels">
      <h2>Labels</h2>
      <p className={styles.hint}>
        In how many cases each label occurs. A rare one is learned from few examples.
      </p>
      {counted.length > MANY_LABELS && (
        <div className={styles.tools}>
          <LabelSearch count={counted.length} text={text} onText={setText} />
          <SegmentedControl
            size="xs"
            aria-label="Order of the labels"
            value={order}
            onChange={setOrder}
            data={[
              { value: 'value', label: 'By value' },
              { value: 'rare', label: 'Rarest first' },
            ]}
          />
        </div>
      )}
      <ScrollTable name="Labels" minWidth={260} maxHeight={420}>
        <Table fz="xs" verticalSpacing={5} withRowBorders={false} aria-label="Labels">
          <Table.Tbody>
            {rows.map(({ value, name, count }) => (
              <Table.Tr key={value}>
                <Table.Td className={labelStyles.cell} title={name}>
                  <i className={styles.swatch} style={{ background: labelColor(value, colors) }} />
                  {value} {name}
                </Table.Td>
                <Table.Td w="40%">
                  <div className={styles.bar} aria-hidden>
                    <i
                      style={{
                        width: `${(100 * count) / Math.max(1, checks.length)}%`,
                        background: labelColor(value, colors),
                      }}
                    />
                  </div>
                </Table.Td>
                <Table.Td className="number">
                  {formatCount(count)} of {formatCount(checks.length)}
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </ScrollTable>
    </section>
  );
}

/** Ascending by value; a value of several regions has all their names. */
function countLabels({ labels }: DatasetRecord, checks: readonly CaseCheck[]) {
  const counts = new Map<number, number>();
  for (const check of checks) {
    for (const value of check.labels ?? []) counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  const names = new Map<number, string[]>();
  for (const { name, values } of labels) {
    for (const value of values) names.set(value, [...(names.get(value) ?? []), name]);
  }
  return [...names]
    .filter(([value]) => value > 0)
    .sort(([a], [b]) => a - b)
    .map(([value, ofValue]) => ({ value, name: ofValue.join(', '), count: counts.get(value) ?? 0 }));
}
