import { describe, expect, test } from 'vitest';
import { drawPlot, type Pen } from '@/app/train/drawPlot';
import { curvesOfLog, type ProgressCurves, progressPanels, ticksOf } from '@/app/train/progressPlot';
import { EMPTY_LOG, withEpoch } from '@/core/training/trainingLog';

const CURVES: ProgressCurves = {
  trainLoss: [0.5, -0.25, -0.5],
  valLoss: [0.25, -0.5, -0.5],
  meanFgDice: [0.25, 0.5, 0.75],
  emaFgDice: [0.25, 0.275, 0.3],
  seconds: [20, 10, 15],
  learningRate: [0.01, 0.005, 0.001],
};

/** A pen that notes lines and texts. */
function recordingPen() {
  const lines: { color: unknown; isDotted: boolean; points: [number, number][] }[] = [];
  const texts: string[] = [];
  let path: [number, number][] = [];
  let dash: number[] = [];
  const pen: Pen = {
    fillStyle: '',
    strokeStyle: '',
    lineWidth: 1,
    lineCap: '',
    lineJoin: '',
    font: '',
    textAlign: '',
    textBaseline: '',
    fillRect: () => undefined,
    strokeRect: () => undefined,
    beginPath: () => {
      path = [];
    },
    moveTo: () => undefined,
    lineTo: (x, y) => path.push([x, y]),
    stroke: () => void lines.push({ color: pen.strokeStyle, isDotted: dash.length > 0, points: path }),
    setLineDash: (segments) => {
      dash = segments;
    },
    fillText: (text) => void texts.push(text),
    measureText: (text) => ({ width: 10 * text.length }),
    save: () => undefined,
    restore: () => undefined,
    translate: () => undefined,
    rotate: () => undefined,
  };
  /** Without the grid, and the samples of the legends. */
  const curves = () => lines.filter(({ color, points }) => color !== '#ffffff' && points.length > 1);
  return { pen, texts, curves };
}

describe('panels of progress.png', () => {
  test("have nnU-Net's names", () => {
    const [first, second, third] = progressPanels(CURVES);
    expect(first.left.curves.map(({ label }) => label)).toEqual(['loss_tr', 'loss_val']);
    expect(first.right?.curves.map(({ label }) => label)).toEqual(['pseudo dice', 'pseudo dice (mov. avg.)']);
    expect([first, second, third].map(({ left }) => left.label)).toEqual([
      'loss',
      'time [s]',
      'learning rate',
    ]);
    expect(first.right?.curves.map(({ isDotted }) => isDotted)).toEqual([true, false]);
  });

  test('leave a twentieth free around the data; times begin at 0', () => {
    const [first, second] = progressPanels(CURVES);
    expect(first.left.range[0]).toBeCloseTo(-0.55, 12);
    expect(first.left.range[1]).toBeCloseTo(0.55, 12);
    expect(first.range[0]).toBeCloseTo(-0.1, 12);
    expect(second.left.range).toEqual([0, 20.5]);
  });

  test('of a log are its lists, and of a duration the time between its ends', () => {
    const log = withEpoch(EMPTY_LOG, {
      trainLoss: 1,
      valLoss: 2,
      dicePerClassOrRegion: [0.5, 0.7],
      learningRate: 0.01,
      start: 100,
      end: 130,
    });
    expect(curvesOfLog(log)).toEqual({
      trainLoss: [1],
      valLoss: [2],
      meanFgDice: [0.6],
      emaFgDice: [0.6],
      seconds: [30],
      learningRate: [0.01],
    });
  });
});

describe('ticks', () => {
  test.each([
    { range: [-0.876, 0.877], texts: ['−0.8', '−0.6', '−0.4', '−0.2', '0.0', '0.2', '0.4', '0.6', '0.8'] },
    { range: [0, 0.00105], texts: ['0.0000', '0.0002', '0.0004', '0.0006', '0.0008', '0.0010'] },
    { range: [0, 73], texts: ['0', '10', '20', '30', '40', '50', '60', '70'] },
    {
      range: [0.591, 0.789],
      texts: ['0.600', '0.625', '0.650', '0.675', '0.700', '0.725', '0.750', '0.775'],
    },
  ])('of $range', ({ range: [low, high], texts }) => {
    expect(ticksOf([low, high]).map(({ text }) => text)).toEqual(texts);
  });

  test('of epochs are whole', () => {
    expect(ticksOf([-0.05, 1.05], true).map(({ text }) => text)).toEqual(['0', '1']);
    expect(ticksOf([-0.05, 0.05], true).map(({ text }) => text)).toEqual(['0']);
    expect(ticksOf([-49.95, 1048.95], true).map(({ value }) => value)).toEqual([0, 200, 400, 600, 800, 1000]);
  });
});

describe('the drawing', () => {
  test('puts every value at its place', () => {
    const { pen, texts, curves } = recordingPen();
    drawPlot(pen, progressPanels(CURVES));
    const drawn = curves();
    expect(drawn.map(({ color }) => color)).toEqual([
      ...['#0000ff', '#ff0000', '#008000', '#008000'],
      '#0000ff',
      '#0000ff',
    ]);
    expect(drawn.map(({ isDotted }) => isDotted)).toEqual([false, false, true, false, false, false]);
    const [[x0, high], [x1, middle], [x2, low]] = drawn[0].points;
    expect(x1 - x0).toBeCloseTo(x2 - x1, 9);
    expect((middle - high) / (low - high)).toBeCloseTo(0.75, 9);
    for (const text of ['epoch', 'loss', 'pseudo dice', 'pseudo dice (mov. avg.)', 'time [s]']) {
      expect(texts).toContain(text);
    }
  });

  test('of one epoch, and of a class that was never there, is drawn all the same', () => {
    const { pen, texts } = recordingPen();
    const none = [Number.NaN];
    const one = { trainLoss: [0.5], valLoss: [0.4], meanFgDice: none, emaFgDice: none };
    drawPlot(pen, progressPanels({ ...one, seconds: [3], learningRate: [0.01] }));
    expect(texts).toContain('pseudo dice');
    expect(texts.join()).not.toContain('NaN');
  });
});
