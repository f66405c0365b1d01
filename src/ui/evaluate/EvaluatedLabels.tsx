import { Table } from '@mantine/core';
import { useMemo, useState } from 'react';
import type { EvaluationRecord } from '@/storage/evaluationRecord';
import { labelColor } from '../labelColors';
import { LabelSearch } from '../labels/LabelSearch';
import { labelsThatFit } from '../labels/labelFilter';
import labelStyles from '../labels/labels.module.css';
import { usePreferences } from '../useStudio';
import { caseRows, columnNamed, sortedRows } from './evaluatedCases';

interface EvaluatedLabelsProps {
  readonly record: EvaluationRecord;
  readonly caseId: string;
  /** Place among the evaluation's labels; `undefined`: all of them. */
  readonly chosen: number | undefined;
  readonly onChoose: (label: number | undefined) => void;
}

/** Labels of a case, the worst Dice first; a click shows where that one disagrees, another all again. */
export function EvaluatedLabels({ record, caseId, chosen, onChoose }: EvaluatedLabelsProps) {
  const [text, setText] = useState('');
  const colors = usePreferences((state) => state.labelColors);
  const rows = useMemo(() => {
    const ofCase = caseRows(record).filter((row) => row.caseId === caseId);
    return sortedRows(ofCase, 'Dice', true).map((row) => ({ ...row, ...record.labels[row.label] }));
  }, [record, caseId]);
  const { format } = columnNamed('Dice');
  return (
    <div className={labelStyles.list}>
      <LabelSearch count={rows.length} text={text} onText={setText} />
      <div className={labelStyles.rows}>
        <Table verticalSpacing={3} horizontalSpacing={5} fz={12.5} highlightOnHover stickyHeader>
          <Table.Thead>
            <Table.Tr>
              <Table.Th w={16}>
                <span className="visuallyHidden">Colour</span>
              </Table.Th>
              <Table.Th>Label</Table.Th>
              <Table.Th className="number">Dice</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {labelsThatFit(rows, text).map(({ label, name, values, figures }) => (
              <Table.Tr key={label} className={labelStyles.row} data-current={chosen === label || undefined}>
                <Table.Td w={16}>
                  <i
                    className={labelStyles.swatch}
                    style={{ background: labelColor(values.at(-1) ?? 1, colors) }}
                  />
                </Table.Td>
                <Table.Td>
                  <button
                    type="button"
                    className={labelStyles.nameButton}
                    aria-pressed={chosen === label}
                    title={`${name}: show where it disagrees`}
                    onClick={() => onChoose(chosen === label ? undefined : label)}
                  >
                    {name}
                  </button>
                </Table.Td>
                <Table.Td className="number">{format(figures.Dice)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </div>
    </div>
  );
}
