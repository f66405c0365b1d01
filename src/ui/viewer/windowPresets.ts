import type { Window } from './viewerController';

/** Usual windows for CT, Hounsfield units. */
export const CT_WINDOWS: readonly {
  readonly name: string;
  readonly level: number;
  readonly width: number;
}[] = [
  { name: 'Soft tissue', level: 40, width: 400 },
  { name: 'Lung', level: -600, width: 1500 },
  { name: 'Bone', level: 400, width: 1800 },
  { name: 'Brain', level: 40, width: 80 },
  { name: 'Liver', level: 60, width: 160 },
  { name: 'Angiography', level: 300, width: 600 },
];

export function windowOf({ level, width }: { level: number; width: number }): Window {
  return { low: level - width / 2, high: level + width / 2 };
}

export function levelAndWidth({ low, high }: Window): { level: number; width: number } {
  return { level: (low + high) / 2, width: high - low };
}
