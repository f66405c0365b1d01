import { ActionIcon, Group, Table } from '@mantine/core';
import { IconArrowDown, IconArrowUp } from '@tabler/icons-react';
import { useState } from 'react';
import type { TrainingRecord } from '@/app/train/trainingRecord';
import { nanMean } from '@/shared/statistics';
import type { CaseDice, TrainingValidation } from '@/workers/train/api';
import { ScrollTable } from '../components/ScrollTable';
import { formatDice } from '../components/trainFormats';
import { plural } from '../formats';
import { useLabelColumns, WorstLabel } from '../labels/labelColumns';
import labelStyles from '../labels/labels.module.css';
import { addressOf, goTo } from '../route';
import styles from './train.module.css';

/** Dice of every validation case, the worst first: those are the ones to look at. */
export function ValidationTable({
  run,
  validation,
}: {
  run: TrainingRecord;
  validation: TrainingValidation;
}) {
  const [isWorstFirst, setIsWorstFirst] = useState(true);
  const sign = isWorstFirst ? 1 : -1;
  const rows = [...validation.cases].sort((a, b) => sign * (rank(a) - rank(b)));
  const labels = validation.cases.slice(0, 1).flatMap((row) => diceByLabel(row).map(([label]) => label));
  const names = labels.map((label, l) => run.start?.classNames[l] ?? label);
  const { shown, isLong, chooser } = useLabelColumns(names);
  const Icon = isWorstFirst ? IconArrowUp : IconArrowDown;
  return (
    <section aria-label="Validation" className={styles.section}>
      <Group justify="space-between" gap="xs" mb={4}>
        <h3 className={styles.sectionName}>
          Validation{' '}
          <span>
            {plural(rows.length, 'case')}, mean Dice {formatDice(validation.meanDice)}
          </span>
        </h3>
        {chooser}
      </Group>
      <ScrollTable name="Validation cases" minWidth={330} maxHeight={380}>
        <Table
          className={styles.table}
          highlightOnHover
          verticalSpacing={5}
          horizontalSpacing={8}
          stickyHeader
          aria-label="Validation cases"
        >
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Case</Table.Th>
              {isLong && <Table.Th>Worst label</Table.Th>}
              {shown.map((l) => (
                <Table.Th key={labels[l]} className={`number ${labelStyles.cell}`} title={names[l]}>
                  {names[l]}
                </Table.Th>
              ))}
              <Table.Th className="number" aria-sort={isWorstFirst ? 'ascending' : 'descending'}>
                Mean
                <ActionIcon
                  size={20}
                  ml={4}
                  variant="subtle"
                  color="gray"
                  aria-label={isWorstFirst ? 'Best first' : 'Worst first'}
                  onClick={() => setIsWorstFirst(!isWorstFirst)}
                >
                  <Icon size={14} />
                </ActionIcon>
              </Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map((row) => (
              <Table.Tr
                key={row.caseId}
                className={styles.row}
                onClick={() => goTo('train', run.id, row.caseId)}
              >
                <Table.Td>
                  <a
                    href={addressOf('train', run.id, row.caseId)}
                    onClick={(event) => event.stopPropagation()}
                  >
                    {row.caseId}
                  </a>
                </Table.Td>
                {isLong && <WorstLabel dice={diceOf(row)} names={names} format={formatDice} />}
                {shown.map((l) => (
                  <Table.Td key={labels[l]} className="number">
                    {formatDice(diceOf(row)[l])}
                  </Table.Td>
                ))}
                <Table.Td className="number">
                  <b>{formatDice(meanDice(row))}</b>
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </ScrollTable>
    </section>
  );
}

export function meanDice(row: CaseDice): number {
  return nanMean(diceOf(row));
}

/** In the order of the labels. */
function diceOf(row: CaseDice): readonly number[] {
  return diceByLabel(row).map(([, dice]) => dice);
}

/** In the order of the labels. Trainings kept by earlier versions have a plain object here. */
function diceByLabel({ dice }: CaseDice): readonly (readonly [string, number])[] {
  return dice instanceof Map ? [...dice] : Object.entries(dice);
}

/** A case without any label is neither good nor bad. */
function rank(row: CaseDice): number {
  const mean = meanDice(row);
  return Number.isNaN(mean) ? 2 : mean;
}
