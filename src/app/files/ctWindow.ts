// With which window an image opens.
import type { IntensityHints } from '@/storage/caseRecord';
import type { DisplayVolume, IntensityWindow } from '@/workers/files/api';

/** Usual windows for CT, Hounsfield units. The first is the one that a CT opens in. */
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

export function windowOf({
  level,
  width,
}: {
  readonly level: number;
  readonly width: number;
}): IntensityWindow {
  return { low: level - width / 2, high: level + width / 2 };
}

/**
 * The window that a volume opens in: the one its DICOM tags name, if there is something to see in it; soft tissue for
 * a CT, which is known by name or else by its values; for everything else the one between percentiles.
 */
export function openingWindow(
  { automatic, looksLikeCt }: Pick<DisplayVolume, 'automatic' | 'looksLikeCt'>,
  { window, isCt }: IntensityHints,
): IntensityWindow {
  if (window && window.low < automatic.high && window.high > automatic.low) return window;
  return (isCt ?? looksLikeCt) ? windowOf(CT_WINDOWS[0]) : automatic;
}

export function levelAndWidth({ low, high }: IntensityWindow): { level: number; width: number } {
  return { level: (low + high) / 2, width: high - low };
}

/** What the name of a channel tells: nnU-Net normalises as CT what is called so. */
export function hintsOfChannel(name: string | undefined): IntensityHints {
  return name?.toLowerCase() === 'ct' ? { isCt: true } : {};
}

/** Hounsfield units: air, the range from fat to soft tissue, and what is below any tissue. */
const AIR = [-1100, -850] as const;
const TISSUE = [-150, 200] as const;
const BELOW_FAT = -50;
/** Of paddings outside the scanned circle that are in use, the lowest. */
const LOWEST_PADDING = -4096;

/** Shares of all voxels. */
const LEAST_AIR = 0.02;
const LEAST_TISSUE = 0.05;
const LEAST_TISSUE_WITHOUT_AIR = 0.4;
const LEAST_BELOW_FAT = 0.01;

/**
 * Whether intensities are a CT's: whole numbers, of which a share is soft tissue and another air; in a cut-out without
 * air, mostly soft tissue and some fat. `sorted`: a sample of the voxels, ascending.
 */
export function looksLikeCt(sorted: Float32Array): boolean {
  if (sorted[0] < LOWEST_PADDING || sorted.some((value) => !Number.isInteger(value))) return false;
  const shareBelow = (limit: number) => indexOfFirst(sorted, limit) / sorted.length;
  const shareOf = ([low, high]: readonly [number, number]) => shareBelow(high) - shareBelow(low);
  if (shareOf(AIR) >= LEAST_AIR) return shareOf(TISSUE) >= LEAST_TISSUE;
  return shareOf(TISSUE) >= LEAST_TISSUE_WITHOUT_AIR && shareBelow(BELOW_FAT) >= LEAST_BELOW_FAT;
}

/** Index of the first value that is at least `limit`. */
function indexOfFirst(sorted: Float32Array, limit: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
