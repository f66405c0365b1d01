// Panels of curves on a 2D canvas, in the look of seaborn's grey ground with white lines, as nnU-Net's progress.png has.

import { type PlotAxis, type PlotCurve, type PlotPanel, ticksOf } from './progressPlot';

/** What of a canvas's 2D context is drawn with: a browser's, or one in Node. */
export interface Pen {
  fillStyle: unknown;
  strokeStyle: unknown;
  lineWidth: number;
  lineCap: string;
  lineJoin: string;
  font: string;
  textAlign: string;
  textBaseline: string;
  fillRect(x: number, y: number, width: number, height: number): void;
  strokeRect(x: number, y: number, width: number, height: number): void;
  beginPath(): void;
  moveTo(x: number, y: number): void;
  lineTo(x: number, y: number): void;
  stroke(): void;
  setLineDash(segments: number[]): void;
  fillText(text: string, x: number, y: number): void;
  measureText(text: string): { readonly width: number };
  save(): void;
  restore(): void;
  translate(x: number, y: number): void;
  rotate(angle: number): void;
}

/** Half of nnU-Net's 30 by 54 inches at 100 dots an inch. */
export const PLOT_SIZE = { width: 1500, height: 2700 } as const;

/** A point, 1/72 inch, at 50 dots an inch. */
const POINT = 50 / 72;
const LABEL_SIZE = 30 * POINT;
const TICK_SIZE = 27.5 * POINT;
const GROUND = '#eaeaf2';
const TEXT = '#262626';
const FONTS = 'Arial, "Liberation Sans", "DejaVu Sans", sans-serif';

/** Around the plots: room for ticks, labels and legends. */
const MARGINS = { left: 112, right: 104, top: 84, bottom: 76 };

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Draws `panels` below each other over {@link PLOT_SIZE}. */
export function drawPlot(pen: Pen, panels: readonly PlotPanel[]): void {
  pen.fillStyle = '#ffffff';
  pen.fillRect(0, 0, PLOT_SIZE.width, PLOT_SIZE.height);
  pen.lineCap = 'round';
  pen.lineJoin = 'round';
  const height = PLOT_SIZE.height / panels.length;
  for (const [i, panel] of panels.entries()) {
    drawPanel(pen, panel, {
      x: MARGINS.left,
      y: i * height + MARGINS.top,
      width: PLOT_SIZE.width - MARGINS.left - MARGINS.right,
      height: height - MARGINS.top - MARGINS.bottom,
    });
  }
}

function drawPanel(pen: Pen, { left, right, range }: PlotPanel, box: Box): void {
  pen.fillStyle = GROUND;
  pen.fillRect(box.x, box.y, box.width, box.height);
  drawEpochs(pen, range, box);
  drawAxis(pen, left, box, 'left');
  if (right) drawAxis(pen, right, box, 'right');
  for (const axis of [left, ...(right ? [right] : [])]) {
    for (const curve of axis.curves) drawCurve(pen, curve, { x: range, y: axis.range }, box);
  }
  drawLegend(pen, left.curves, box.x, box.y);
  if (right) drawLegend(pen, right.curves, box.x + 0.2 * box.width, box.y);
}

/** Where `value` lies on an axis that is `length` long, from its low end. */
function along(value: number, [low, high]: readonly [number, number], length: number): number {
  return ((value - low) / (high - low)) * length;
}

function drawEpochs(pen: Pen, range: readonly [number, number], box: Box): void {
  const bottom = box.y + box.height;
  for (const { value, text } of ticksOf(range, true)) {
    const x = box.x + along(value, range, box.width);
    drawLine(pen, '#ffffff', POINT, [x, box.y], [x, bottom]);
    drawText(pen, text, x, bottom + 8, { size: TICK_SIZE, align: 'center', baseline: 'top' });
  }
  drawText(pen, 'epoch', box.x + box.width / 2, bottom + 38, {
    size: LABEL_SIZE,
    align: 'center',
    baseline: 'top',
  });
}

