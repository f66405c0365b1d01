import { createJSONStorage, persist } from 'zustand/middleware';
import { createStore } from 'zustand/vanilla';

/** How the viewer shows things, and how cases are predicted: kept in this browser. */
export interface Preferences {
  readonly layout: 'planes' | 'axial' | 'coronal' | 'sagittal' | 'render';
  /** 0…1. */
  readonly overlayOpacity: number;
  readonly isOutline: boolean;
  /** Colours a person chose, `#rrggbb` by label value. */
  readonly labelColors: Readonly<Record<number, string>>;
  readonly tileStepSize: number;
  readonly useGaussian: boolean;
  readonly useMirroring: boolean;
  readonly saveProbabilities: boolean;
  /** While something is trained. */
  readonly keepsScreenOn: boolean;
}

export const DEFAULT_PREFERENCES: Preferences = {
  layout: 'planes',
  overlayOpacity: 0.6,
  isOutline: false,
  labelColors: {},
  tileStepSize: 0.5,
  useGaussian: true,
  useMirroring: true,
  saveProbabilities: false,
  keepsScreenOn: true,
};

export const preferences = createStore<Preferences>()(
  persist(() => DEFAULT_PREFERENCES, {
    name: 'nnstudio-preferences',
    version: 1,
    storage: createJSONStorage(() => localStorage),
  }),
);
