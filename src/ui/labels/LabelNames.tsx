import { Button } from '@mantine/core';
import { useState } from 'react';
import { formatCount } from '../formats';
import { labelColor } from '../labelColors';
import { usePreferences } from '../useStudio';
import { LabelSearch } from './LabelSearch';
import { labelsThatFit, MANY_LABELS } from './labelFilter';
import styles from './labels.module.css';

/** Of a long list, this many are named before it is unfolded. */
const NAMED = 8;

interface NamedLabel {
  readonly name: string;
  /** A region has those it is made of. */
  readonly values: readonly number[];
}

interface LabelNamesProps {
  /** Foreground labels. */
  readonly labels: readonly NamedLabel[];
  /** Of voxels that nobody labelled. */
  readonly ignoreLabel?: number | undefined;
}

/** Foreground labels with their colours; of many the first ones, and all of them with a search at a click. */
export function LabelNames({ labels, ignoreLabel }: LabelNamesProps) {
  const [isOpen, setIsOpen] = useState(false);
  const [text, setText] = useState('');
  const isLong = labels.length > MANY_LABELS;
  const shown = !isLong ? labels : isOpen ? labelsThatFit(labels, text) : labels.slice(0, NAMED);
  return (
    <div className={styles.block}>
      {isLong && isOpen && <LabelSearch count={labels.length} text={text} onText={setText} />}
      <ul
        className={styles.names}
        {...(isLong && isOpen && { 'data-open': '', tabIndex: 0 })}
        aria-label={isLong ? `${formatCount(labels.length)} labels` : 'Labels'}
      >
        {shown.map(({ name, values }) => (
          <li key={name} title={name}>
            <Swatches values={values} />
            <span>{name}</span>
          </li>
        ))}
        {ignoreLabel !== undefined && (
          <li title="Voxels that nobody labelled: training leaves them out">
            <Swatches values={[ignoreLabel]} />
            <span>ignored</span>
          </li>
        )}
        {isLong && isOpen && shown.length === 0 && <li>No label fits.</li>}
      </ul>
      {isLong && (
        <Button
          size="compact-xs"
          variant="subtle"
          aria-expanded={isOpen}
          onClick={() => setIsOpen(!isOpen)}
          className={styles.unfold}
        >
          {isOpen ? 'Show fewer' : `Show all ${formatCount(labels.length)} labels`}
        </Button>
      )}
    </div>
  );
}

/** A region of very many values shows the first ones. */
const MOST_SWATCHES = 6;

function Swatches({ values }: { values: readonly number[] }) {
  const colors = usePreferences((state) => state.labelColors);
  return values
    .slice(0, MOST_SWATCHES)
    .map((value) => (
      <i key={value} className={styles.swatch} style={{ background: labelColor(value, colors) }} />
    ));
}
