import { useEffect, useRef, useSyncExternalStore } from 'react';
import type { PlaneMarks } from './planeMarks';
import styles from './viewer.module.css';
import type { ViewerController, ViewerSnapshot } from './viewerController';

/** What the viewer shows now; renders again when it changes. */
export function useViewer(viewer: ViewerController): ViewerSnapshot {
  return useSyncExternalStore(viewer.subscribe, viewer.getSnapshot);
}

const SIDE_STYLES = [styles.atLeft, styles.atRight, styles.atTop, styles.atBottom];

/** The viewer's canvas, with sides and a scale bar on each plane. */
export function ViewerCanvas({ viewer, label }: { viewer: ViewerController; label: string }) {
  const stage = useRef<HTMLDivElement>(null);
  const { planes } = useViewer(viewer);

  useEffect(() => {
    const element = stage.current;
    if (!element) return;
    const mounted = viewer.mount(element, label);
    const observer = new ResizeObserver(() => void mounted.then(() => viewer.resize()));
    observer.observe(element);
    return () => observer.disconnect();
  }, [viewer, label]);

  return (
    <div ref={stage} className={styles.canvas}>
      {planes.map((plane) => (
        <Marks key={plane.plane} {...plane} />
      ))}
    </div>
  );
}

function Marks({ plane, left, top, width, height, sides, bar }: PlaneMarks) {
  return (
    <div className={styles.marks} style={{ left, top, width, height }} data-plane={plane}>
      {sides?.map((letter, i) => (
        <span key={letter} className={SIDE_STYLES[i]}>
          {letter}
        </span>
      ))}
      {bar && (
        <div className={styles.scaleBar} style={{ width: bar.width }}>
          <span>{bar.label}</span>
        </div>
      )}
    </div>
  );
}
