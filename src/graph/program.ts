// A plan on a device: every buffer it will ever use, every pipeline, and the list of dispatches that one run replays.

import { allocate } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import type { GpuArray } from '@/gpu/dispatch';
import { type StateTensors, storeParameters } from './parameters';
import type { Plan } from './planBuilder';
import {
  prepareSteps,
  releaseSubmits,
  type Submits,
  submit,
  submitsOf,
  tensorArrays,
  warmUp,
} from './submits';

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
    const tensors = tensorArrays(plan, slots, () => {
      throw new Error('compileProgram: this plan is one for training');
    });
    const addSet = async () => {
      const set = await residentSet(gpu, plan, tensors, (gone) => sets.delete(gone));
      sets.add(set);
      return set;
    };
    const startMs = performance.now();
    const own = await addSet();
    await warmUp(gpu, own.submits);
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
  readonly submits: Submits;
}

async function residentSet(
  gpu: Gpu,
  plan: Plan,
  tensors: readonly GpuArray[],
  onDestroy: (set: ResidentSet) => void,
): Promise<ResidentSet> {
  const parameters = await storeParameters(gpu, plan);
  try {
    const steps = await prepareSteps(gpu, plan, {
      tensor: (id) => tensors[id],
      parameter: parameters.array,
      control: () => {
        throw new Error('compileProgram: this plan is one for training');
      },
      microBatch: 0,
    });
    const submits = submitsOf(steps);
    const set: ResidentSet = {
      submits,
      bytes: parameters.bytes,
      write: parameters.write,
      destroy() {
        releaseSubmits(submits);
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
