import { Table } from '@mantine/core';
import type { EvaluationRecord } from '@/storage/evaluationRecord';
import { ScrollTable } from '../components/ScrollTable';
import { plural } from '../formats';
import { addressOf, goTo } from '../route';
import { EvaluationState } from './EvaluationState';
import styles from './evaluate.module.css';
import { columnNamed, meanRows } from './evaluatedCases';

/** Earlier evaluations, the newest first. */
export function EvaluationList({ evaluations }: { evaluations: readonly EvaluationRecord[] }) {
  return (
    <section className={styles.section} aria-label="Evaluations">
      <h2>Evaluations</h2>
      <ScrollTable name="Evaluations" minWidth={520}>
        <Table className={styles.table} highlightOnHover verticalSpacing={6}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>What</Table.Th>
              <Table.Th className="number">Cases</Table.Th>
              <Table.Th className="number">Mean Dice</Table.Th>
              <Table.Th>When</Table.Th>
              <Table.Th>State</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {evaluations.map((record) => (
              <Table.Tr key={record.id} className={styles.row} onClick={() => goTo('evaluate', record.id)}>
                <Table.Td>
                  <a href={addressOf('evaluate', record.id)} onClick={(event) => event.stopPropagation()}>
                    {record.title}
                  </a>
                </Table.Td>
                <Table.Td className="number">{plural(record.pairs.length, 'case')}</Table.Td>
                <Table.Td className="number">
                  {columnNamed('Dice').format(meanRows(record)[0]?.figures.Dice ?? Number.NaN)}
                </Table.Td>
                <Table.Td>{new Date(record.createdAt).toLocaleString()}</Table.Td>
                <Table.Td>
                  <EvaluationState record={record} />
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </ScrollTable>
    </section>
  );
}
