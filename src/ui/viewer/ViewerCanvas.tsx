import { useEffect, useRef, useSyncExternalStore } from 'react';
import styles from './viewer.module.css';
import type { ViewerController, ViewerSnapshot } from './viewerController';

/** What the viewer shows now; renders again when it changes. */
export function useViewer(viewer: ViewerController): ViewerSnapshot {
  return useSyncExternalStore(viewer.subscribe, viewer.getSnapshot);
}

/** The canvas of a viewer, with a scale bar on each plane. */
export function ViewerCanvas({ viewer, label }: { viewer: ViewerController; label: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { scaleBars } = useViewer(viewer);

  useEffect(() => {
    const element = canvas.current;
    const stage = element?.parentElement;
    if (!element || !stage) return;
    const attached = viewer.attach(element);
    const observer = new ResizeObserver(() => void attached.then(() => viewer.resize()));
    observer.observe(stage);
    return () => observer.disconnect();
  }, [viewer]);

  return (
    <>
      <canvas ref={canvas} aria-label={label} data-viewer="" />
      {scaleBars.map((bar) => (
        <div
          key={`${bar.left} ${bar.bottomEdge}`}
          className={styles.scaleBar}
          style={{ left: bar.left, top: bar.bottomEdge, width: bar.width }}
        >
          <span>{bar.label}</span>
        </div>
      ))}
    </>
  );
}
