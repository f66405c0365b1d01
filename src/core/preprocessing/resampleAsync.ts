// Resampling that a person can watch and stop: on the GPU where that wins, on the CPU in short steps otherwise.

import type { Gpu } from '@/gpu/device';
import { yieldToEventLoop } from '@/shared/concurrency';
import type { Zyx } from '@/shared/geometry';
import { elementCount } from '@/shared/geometry';
import { fromPlanOrder, planResample, type ResampleRequest, toPlanOrder } from './resampling';
import { type ResizeMethod, resizeVolumeSteps } from './resizeVolume';
import { type OnShare, resizeVolumeGpu } from './resizeVolumeGpu';

/** Where and how observably resampling runs. */
export interface ResampleOptions {
  readonly gpu?: Gpu | undefined;
  /** Voxels, input and output together, from which the GPU is used; left out, it is used where it is faster. */
  readonly gpuFromVoxels?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Share that is done, 0…1. */
  readonly onProgress?: OnShare | undefined;
}

/** Smaller volumes take the CPU a few milliseconds. */
const GPU_FROM_VOXELS = 2 ** 20;

/**
 * An adapter in software shares the CPU's cores, and the CPU path's recursive filter does a fraction of the work:
 * 512 × 512 × 200 voxels to 1.5 mm took it 2.0 s, and Mesa's software Vulkan 7.2 s, on the same two cores.
 */
function fewestVoxelsForGpu({ facts }: Gpu): number {
  return facts.isSoftware ? Number.POSITIVE_INFINITY : GPU_FROM_VOXELS;
}

/** How long the CPU path works before it lets messages through, among them the one that stops it. */
const BREATH_MS = 40;

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
  { gpu, gpuFromVoxels, signal, onProgress }: ResampleOptions,
): Promise<void> {
  const report: OnShare = (share) => {
    signal?.throwIfAborted();
    onProgress?.(share);
  };
  report(0);
  const voxels = elementCount(shape) + elementCount(newShape);
  if (gpu && voxels >= (gpuFromVoxels ?? fewestVoxelsForGpu(gpu))) {
    if (await resizedOnGpu(gpu, source, shape, target, newShape, method, report)) return;
  }
  let lastBreath = performance.now();
  for (const share of resizeVolumeSteps(source, shape, target, newShape, method)) {
    if (performance.now() - lastBreath < BREATH_MS) continue;
    await yieldToEventLoop();
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
