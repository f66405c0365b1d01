/** A bar of a round length at the lower left of a plane; CSS pixels from the canvas's corner. */
export interface ScaleBar {
  readonly left: number;
  readonly bottomEdge: number;
  readonly width: number;
  readonly label: string;
}

interface Tile {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** A bar is at most this share of its plane's width. */
const MAX_SHARE = 1 / 3;
const MARGIN_PX = 10;

/** The longest bar of 1, 2 or 5 × 10ⁿ mm that is at most a third of a tile that shows `fovMm` from side to side. */
export function scaleBarOf(tile: Tile, fovMm: number): ScaleBar {
  const longest = Math.max(fovMm * MAX_SHARE, Number.EPSILON);
  const power = 10 ** Math.floor(Math.log10(longest));
  const mm = [5, 2, 1].map((factor) => factor * power).find((length) => length <= longest) ?? power;
  return {
    left: tile.left + MARGIN_PX,
    bottomEdge: tile.top + tile.height - MARGIN_PX,
    width: (mm / fovMm) * tile.width,
    label: mm >= 10 ? `${mm / 10} cm` : `${mm} mm`,
  };
}
