// Collects what nodes are lowered to, and places it in memory. Nothing is allocated.

import type { Conv3dDevice, Conv3dKernel } from '@/kernels/conv3d';
import type { Conv3dShape } from '@/kernels/conv3dShape';
import type { KernelLimits } from '@/kernels/ranges';
import { elementCount } from '@/shared/geometry';
import { countFlops } from './flops';
import { alignBytes, type MemoryPlan, type MemoryRequest, planMemory } from './memoryPlan';
import type { ParameterId, Step, StepDraft, StoredParameter, TensorId } from './step';
import type { Graph, OpName, Value } from './value';

/** What planning asks of a device; a `Gpu` is one. */
export interface PlanDevice extends Conv3dDevice {
  readonly limits: KernelLimits & Pick<GPUSupportedLimits, 'maxBufferSize'>;
}

export interface PlanOptions {
  /** A measured choice of kernel, where there is one. */
  readonly tunedConv3d?: (shape: Conv3dShape) => Conv3dKernel | undefined;
}

/** Bytes, exact: what the program will allocate. */
export interface PlannedBytes {
  /** Inputs, outputs and everything between. */
  readonly temporaries: number;
  /** One set of parameters. */
  readonly parameters: number;
  /** Both. */
  readonly peak: number;
}

export interface PlannedTensor {
  readonly label: string;
  /** Elements, f32. */
  readonly size: number;
}

/** Where a stored parameter lies in a parameter set. */
export interface ParameterPlacement {
  readonly buffer: number;
  /** Bytes. */
  readonly offset: number;
}

/** Everything a program needs to know. */
export interface Plan {
  readonly graph: Graph;
  readonly steps: readonly Step[];
  readonly tensors: readonly PlannedTensor[];
  readonly requests: readonly MemoryRequest[];
  readonly memory: MemoryPlan;
  readonly parameters: readonly StoredParameter[];
  readonly parameterPlacements: readonly ParameterPlacement[];
  readonly parameterBufferBytes: readonly number[];
  /** By the inputs' names. */
  readonly inputs: ReadonlyMap<string, TensorId>;
  /** In the graph's order. */
  readonly outputs: readonly TensorId[];
  /** Floating-point operations of one run, in convolutions. */
  readonly flops: number;
  readonly bytes: PlannedBytes;
}

/** Largest buffer that parameters are gathered in. */
const PARAMETER_BUFFER_BYTES = 256 * 2 ** 20;

/** Collects steps, tensors and parameters while nodes are lowered. */
export class PlanBuilder {
  readonly device: PlanDevice;
  private readonly options: PlanOptions;
  private readonly steps: Step[] = [];
  private readonly tensors: PlannedTensor[] = [];
  private readonly tensorOfValue = new Map<Value, TensorId>();
  private readonly parameters: StoredParameter[] = [];
  private readonly uses = new Map<Value, number>();

  constructor(device: PlanDevice, options: PlanOptions) {
    this.device = device;
    this.options = options;
  }

  /** Notes how often each value is read; being an output is a use. */
  countUses(order: readonly Value[], outputs: readonly Value[]): void {
    const reads = [...order.flatMap(({ inputs }) => inputs), ...outputs];
    for (const value of reads) this.uses.set(value, (this.uses.get(value) ?? 0) + 1);
  }

  /** True where the one reader of `value` may overwrite it. */
  isReadOnce(value: Value): boolean {
    return value.op !== 'input' && this.uses.get(value) === 1;
  }

  tunedConv3d(shape: Conv3dShape): Conv3dKernel | undefined {
    return this.options.tunedConv3d?.(shape);
  }

  /** Memory for `size` f32 elements. */
  addTensor(label: string, size: number): TensorId {
    return this.tensors.push({ label, size }) - 1;
  }

  /** A new tensor that holds `value`. */
  addValue(value: Value): TensorId {
    const tensor = this.addTensor(value.op, elementCount(value.shape));
    this.tensorOfValue.set(value, tensor);
    return tensor;
  }

  /** Lets `value` live where `tensor` is: computed in place. */
  aliasValue(value: Value, tensor: TensorId): void {
    this.tensorOfValue.set(value, tensor);
  }

  /** Where `value` is held. */
  tensorOf(value: Value): TensorId {
    const tensor = this.tensorOfValue.get(value);
    if (tensor === undefined) throw new Error(`planGraph: ${value.op} is read as a feature map, but is none`);
    return tensor;
  }

  /** True where a step wrote `value` out. */
  isHeld(value: Value): boolean {
    return this.tensorOfValue.has(value);
  }

  addParameter(parameter: StoredParameter): ParameterId {
    return this.parameters.push(parameter) - 1;
  }

  addStep(op: OpName, step: StepDraft): void {
    this.steps.push({ flops: 0, parameters: [], ...step, op });
  }

  finish(graph: Graph): Plan {
    const inputs = new Map(graph.inputs.map((value) => [value.attributes.name, this.inputTensor(value)]));
    const outputs = graph.outputs.map((value) => this.tensorOf(value));
    const requests = this.memoryRequests([...inputs.values()], outputs);
    const memory = planMemory(requests);
    const { placements, bufferBytes } = this.placeParameters();
    const temporaries = sum(memory.slotBytes);
    const parameters = sum(bufferBytes);
    return {
      graph,
      steps: this.steps,
      tensors: this.tensors,
      requests,
      memory,
      parameters: this.parameters,
      parameterPlacements: placements,
      parameterBufferBytes: bufferBytes,
      inputs,
      outputs,
      flops: countFlops(graph),
      bytes: { temporaries, parameters, peak: temporaries + parameters },
    };
  }

  private inputTensor(value: Value<'input'>): TensorId {
    return this.tensorOfValue.get(value) ?? this.addValue(value);
  }

  /**
   * Lifetimes. Inputs live always, so that a run can be repeated with other parameters; outputs live until the next run.
   */
  private memoryRequests(inputs: readonly TensorId[], outputs: readonly TensorId[]): MemoryRequest[] {
    const end = this.steps.length;
    const stepsOf = this.tensors.map(() => new Set<number>());
    for (const [index, { tensors }] of this.steps.entries()) {
      for (const tensor of tensors) stepsOf[tensor].add(index);
    }
    return this.tensors.map(({ size }, tensor) => {
      const steps = stepsOf[tensor];
      const firstStep = inputs.includes(tensor) ? 0 : Math.min(...steps);
      const lastStep = inputs.includes(tensor) || outputs.includes(tensor) ? end : Math.max(...steps);
      return { bytes: size * 4, firstStep, lastStep, steps };
    });
  }

  private placeParameters(): { placements: ParameterPlacement[]; bufferBytes: number[] } {
    const capacity = Math.min(PARAMETER_BUFFER_BYTES, this.device.limits.maxBufferSize);
    const bufferBytes: number[] = [];
    const placements = this.parameters.map(({ size }) => {
      const bytes = alignBytes(size * 4);
      const last = bufferBytes.length - 1;
      if (last < 0 || bufferBytes[last] + bytes > capacity) bufferBytes.push(0);
      const buffer = bufferBytes.length - 1;
      const offset = bufferBytes[buffer];
      bufferBytes[buffer] += bytes;
      return { buffer, offset };
    });
    return { placements, bufferBytes };
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
