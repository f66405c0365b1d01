import { ActionIcon, Table, Text } from '@mantine/core';
import { IconEye, IconEyeOff } from '@tabler/icons-react';
import { memo, useCallback, useEffect, useRef, useState } from 'react';
import { formatCount } from '../formats';
import { labelColor } from '../labelColors';
import { ColorChoice } from '../labels/ColorChoice';
import { LabelSearch } from '../labels/LabelSearch';
import { labelsThatFit } from '../labels/labelFilter';
import styles from '../labels/labels.module.css';
import { usePreferences, useSelection, useStudio } from '../useStudio';
import { useLabelJump } from './labelJump';
import { useViewer } from './ViewerCanvas';
import { useSharedViewer } from './viewerContext';

export interface ListedLabel {
  readonly value: number;
  readonly name: string;
  /** Whether a voxel of what is shown has it: only then there is a place to go to. */
  readonly isThere: boolean;
  /** One a column. */
  readonly cells?: readonly string[];
}

interface LabelTableProps {
  readonly labels: readonly ListedLabel[];
  /** Of the figures beside the names. */
  readonly columns?: readonly string[];
  /** What a click on a name does besides going there. */
  readonly onChoose?: (value: number) => void;
}

/** More rows than anybody reads; the search finds the others. */
const MOST_ROWS = 300;

/** Labels over the image: each is shown or hidden, coloured, and gone to. */
export function LabelTable({ labels, columns = [], onChoose }: LabelTableProps) {
  const [text, setText] = useState('');
  const { location } = useViewer(useSharedViewer());
  const goTo = useGoTo(onChoose);
  const hidden = useSelection((state) => state.hiddenLabels);
  const colors = usePreferences((state) => state.labelColors);
  const fitting = labelsThatFit(labels, text);
  const shown = fitting.slice(0, MOST_ROWS);
  const rows = useRowInView(location?.label);
  return (
    <div className={styles.list}>
      <LabelSearch count={labels.length} text={text} onText={setText} />
      <div className={styles.rows} ref={rows}>
        <Table verticalSpacing={3} horizontalSpacing={5} fz={12.5} highlightOnHover stickyHeader>
          <Table.Thead>
            <Table.Tr>
              <Table.Th w={24}>
                <ShowAll labels={fitting} hidden={hidden} isPart={text !== ''} />
              </Table.Th>
              <Table.Th w={24}>
                <span className="visuallyHidden">Colour</span>
              </Table.Th>
              <Table.Th>Label</Table.Th>
              {columns.map((column) => (
                <Table.Th key={column} className="number">
                  {column}
                </Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {shown.map((label) => (
              <LabelRow
                key={label.value}
                label={label}
                color={labelColor(label.value, colors)}
                digit={digitOf(labels, label)}
                isHidden={hidden.has(label.value)}
                isCurrent={location?.label === label.value}
                onGo={goTo}
              />
            ))}
          </Table.Tbody>
        </Table>
      </div>
      {fitting.length > shown.length && (
        <Text size="xs" c="dimmed">
          {formatCount(fitting.length - shown.length)} more; the search finds them.
        </Text>
      )}
      {fitting.length === 0 && (
        <Text size="xs" c="dimmed">
          No label fits.
        </Text>
      )}
    </div>
  );
}

/** The key that goes to a label; the viewer has nine. */
function digitOf(labels: readonly ListedLabel[], label: ListedLabel): number | undefined {
  const at = labels.indexOf(label);
  return at < 9 ? at + 1 : undefined;
}

/** Kept the same function while what it does is the same, so that rows are not drawn at every move of the crosshair. */
function useGoTo(onChoose: ((value: number) => void) | undefined): (value: number) => void {
  const jump = useLabelJump();
  const newest = useRef({ jump, onChoose });
  useEffect(() => {
    newest.current = { jump, onChoose };
  });
  return useCallback((value) => {
    newest.current.jump(value);
    newest.current.onChoose?.(value);
  }, []);
}

/** Scrolls the list, and nothing else, to the label under the crosshair. */
function useRowInView(label: number | undefined) {
  const rows = useRef<HTMLDivElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another label is another row
  useEffect(() => {
    const list = rows.current;
    const row = list?.querySelector<HTMLElement>('[data-current]');
    if (!list || !row) return;
    const [top, bottom] = [row.offsetTop, row.offsetTop + row.offsetHeight];
    const head = row.offsetHeight; // of the header, which stays in view
    if (top - head < list.scrollTop) list.scrollTop = top - head;
    else if (bottom > list.scrollTop + list.clientHeight) list.scrollTop = bottom - list.clientHeight;
  }, [label]);
  return rows;
}

interface LabelRowProps {
  readonly label: ListedLabel;
  readonly color: string;
  readonly digit: number | undefined;
  readonly isHidden: boolean;
  readonly isCurrent: boolean;
  readonly onGo: (value: number) => void;
}

const LabelRow = memo(({ label, color, digit, isHidden, isCurrent, onGo }: LabelRowProps) => {
  const { selection } = useStudio();
  const { value, name, isThere, cells = [] } = label;
  const toggle = () =>
    selection.setState(({ hiddenLabels }) => {
      const next = new Set(hiddenLabels);
      if (!next.delete(value)) next.add(value);
      return { hiddenLabels: next };
    });
  const hint = isThere ? (digit === undefined ? 'Go there' : `Go there (${digit})`) : 'Not in this image';
  return (
    <Table.Tr className={styles.row} data-current={isCurrent || undefined}>
      <Table.Td>
        <EyeButton name={name} isHidden={isHidden} onToggle={toggle} />
      </Table.Td>
      <Table.Td>
        <ColorChoice value={value} name={name} color={color} />
      </Table.Td>
      <Table.Td>
        <button
          type="button"
          className={styles.nameButton}
          disabled={!isThere}
          title={`${name}: ${hint}`}
          onClick={() => onGo(value)}
        >
          {name}
        </button>
      </Table.Td>
      {cells.map((cell, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a cell is its column
        <Table.Td key={i} className="number">
          {cell}
        </Table.Td>
      ))}
    </Table.Tr>
  );
});

interface ShowAllProps {
  readonly labels: readonly ListedLabel[];
  readonly hidden: ReadonlySet<number>;
  /** Others were left out by the search. */
  readonly isPart: boolean;
}

/** Shows or hides all labels of the list, or those that the search has left. */
function ShowAll({ labels, hidden, isPart }: ShowAllProps) {
  const { selection } = useStudio();
  const areHidden = labels.length > 0 && labels.every(({ value }) => hidden.has(value));
  const toggle = () => {
    const next = new Set(hidden);
    for (const { value } of labels) {
      if (areHidden) next.delete(value);
      else next.add(value);
    }
    selection.setState({ hiddenLabels: next });
  };
  return <EyeButton name={isPart ? 'labels found' : 'all labels'} isHidden={areHidden} onToggle={toggle} />;
}

function EyeButton(props: { name: string; isHidden: boolean; onToggle: () => void }) {
  const { name, isHidden, onToggle } = props;
  const Icon = isHidden ? IconEyeOff : IconEye;
  return (
    <ActionIcon
      size="sm"
      variant="subtle"
      color="gray"
      title={isHidden ? 'Show' : 'Hide'}
      aria-label={`Show ${name}`}
      aria-pressed={!isHidden}
      onClick={onToggle}
    >
      <Icon size={15} />
    </ActionIcon>
  );
}
