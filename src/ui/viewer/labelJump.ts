import { useStore } from 'zustand';
import { createStore } from 'zustand/vanilla';
import type { Xyz } from '@/shared/geometry';
import { useSharedViewer } from './viewerContext';

/** Where the labels on screen lie; set by whoever shows them. */
export const labelCenters = createStore<{ readonly centers: Readonly<Record<number, Xyz>> }>(() => ({
  centers: {},
}));

/** Puts the crosshair on a label. */
export function useLabelJump(): (label: number) => void {
  const viewer = useSharedViewer();
  const { centers } = useStore(labelCenters);
  return (label) => {
    const center = centers[label];
    if (center) viewer.goToVoxel(center);
  };
}
