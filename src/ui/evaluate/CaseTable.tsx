import { Pagination, Select, Table, Text, TextInput } from '@mantine/core';
import { IconAlertTriangle, IconSearch } from '@tabler/icons-react';
import { useMemo, useState } from 'react';
import type { EvaluationRecord } from '@/storage/evaluationRecord';
import { ScrollTable } from '../components/ScrollTable';
import { plural } from '../formats';
import { labelColor } from '../labelColors';
import labelStyles from '../labels/labels.module.css';
import { addressOf, goTo } from '../route';
import { usePreferences } from '../useStudio';
import styles from './evaluate.module.css';
import { type CaseRow, COLUMNS, caseRows, sortedRows } from './evaluatedCases';
import { type Sort, SortHead } from './SortHead';

const PAGE_SIZE = 50;
const ALL = 'all';

/** Every case and label, the worst Dice first until another column is asked for. */
export function CaseTable({ record }: { record: EvaluationRecord }) {
  const [label, setLabel] = useState(ALL);
  const [text, setText] = useState('');
  const [sort, setSort] = useState<Sort>({ column: 'Dice', isAscending: true });
  const [page, setPage] = useState(1);
  const rows = useMemo(() => {
    const wanted = text.toLowerCase();
    const names = record.labels.map(({ name }) => name.toLowerCase());
    const fits = (row: CaseRow) =>
      (label === ALL || row.label === Number(label)) &&
      (row.caseId.toLowerCase().includes(wanted) || names[row.label].includes(wanted));
    return sortedRows(caseRows(record).filter(fits), sort.column, sort.isAscending);
  }, [record, label, text, sort]);
  const pages = Math.max(1, Math.ceil(rows.length / PAGE_SIZE));
  const current = Math.min(page, pages);
  return (
    <section className={styles.section} aria-label="Cases">
      <div className={styles.sectionHead}>
        <h2>
          Cases <span>{plural(rows.length, 'row')}</span>
        </h2>
        <div className={styles.tools}>
          <TextInput
            size="xs"
            w={170}
            leftSection={<IconSearch size={14} aria-hidden />}
            placeholder="Case or label"
            aria-label="Search cases"
            value={text}
            onChange={({ currentTarget }) => {
              setText(currentTarget.value);
              setPage(1);
            }}
          />
          <Select
            size="xs"
            w={200}
            searchable
            aria-label="Label"
            data={[
              { value: ALL, label: 'All labels' },
              ...record.labels.map(({ name }, i) => ({ value: `${i}`, label: name })),
            ]}
            value={label}
            onChange={(value) => {
              setLabel(value ?? ALL);
              setPage(1);
            }}
            allowDeselect={false}
          />
          {pages > 1 && <Pagination size="xs" total={pages} value={current} onChange={setPage} />}
        </div>
      </div>
      <ScrollTable name="Cases" minWidth={760}>
        <Table
          className={styles.table}
          highlightOnHover
          verticalSpacing={5}
          horizontalSpacing={8}
          aria-label="Cases"
        >
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Case</Table.Th>
              <Table.Th>Label</Table.Th>
              {COLUMNS.map(({ name }) => (
                <SortHead key={name} name={name} sort={sort} onSort={setSort} />
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.slice((current - 1) * PAGE_SIZE, current * PAGE_SIZE).map((row) => (
              <Row key={`${row.caseId} ${row.label}`} record={record} row={row} />
            ))}
          </Table.Tbody>
        </Table>
      </ScrollTable>
      {rows.length === 0 && (
        <Text size="sm" c="dimmed" ta="center" py="lg">
          No case fits.
        </Text>
      )}
    </section>
  );
}

function Row({ record, row }: { record: EvaluationRecord; row: CaseRow }) {
  const { caseId, label, figures, warning } = row;
  const colors = usePreferences((state) => state.labelColors);
  const { name, values } = record.labels[label];
  return (
    <Table.Tr className={styles.row} onClick={() => goTo('evaluate', record.id, caseId)}>
      <Table.Td>
        <a href={addressOf('evaluate', record.id, caseId)} onClick={(event) => event.stopPropagation()}>
          {caseId}
        </a>
        {warning && (
          <span title={warning} className={styles.warning}>
            <IconAlertTriangle size={14} role="img" aria-label={warning} />
          </span>
        )}
      </Table.Td>
      <Table.Td className={labelStyles.cell} title={name}>
        <i className={styles.swatch} style={{ background: labelColor(values.at(-1) ?? 1, colors) }} />
        {name}
      </Table.Td>
      {COLUMNS.map((column) => (
        <Table.Td key={column.name} className="number">
          {column.format(figures[column.name])}
        </Table.Td>
      ))}
    </Table.Tr>
  );
}
