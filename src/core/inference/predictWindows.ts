import { allocate, arrayOf } from '@/gpu/buffers';
import { type Gpu, whileDeviceLives } from '@/gpu/device';
import { type GpuArray, type PreparedDispatch, prepare, submitDispatches } from '@/gpu/dispatch';
import {
  MIRROR_PARAMETERS_BYTES,
  type MirrorPiece,
  mirrorDispatch,
  mirrorPieces,
  writeMirrorParameters,
} from '@/kernels/slidingWindow';
import type { Zyx } from '@/shared/geometry';
import { cutWindow } from './cutWindow';
import { type RowBlock, type SlabPlan, startsInBlock } from './slabPlan';
import { mirrorCombinations, type Padding } from './slidingWindow';
import type { WindowAccumulator } from './windowAccumulator';

const UNIFORM_USAGE = 0x40 | 0x08; // UNIFORM | COPY_DST
/** Passes handed to the GPU ahead of its finishing them: enough to keep it busy, few enough to cancel quickly. */
const PASSES_IN_FLIGHT = 2;

/** A network that takes one window at a time, its folds resident. */
export interface WindowNetwork {
  /** `[1, c, z, y, x]` of the patch. */
  readonly input: GpuArray;
  /** `[1, k, z, y, x]` logits. */
  readonly output: GpuArray;
  readonly foldCount: number;
  /** Queues one forward pass with the fold's weights. */
  run(fold: number): void;
}

export interface PredictWindowsRequest {
  /** Preprocessed image, `[c, z, y, x]`. */
  readonly data: Float32Array;
  readonly channels: number;
  readonly shape: Zyx;
  readonly patchSize: Zyx;
  readonly padding: Padding;
  readonly starts: readonly (readonly number[])[];
  /** Empty: no test-time mirroring. */
  readonly mirrorAxes: readonly number[];
  readonly plan: SlabPlan;
  readonly network: WindowNetwork;
  readonly accumulator: WindowAccumulator;
  /**
   * Called when slices below `end` of the block hold mean logits; slice `end − 1` and those above stay readable until
   * the next call, those of earlier calls may be overwritten.
   */
  readonly onSlices: (block: RowBlock, end: number) => Promise<void>;
  /** Share of the passes done, 0…1. */
  readonly onProgress?: (share: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Runs the network over every window, mirrored passes and folds included, and hands out finished slices from the first
 * to the last, block by block.
 *
 * Follows nnU-Net's `predict_sliding_window_return_logits`, with sums in f32 where nnU-Net's are float16.
 */
export async function predictWindows(gpu: Gpu, request: PredictWindowsRequest): Promise<void> {
  const { plan, starts, patchSize, padding, accumulator } = request;
  const passes = new WindowPasses(
    gpu,
    request,
    await allocate(gpu, request.network.input.size * 4, 'window'),
  );
  try {
    for (const block of plan.blocks) {
      accumulator.beginBlock(block);
      for (const [i, z] of starts[0].entries()) {
        if (i > 0) accumulator.clearSlices(starts[0][i - 1] + patchSize[0], z + patchSize[0]);
        for (const y of startsInBlock(starts[1], patchSize[1], block)) {
          for (const x of starts[2]) await passes.predict([z, y, x]);
        }
        const end = starts[0][i + 1] ?? padding.paddedShape[0];
        accumulator.normaliseSlices(z, end);
        await passes.finish();
        await request.onSlices(block, end);
      }
    }
  } finally {
    passes.destroy();
  }
}

/** Channels of the window on their way to the network, mirrored. */
interface MirroredPiece {
  readonly piece: MirrorPiece;
  readonly uniform: GPUBuffer;
  readonly dispatch: PreparedDispatch;
}

/** All passes over one window: each mirrored view, with each fold. */
class WindowPasses {
  private readonly gpu: Gpu;
  private readonly request: PredictWindowsRequest;
  private readonly views: readonly number[][];
  private readonly window: GpuArray;
  private readonly host: Float32Array<ArrayBuffer>;
  private readonly mirrored: readonly MirroredPiece[];
  private readonly inFlight: Promise<unknown>[] = [];
  private done = 0;

  constructor(gpu: Gpu, request: PredictWindowsRequest, buffer: GPUBuffer) {
    const { network, patchSize, channels } = request;
    const { input } = network;
    this.gpu = gpu;
    this.request = request;
    this.views = mirrorCombinations(request.mirrorAxes);
    this.window = arrayOf(buffer, input.size);
    this.host = new Float32Array(input.size);
    this.mirrored = mirrorPieces(gpu, patchSize, channels).map((piece) => {
      const uniform = gpu.device.createBuffer({
        label: 'mirror parameters',
        size: MIRROR_PARAMETERS_BYTES,
        usage: UNIFORM_USAGE,
      });
      const dispatch = mirrorDispatch(gpu, this.window, input, patchSize, piece, uniform);
      return { piece, uniform, dispatch: prepare(gpu, dispatch) };
    });
  }

  async predict(start: Zyx): Promise<void> {
    const { network, accumulator } = this.request;
    const share = 1 / (this.views.length * network.foldCount);
    cutWindow(this.request, start, this.request.patchSize, this.host);
    this.gpu.device.queue.writeBuffer(this.window.buffer, 0, this.host);
    let addsWeight = true;
    for (const mirroredAxes of this.views) {
      for (let fold = 0; fold < network.foldCount; fold++) {
        this.request.signal?.throwIfAborted();
        if (fold === 0) this.writeInput(mirroredAxes);
        network.run(fold);
        accumulator.add({ start, mirroredAxes, addsWeight, share });
        addsWeight = false;
        await this.passQueued();
      }
    }
  }

  /** Waits for everything queued so far. */
  async finish(): Promise<void> {
    this.inFlight.length = 0;
    await whileDeviceLives(this.gpu, this.gpu.device.queue.onSubmittedWorkDone());
  }

  destroy(): void {
    this.window.buffer.destroy();
    for (const { uniform } of this.mirrored) uniform.destroy();
  }

  private async passQueued(): Promise<void> {
    this.inFlight.push(this.gpu.device.queue.onSubmittedWorkDone());
    if (this.inFlight.length >= PASSES_IN_FLIGHT)
      await whileDeviceLives(this.gpu, Promise.resolve(this.inFlight.shift()));
    this.done++;
    const total = this.request.plan.windows * this.views.length * this.request.network.foldCount;
    this.request.onProgress?.(this.done / total);
  }

  private writeInput(mirroredAxes: readonly number[]): void {
    const { patchSize } = this.request;
    const flip = [0, 1, 2].map((axis) => (mirroredAxes.includes(axis) ? 1 : 0)) as [number, number, number];
    const { queue } = this.gpu.device;
    for (const { uniform, piece } of this.mirrored) {
      writeMirrorParameters(queue, uniform, patchSize, piece, flip);
    }
    submitDispatches(
      this.gpu,
      this.mirrored.map(({ dispatch }) => dispatch),
    );
  }
}
