// Where the parts of a U-Net lie in its drawing. Units are those of the SVG's view box.
import type { Architecture } from '@/nn/architecture';
import { formatKernel } from '../components/planFormats';

export interface NetworkBox {
  readonly x: number;
  readonly y: number;
  readonly side: 'encoder' | 'bottleneck' | 'decoder';
  /** 0 is the finest. */
  readonly stage: number;
  readonly features: number;
  readonly shape: readonly number[];
  /** What the stage does: `2 conv 3×3×3`. */
  readonly work: string;
}

export interface NetworkStep {
  readonly fromY: number;
  readonly toY: number;
  readonly x: number;
  readonly stride: readonly number[];
  readonly direction: 'down' | 'up';
}

export interface NetworkLayout {
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly NetworkBox[];
  readonly steps: readonly NetworkStep[];
  /** From an encoder stage across to the decoder. */
  readonly skips: readonly { readonly y: number; readonly fromX: number; readonly toX: number }[];
}

export const BOX = { width: 236, height: 44 } as const;
const WIDTH = 980;
const TOP = 34;
const BOTTOM = 10;
const ROW = 70;
const MARGIN = 8;
/** Between the two arms at their narrowest. */
const GAP = 40;
/** Where an arrow meets a box, from the box's outer edge. */
const ARROW_INSET = 26;

/** The U of an architecture for a patch: `shapes` are the feature maps of every stage, finest first. */
export function networkLayout(architecture: Architecture, patchSize: readonly number[]): NetworkLayout {
  const last = architecture.nStages - 1;
  const shapes = stageShapes(architecture, patchSize);
  const indent = last > 1 ? (WIDTH / 2 - GAP / 2 - BOX.width - MARGIN) / (last - 1) : 0;
  const y = (stage: number) => TOP + stage * ROW;
  const left = (stage: number) => (stage === last ? (WIDTH - BOX.width) / 2 : MARGIN + stage * indent);
  const right = (stage: number) => WIDTH - left(stage) - BOX.width;
  const boxes = shapes.flatMap((shape, stage): NetworkBox[] => {
    const shared = { y: y(stage), stage, shape, features: architecture.featuresPerStage[stage] };
    const encoder: NetworkBox = {
      ...shared,
      x: left(stage),
      side: stage === last ? 'bottleneck' : 'encoder',
      work: encoderWork(architecture, stage),
    };
    if (stage === last) return [encoder];
    return [encoder, { ...shared, x: right(stage), side: 'decoder', work: decoderWork(architecture, stage) }];
  });
  const steps = shapes.slice(1).flatMap((_, i): NetworkStep[] => {
    const stage = i + 1;
    const stride = architecture.strides[stage];
    const x = (stage === last ? Math.max(left(stage), left(stage - 1)) : left(stage)) + ARROW_INSET;
    const span = { fromY: y(stage - 1) + BOX.height, toY: y(stage), stride };
    return [
      { ...span, x, direction: 'down' },
      { ...span, x: WIDTH - x, direction: 'up' },
    ];
  });
  return {
    width: WIDTH,
    height: y(last) + BOX.height + BOTTOM,
    boxes,
    steps,
    skips: shapes.slice(0, -1).map((_, stage) => ({
      y: y(stage) + BOX.height / 2,
      fromX: left(stage) + BOX.width,
      toX: right(stage),
    })),
  };
}

/** Feature maps of every stage, finest first, in the axes of the patch. */
export function stageShapes(
  { strides }: Pick<Architecture, 'strides'>,
  patchSize: readonly number[],
): readonly (readonly number[])[] {
  let shape = patchSize;
  return strides.map((stride) => {
    shape = shape.map((size, axis) => Math.floor(size / stride[axis]));
    return shape;
  });
}

function encoderWork(architecture: Architecture, stage: number): string {
  const count = architecture.nConvPerStage[stage];
  const kernel = formatKernel(architecture.kernelSizes[stage]);
  if (architecture.networkClass === 'PlainConvUNet') return `${count} conv ${kernel}`;
  return `${stage === 0 ? 'stem, ' : ''}${count} residual ${count === 1 ? 'block' : 'blocks'} ${kernel}`;
}

function decoderWork(architecture: Architecture, stage: number): string {
  const count = architecture.nConvPerStageDecoder[architecture.nStages - 2 - stage];
  return `${count} conv ${formatKernel(architecture.kernelSizes[stage])}`;
}
