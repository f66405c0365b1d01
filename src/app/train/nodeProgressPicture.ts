import { drawPlot, PLOT_SIZE } from './drawPlot';
import type { DrawProgress } from './foldLog';
import { progressPanels } from './progressPlot';

/**
 * Draws progress.png, as PNG; the only place that knows the package `@napi-rs/canvas`. It is optional, and needs the
 * system's fonts: without either `onMissing` is told once, and nothing is drawn.
 */
export function nodeProgressPicture(onMissing: (reason: string) => void): DrawProgress {
  let canvas: Promise<typeof import('@napi-rs/canvas') | undefined> | undefined;
  return async (curves) => {
    canvas ??= openCanvas(onMissing);
    const found = await canvas;
    if (!found) return undefined;
    const picture = found.createCanvas(PLOT_SIZE.width, PLOT_SIZE.height);
    drawPlot(picture.getContext('2d'), progressPanels(curves));
    return picture.encode('png');
  };
}

async function openCanvas(
  onMissing: (reason: string) => void,
): Promise<typeof import('@napi-rs/canvas') | undefined> {
  try {
    const canvas = await import('@napi-rs/canvas');
    if (canvas.GlobalFonts.families.length > 0) return canvas;
    onMissing('this system has no fonts');
  } catch {
    onMissing('the package @napi-rs/canvas is not installed');
  }
  return undefined;
}
