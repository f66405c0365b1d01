// One set of weights on the device, laid out as the plan's kernels read them.

import { allocate, arrayOf } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import type { GpuArray } from '@/gpu/dispatch';
import { StudioError } from '@/shared/errors';
import { formatShape } from '@/shared/geometry';
import type { Plan } from './planBuilder';
import type { ParameterId, StoredParameter } from './step';

/** Tensors by state_dict name, row-major. Those a network does not know are left alone. */
export type StateTensors = ReadonlyMap<
  string,
  { readonly shape: readonly number[]; readonly data: Float32Array }
>;

export interface ParameterBuffers {
  readonly bytes: number;
  array(id: ParameterId): GpuArray;
  write(state: StateTensors): void;
  destroy(): void;
}

/** Allocates a set; weights are 0 until written. Throws `GpuOutOfMemory`. */
export async function storeParameters(gpu: Gpu, plan: Plan): Promise<ParameterBuffers> {
  const buffers: GPUBuffer[] = [];
  const destroy = () => {
    for (const buffer of buffers) buffer.destroy();
  };
  try {
    for (const bytes of plan.parameterBufferBytes) {
      buffers.push(await allocate(gpu, bytes, "the network's weights"));
    }
  } catch (error) {
    destroy();
    throw error;
  }
  const array = (id: ParameterId) => {
    const { buffer, offset } = plan.parameterPlacements[id];
    return arrayOf(buffers[buffer], plan.parameters[id].size, 'f32', offset);
  };
  const write = (state: StateTensors) => {
    for (const { source } of plan.parameters) {
      if ('name' in source) expectTensor(state, source.name, source.shape);
    }
    for (const [id, parameter] of plan.parameters.entries()) {
      const { buffer, offset } = array(id);
      gpu.device.queue.writeBuffer(
        buffer,
        offset,
        storedData(parameter, state) as GPUAllowSharedBufferSource,
      );
    }
  };
  return { bytes: buffers.reduce((sum, { size }) => sum + size, 0), array, write, destroy };
}

function storedData({ source, size }: StoredParameter, state: StateTensors): Float32Array {
  if (!('name' in source)) return new Float32Array(size).fill(source.constant);
  return source.pack(expectTensor(state, source.name, source.shape));
}

/** The tensor's data. Throws, naming it, unless it is there in this shape, or in that shape without a depth of 1. */
function expectTensor(state: StateTensors, name: string, shape: readonly number[]): Float32Array {
  const found = state.get(name);
  if (!found) {
    throw new StudioError(
      'WeightMissing',
      `The weights have no tensor ${name} (${formatShape(shape)}).`,
      'They belong to a network of another architecture; check that plans and checkpoint come from the same model.',
    );
  }
  if (!hasShape(found.shape, shape)) {
    throw new StudioError(
      'WeightShape',
      `The weights' tensor ${name} is ${formatShape(found.shape)}, but this network needs ${formatShape(shape)}.`,
      'They belong to a network of another architecture; check that plans and checkpoint come from the same model.',
    );
  }
  return found.data;
}

/** 2D networks store `[out, in, ky, kx]` where ours, of depth 1, have `[out, in, 1, ky, kx]`. */
function hasShape(found: readonly number[], expected: readonly number[]): boolean {
  const isFlat = found.length === 4 && expected.length === 5 && expected[2] === 1;
  const actual = isFlat ? [found[0], found[1], 1, found[2], found[3]] : found;
  return actual.length === expected.length && actual.every((size, axis) => size === expected[axis]);
}
