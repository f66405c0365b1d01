// A plan on a device: every buffer it will ever use, every pipeline, and the list of dispatches that one run replays.

import { allocate, arrayOf } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import { type Dispatch, encode, type GpuArray, type PreparedDispatch, prepare } from '@/gpu/dispatch';
import { type ParameterBuffers, type StateTensors, storeParameters } from './parameters';
import type { Plan } from './planBuilder';

/** One resident set of weights; several sets of one program share everything else. */
export interface ParameterSet {
  readonly bytes: number;
  /** Replaces all weights. Throws, and changes nothing, where a tensor is missing or has another shape. */
  write(state: StateTensors): void;
  destroy(): void;
}

export interface Program {
  readonly plan: Plan;
  /** Write these before `run`. They keep their values over runs. */
  readonly inputs: ReadonlyMap<string, GpuArray>;
  /** Valid from a run to the next. In the graph's order. */
  readonly outputs: readonly GpuArray[];
  readonly plannedBytes: number;
  /** Temporaries and all parameter sets that exist. */
  readonly allocatedBytes: number;
  readonly dispatchCount: number;
  /** Time that making pipelines and bind groups took, drivers that compile on first use included. */
  readonly compileMs: number;
  /** Loads weights into the program's own set, the one that `run()` uses. */
  setParameters(state: StateTensors): void;
  /** A further set, resident beside the others. */
  createParameters(state: StateTensors): Promise<ParameterSet>;
  /** Submits one run. Allocates and compiles nothing. */
  run(parameters?: ParameterSet): void;
  destroy(): void;
}

/**
 * Floating-point operations of one submit, at most (one dispatch may exceed it): a tenth of a second on a GPU of
 * 0.2 TFLOP/s, so that no driver takes a run for a hang and other work on the GPU gets its turn.
 */
const SUBMIT_FLOPS = 20e9;

/** Allocates and compiles. Throws `GpuOutOfMemory` where there is no room; nothing stays allocated then. */
export async function compileProgram(gpu: Gpu, plan: Plan): Promise<Program> {
  const slots: GPUBuffer[] = [];
  const sets = new Set<ResidentSet>();
  const destroy = () => {
    for (const set of sets) set.destroy();
    for (const slot of slots) slot.destroy();
  };
  try {
    for (const bytes of plan.memory.slotBytes) slots.push(await allocate(gpu, bytes, 'the network'));
    const tensors = tensorArrays(plan, slots);
    const addSet = async () => {
      const set = await residentSet(gpu, plan, tensors, (gone) => sets.delete(gone));
      sets.add(set);
      return set;
    };
    const startMs = performance.now();
    const own = await addSet();
    await warmUp(gpu, own.submits.flat());
    const compileMs = performance.now() - startMs;
    const slotBytes = slots.reduce((sum, { size }) => sum + size, 0);
    return {
      plan,
      inputs: new Map([...plan.inputs].map(([name, id]) => [name, tensors[id]])),
      outputs: plan.outputs.map((id) => tensors[id]),
      plannedBytes: plan.bytes.peak,
      get allocatedBytes() {
        return [...sets].reduce((sum, { bytes }) => sum + bytes, slotBytes);
      },
      dispatchCount: own.submits.flat().length,
      compileMs,
      setParameters: (state) => own.write(state),
      async createParameters(state) {
        const set = await addSet();
        try {
          set.write(state);
        } catch (error) {
          set.destroy();
          throw error;
        }
        return set;
      },
      run(parameters = own) {
        const set = [...sets].find((known) => known === parameters);
        if (!set) throw new Error('run: these parameters belong to another program, or are destroyed');
        submit(gpu, set.submits);
      },
      destroy,
    };
  } catch (error) {
    destroy();
    throw error;
  }
}

/** A set and the dispatches bound to it, by submit. */
interface ResidentSet extends ParameterSet {
  readonly submits: readonly (readonly PreparedDispatch[])[];
}

async function residentSet(
  gpu: Gpu,
  plan: Plan,
  tensors: readonly GpuArray[],
  onDestroy: (set: ResidentSet) => void,
): Promise<ResidentSet> {
  const parameters = await storeParameters(gpu, plan);
  try {
    const submits = await prepareSubmits(gpu, plan, tensors, parameters);
    const set: ResidentSet = {
      submits,
      bytes: parameters.bytes,
      write: parameters.write,
      destroy() {
        for (const { ownUniform } of submits.flat()) ownUniform?.destroy();
        parameters.destroy();
        onDestroy(set);
      },
    };
    return set;
  } catch (error) {
    parameters.destroy();
    throw error;
  }
}

function tensorArrays({ tensors, memory }: Plan, slots: readonly GPUBuffer[]): GpuArray[] {
  return tensors.map(({ size }, id) => {
    const { slot, offset } = memory.placements[id];
    return arrayOf(slots[slot], size, 'f32', offset);
  });
}

async function prepareSubmits(
  gpu: Gpu,
  plan: Plan,
  tensors: readonly GpuArray[],
  parameters: ParameterBuffers,
): Promise<PreparedDispatch[][]> {
  const arrays = { tensor: (id: number) => tensors[id], parameter: parameters.array };
  gpu.device.pushErrorScope('validation');
  const submits: PreparedDispatch[][] = [[]];
  let flops = 0;
  for (const step of plan.steps) {
    const dispatches: readonly Dispatch[] = step.launch(arrays);
    for (const dispatch of dispatches) {
      const cost = step.flops / dispatches.length;
      const isFull = flops > 0 && flops + cost > SUBMIT_FLOPS;
      if (isFull) submits.push([]);
      flops = isFull ? cost : flops + cost;
      submits[submits.length - 1].push(prepare(gpu, dispatch));
    }
  }
  const error = await gpu.device.popErrorScope();
  if (error) throw new Error(`compileProgram: ${error.message}`);
  return submits;
}

/** Launches one workgroup of each: some drivers compile only then. What it writes, no run reads. */
async function warmUp(gpu: Gpu, dispatches: readonly PreparedDispatch[]): Promise<void> {
  const small = dispatches.map((dispatch) => ({ ...dispatch, workgroups: [1, 1, 1] as const }));
  submit(gpu, [small]);
  await gpu.device.queue.onSubmittedWorkDone();
}

function submit(gpu: Gpu, submits: readonly (readonly PreparedDispatch[])[]): void {
  for (const dispatches of submits) {
    const encoder = gpu.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    encode(pass, dispatches);
    pass.end();
    gpu.device.queue.submit([encoder.finish()]);
  }
}
