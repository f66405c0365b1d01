import { labelColor } from '../labelColors';
import { usePreferences } from '../useStudio';
import { useViewer } from './ViewerCanvas';
import type { ViewedLabel } from './viewedLabel';
import styles from './viewer.module.css';
import { useSharedViewer } from './viewerContext';

/** What lies under the crosshair. */
export function Readout({ labels }: { labels: readonly ViewedLabel[] }) {
  const { location } = useViewer(useSharedViewer());
  const colors = usePreferences((state) => state.labelColors);
  if (!location) return <div className={styles.readout} />;
  const label = labels.find(({ value }) => value === location.label);
  return (
    <section className={styles.readout} aria-label="Under the crosshair">
      {location.mm && (
        <span title="Position in the scanner: Right, Anterior, Superior count up">
          <b>mm</b>
          {location.mm.map((value) => value.toFixed(1)).join(', ')}
        </span>
      )}
      {location.mm ? (
        <span title="Index of the voxel in the file, from 0">
          <b>voxel</b>
          {location.voxel.join(', ')}
        </span>
      ) : (
        <span title="From the left and from the top, from 0">
          <b>pixel</b>
          {location.voxel.slice(0, 2).join(', ')}
        </span>
      )}
      <span>
        <b>intensity</b>
        {location.intensity.map(formatIntensity).join(', ')}
      </span>
      {location.label !== undefined && (
        <span>
          <b>label</b>
          {label && (
            <i
              className={styles.swatch}
              style={{ background: label.color ?? labelColor(label.value, colors) }}
            />
          )}
          {label ? label.name : 'background'}
        </span>
      )}
    </section>
  );
}

function formatIntensity(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toPrecision(5);
}
