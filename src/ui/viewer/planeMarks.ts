/** What is written on one plane: its sides, and a bar of a round length. CSS pixels from the canvas's corner. */
export interface PlaneMarks {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly plane: Plane;
  /** Where left, right, top and bottom lie in the patient, if the file says. */
  readonly sides: readonly [left: string, right: string, top: string, bottom: string] | undefined;
  /** Where the file says how large a voxel is. */
  readonly bar: { readonly width: number; readonly label: string } | undefined;
}

/** As radiologists look at it: the patient's right on the left, the nose to the left. */
const SIDES = {
  axial: ['R', 'L', 'A', 'P'],
  coronal: ['R', 'L', 'S', 'I'],
  sagittal: ['A', 'P', 'S', 'I'],
} as const;

export type Plane = keyof typeof SIDES;

/** A bar is at most this share of its plane's width. */
const MAX_SHARE = 1 / 3;

interface Tile {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** What the file says of its place. */
interface KnownPlace {
  readonly isOriented: boolean;
  readonly hasMillimetres: boolean;
}

/** Marks of a plane that shows `fovMm` from side to side; the bar is the longest of 1, 2 or 5 × 10ⁿ mm that fits. */
export function planeMarks(plane: Plane, tile: Tile, fovMm: number, known: KnownPlace): PlaneMarks {
  const longest = Math.max(fovMm * MAX_SHARE, Number.EPSILON);
  const power = 10 ** Math.floor(Math.log10(longest));
  const mm = [5, 2, 1].map((factor) => factor * power).find((length) => length <= longest) ?? power;
  const label = mm >= 10 ? `${mm / 10} cm` : `${mm} mm`;
  return {
    ...tile,
    plane,
    sides: known.isOriented ? SIDES[plane] : undefined,
    bar: known.hasMillimetres ? { width: (mm / fovMm) * tile.width, label } : undefined,
  };
}
