import { useCallback, useEffect, useState } from 'react';
import type { ViewerController } from './viewerController';

const FRAME_MS = 90;

/** Plays the slices of the active plane, round and round. */
export function usePlayback(viewer: ViewerController): {
  readonly isPlaying: boolean;
  readonly toggle: () => void;
} {
  const [isPlaying, setIsPlaying] = useState(false);
  useEffect(() => {
    if (!isPlaying) return;
    const timer = setInterval(() => viewer.playSlice(), FRAME_MS);
    return () => clearInterval(timer);
  }, [viewer, isPlaying]);
  const toggle = useCallback(() => setIsPlaying((is) => !is), []);
  return { isPlaying, toggle };
}
