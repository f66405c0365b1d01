// Resampling that a person can watch and stop: on the GPU where that wins, on the CPU in short steps otherwise.

import type { Gpu } from '@/gpu/device';
import type { Zyx } from '@/shared/geometry';
import { elementCount } from '@/shared/geometry';
import { fromPlanOrder, planResample, type ResampleRequest, toPlanOrder } from './resampling';
import { type ResizeMethod, resizeVolumeSteps } from './resizeVolume';
import { type OnShare, resizeVolumeGpu } from './resizeVolumeGpu';

/** Where and how observably resampling runs. */
export interface ResampleOptions {
  readonly gpu?: Gpu | undefined;
  /** Voxels, input and output together, from which the GPU is used. Below, starting it costs more than it saves. */
  readonly gpuFromVoxels?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Share that is done, 0…1. */
  readonly onProgress?: OnShare | undefined;
}

/** Smaller volumes take the CPU a few milliseconds. */
const GPU_FROM_VOXELS = 2 ** 20;

/** How long the CPU path works before it lets messages through, among them the one that stops it. */
const BREATH_MS = 40;

/** Lets queued messages and timers run. */
function breathe(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/**
 * One channel on another grid, into `target`. `source`: `[z, y, x]` of the request's shape; `target` of its new shape.
 * A request that changes nothing copies.
 */
export async function resampleChannel(
  source: Float32Array,
  target: Float32Array,
  request: ResampleRequest,
  options: ResampleOptions = {},
): Promise<void> {
  const plan = planResample(request);
  if (plan === undefined) {
    target.set(source);
    return;
  }
  const isReordered = plan.order[0] !== 0;
  const resized = isReordered ? new Float32Array(target.length) : target;
  const front = toPlanOrder(source, request, plan);
  await resizeObservably(front, plan.shape, resized, plan.newShape, plan.method, options);
  if (isReordered) fromPlanOrder(resized, plan, target);
}

async function resizeObservably(
  source: Float32Array,
  shape: Zyx,
  target: Float32Array,
  newShape: Zyx,
  method: ResizeMethod,
  { gpu, gpuFromVoxels = GPU_FROM_VOXELS, signal, onProgress }: ResampleOptions,
): Promise<void> {
  const report: OnShare = (share) => {
    signal?.throwIfAborted();
    onProgress?.(share);
  };
  report(0);
  if (gpu && elementCount(shape) + elementCount(newShape) >= gpuFromVoxels) {
    if (await resizedOnGpu(gpu, source, shape, target, newShape, method, report)) return;
  }
  let lastBreath = performance.now();
  for (const share of resizeVolumeSteps(source, shape, target, newShape, method)) {
    if (performance.now() - lastBreath < BREATH_MS) continue;
    await breathe();
    report(share);
    lastBreath = performance.now();
  }
  report(1);
}

/** `false` where the GPU has no room: the CPU gives the same result. */
async function resizedOnGpu(...args: Parameters<typeof resizeVolumeGpu>): Promise<boolean> {
  try {
    return await resizeVolumeGpu(...args);
  } catch (error) {
    if (error instanceof Error && error.name === 'GpuOutOfMemory') return false;
    throw error;
  }
}
