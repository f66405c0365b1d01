import { drawPlot, PLOT_SIZE } from './drawPlot';
import { type ProgressCurves, progressPanels } from './progressPlot';

/** nnU-Net's progress.png, drawn by the browser. */
export async function progressPicture(curves: ProgressCurves): Promise<Blob> {
  const canvas = new OffscreenCanvas(PLOT_SIZE.width, PLOT_SIZE.height);
  const pen = canvas.getContext('2d');
  if (!pen) throw new Error('progressPicture: this browser draws no pictures');
  drawPlot(pen, progressPanels(curves));
  return canvas.convertToBlob({ type: 'image/png' });
}
