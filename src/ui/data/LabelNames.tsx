import type { DeclaredLabel } from '@/storage/datasetRecord';
import { labelColor } from '../labelColors';
import { usePreferences } from '../useStudio';
import styles from './data.module.css';

interface LabelNamesProps {
  readonly labels: readonly DeclaredLabel[];
  /** Of voxels that nobody labelled. */
  readonly ignoreLabel: number | undefined;
}

/** Foreground labels with their colours; a region shows the values it is made of. */
export function LabelNames({ labels, ignoreLabel }: LabelNamesProps) {
  const colors = usePreferences((state) => state.labelColors);
  return (
    <div className={styles.labels}>
      {labels
        .filter(({ values }) => values.some((value) => value !== 0))
        .map(({ name, values }) => (
          <span key={name}>
            {values.map((value) => (
              <i key={value} className={styles.swatch} style={{ background: labelColor(value, colors) }} />
            ))}
            {name}
          </span>
        ))}
      {ignoreLabel !== undefined && (
        <span title="Voxels that nobody labelled: training leaves them out">
          <i className={styles.swatch} style={{ background: labelColor(ignoreLabel, colors) }} />
          ignored
        </span>
      )}
    </div>
  );
}
