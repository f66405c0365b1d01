// From planned steps to what a run replays.

import { arrayOf } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import {
  type Dispatch,
  type GpuArray,
  type PreparedDispatch,
  prepare,
  submitDispatches,
} from '@/gpu/dispatch';
import type { Plan } from './planBuilder';
import type { Step, StepArrays } from './step';

/** Dispatches that go to the queue together, each submit after the other. */
export type Submits = readonly (readonly PreparedDispatch[])[];

/**
 * Floating-point operations of one submit, at most (one dispatch may exceed it): a tenth of a second on a GPU of
 * 0.2 TFLOP/s, so that no driver takes a run for a hang and other work on the GPU gets its turn.
 */
const SUBMIT_FLOPS = 20e9;

/** A step, compiled and bound. */
export interface PreparedStep {
  readonly flops: number;
  readonly dispatches: readonly PreparedDispatch[];
  /** See {@link Step.evaluate}. */
  readonly evaluating: readonly PreparedDispatch[];
  /** See {@link Step.conclude}. */
  readonly concluding: readonly PreparedDispatch[];
}

/**
 * Compiles and binds the plan's steps. Throws where the device refuses one. `ofOther`: the same for another micro-batch;
 * what does not depend on it is shared.
 */
export async function prepareSteps(
  gpu: Gpu,
  { steps }: Plan,
  arrays: StepArrays,
  ofOther?: readonly PreparedStep[],
): Promise<readonly PreparedStep[]> {
  gpu.device.pushErrorScope('validation');
  const prepareAll = (dispatches: readonly Dispatch[] = []) =>
    dispatches.map((dispatch) => prepare(gpu, dispatch));
  const prepareStep = (step: Step): PreparedStep => ({
    flops: step.flops,
    dispatches: prepareAll(step.launch(arrays)),
    evaluating: prepareAll(step.evaluate?.(arrays)),
    concluding: prepareAll(step.conclude?.(arrays)),
  });
  const prepared = steps.map((step, i) =>
    ofOther && !step.isPerMicroBatch ? ofOther[i] : prepareStep(step),
  );
  const error = await gpu.device.popErrorScope();
  if (error) throw new Error(`compileProgram: ${error.message}`);
  return prepared;
}

/** The steps' dispatches, in submits that are short enough. */
export function submitsOf(steps: readonly PreparedStep[]): Submits {
  const submits: PreparedDispatch[][] = [[]];
  let flops = 0;
  for (const step of steps) {
    const cost = step.flops / step.dispatches.length;
    for (const dispatch of step.dispatches) {
      const isFull = flops > 0 && flops + cost > SUBMIT_FLOPS;
      if (isFull) submits.push([]);
      flops = isFull ? cost : flops + cost;
      submits[submits.length - 1].push(dispatch);
    }
  }
  return submits;
}

/** Launches one workgroup of each: some drivers compile only then. What it writes, no run may read. */
export async function warmUp(gpu: Gpu, submits: Submits): Promise<void> {
  const small = [...new Set(submits.flat())].map((dispatch) => ({
    ...dispatch,
    workgroups: [1, 1, 1] as const,
  }));
  submit(gpu, [small]);
  await gpu.device.queue.onSubmittedWorkDone();
}

export function submit(gpu: Gpu, submits: Submits): void {
  for (const dispatches of submits) submitDispatches(gpu, dispatches);
}

/** Frees what preparing made. */
export function releaseSubmits(submits: Submits): void {
  for (const { ownUniform } of submits.flat()) ownUniform?.destroy();
}

/** Where the plan's tensors lie in its buffers; gradients of parameters lie elsewhere. */
export function tensorArrays(
  { tensors, memory }: Plan,
  slots: readonly GPUBuffer[],
  gradientArray: (parameter: number) => GpuArray,
): GpuArray[] {
  return tensors.map(({ size, dtype, gradientOf }, id) => {
    if (gradientOf !== undefined) return gradientArray(gradientOf);
    const { slot, offset } = memory.placements[id];
    return arrayOf(slots[slot], size, dtype, offset);
  });
}