function drawAxis(pen: Pen, { range, label }: PlotAxis, box: Box, side: 'left' | 'right'): void {
  const isLeft = side === 'left';
  const right = box.x + box.width;
  for (const { value, text } of ticksOf(range)) {
    const y = box.y + box.height - along(value, range, box.height);
    if (isLeft) drawLine(pen, '#ffffff', POINT, [box.x, y], [right, y]);
    const align = isLeft ? 'right' : 'left';
    drawText(pen, text, isLeft ? box.x - 8 : right + 8, y, { size: TICK_SIZE, align, baseline: 'middle' });
  }
  pen.save();
  pen.translate(isLeft ? LABEL_SIZE : PLOT_SIZE.width - LABEL_SIZE, box.y + box.height / 2);
  pen.rotate(-Math.PI / 2);
  drawText(pen, label, 0, 0, { size: LABEL_SIZE, align: 'center', baseline: 'middle' });
  pen.restore();
}

interface Ranges {
  readonly x: readonly [number, number];
  readonly y: readonly [number, number];
}

/** In pieces where values are missing; a piece of one epoch is a dot. */
function drawCurve(pen: Pen, { color, width, isDotted, values }: PlotCurve, ranges: Ranges, box: Box): void {
  setLine(pen, color, width * POINT, isDotted);
  pen.beginPath();
  for (const [epoch, value] of values.entries()) {
    if (!Number.isFinite(value)) continue;
    const x = box.x + along(epoch, ranges.x, box.width);
    const y = box.y + box.height - along(value, ranges.y, box.height);
    if (epoch === 0 || !Number.isFinite(values[epoch - 1])) pen.moveTo(x, y);
    pen.lineTo(x, y);
  }
  pen.stroke();
}

function drawLegend(pen: Pen, curves: readonly PlotCurve[], x: number, bottom: number): void {
  const [line, row, pad] = [2 * TICK_SIZE, 1.35 * TICK_SIZE, 0.4 * TICK_SIZE];
  pen.font = fontOf(TICK_SIZE);
  const textWidth = Math.max(...curves.map(({ label }) => pen.measureText(label).width));
  const height = curves.length * row + pad;
  const top = bottom - height - pad;
  pen.fillStyle = GROUND;
  pen.fillRect(x + pad, top, line + textWidth + 4 * pad, height);
  pen.strokeStyle = '#cccccc';
  pen.lineWidth = POINT;
  pen.setLineDash([]);
  pen.strokeRect(x + pad, top, line + textWidth + 4 * pad, height);
  for (const [i, { label, color, width, isDotted }] of curves.entries()) {
    const y = top + pad / 2 + (i + 0.5) * row;
    drawLine(pen, color, width * POINT, [x + 2 * pad, y], [x + 2 * pad + line, y], isDotted);
    drawText(pen, label, x + 3.5 * pad + line, y, { size: TICK_SIZE, align: 'left', baseline: 'middle' });
  }
}

function drawLine(
  pen: Pen,
  color: string,
  width: number,
  from: readonly [number, number],
  to: readonly [number, number],
  isDotted = false,
): void {
  setLine(pen, color, width, isDotted);
  pen.beginPath();
  pen.moveTo(...from);
  pen.lineTo(...to);
  pen.stroke();
}

/** Dots are round: lines of no length, a little apart. */
function setLine(pen: Pen, color: string, width: number, isDotted: boolean): void {
  pen.strokeStyle = color;
  pen.lineWidth = width;
  pen.setLineDash(isDotted ? [0, 2.2 * width] : []);
}

interface TextStyle {
  readonly size: number;
  readonly align: string;
  readonly baseline: string;
}

function drawText(pen: Pen, text: string, x: number, y: number, { size, align, baseline }: TextStyle): void {
  pen.font = fontOf(size);
  pen.fillStyle = TEXT;
  pen.textAlign = align;
  pen.textBaseline = baseline;
  pen.fillText(text, x, y);
}

function fontOf(size: number): string {
  return `${size.toFixed(1)}px ${FONTS}`;
}
