import { useEffect, useRef, useSyncExternalStore } from 'react';
import styles from './viewer.module.css';
import type { ViewerController, ViewerSnapshot } from './viewerController';

/** What the viewer shows now; renders again when it changes. */
export function useViewer(viewer: ViewerController): ViewerSnapshot {
  return useSyncExternalStore(viewer.subscribe, viewer.getSnapshot);
}

/** The viewer's canvas, with a scale bar on each plane. */
export function ViewerCanvas({ viewer, label }: { viewer: ViewerController; label: string }) {
  const stage = useRef<HTMLDivElement>(null);
  const { scaleBars } = useViewer(viewer);

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
      {scaleBars.map((bar) => (
        <div
          key={`${bar.left} ${bar.bottomEdge}`}
          className={styles.scaleBar}
          style={{ left: bar.left, top: bar.bottomEdge, width: bar.width }}
        >
          <span>{bar.label}</span>
        </div>
      ))}
    </div>
  );
}
