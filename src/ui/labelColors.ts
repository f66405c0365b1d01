/**
 * Foreground label colours that colour-blind people can tell apart: Okabe and Ito's eight without black, then
 * Paul Tol's muted set. A label keeps its colour whatever else is in the image.
 */
const PALETTE = [
  '#e69f00',
  '#56b4e9',
  '#009e73',
  '#f0e442',
  '#d55e00',
  '#cc79a7',
  '#0072b2',
  '#cc6677',
  '#88ccee',
  '#ddcc77',
  '#117733',
  '#aa4499',
  '#44aa99',
  '#999933',
  '#882255',
  '#332288',
] as const;

/** Beyond the palette hues go round by the golden angle, so that neighbours stay far apart. */
const GOLDEN_ANGLE = 137.508;

export const SWATCHES: readonly string[] = PALETTE;

/** `#rrggbb` of a label value from 1 up. */
export function labelColor(value: number, chosen: Readonly<Record<number, string>>): string {
  if (chosen[value]) return chosen[value];
  if (value >= 1 && value <= PALETTE.length) return PALETTE[value - 1];
  const hue = (value * GOLDEN_ANGLE) % 360;
  return hslToHex(hue, 0.65, value % 2 === 0 ? 0.62 : 0.48);
}

function hslToHex(hue: number, saturation: number, lightness: number): string {
  const chroma = saturation * Math.min(lightness, 1 - lightness);
  const channel = (n: number) => {
    const k = (n + hue / 30) % 12;
    const value = lightness - chroma * Math.max(-1, Math.min(k - 3, 9 - k, 1));
    return Math.round(value * 255)
      .toString(16)
      .padStart(2, '0');
  };
  return `#${channel(0)}${channel(8)}${channel(4)}`;
}
