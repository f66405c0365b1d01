// Collects what nodes are lowered to, and places it in memory. Nothing is allocated.

import { BYTES_PER_ELEMENT, type Dispatch, type GpuArray } from '@/gpu/dispatch';
import type { Conv3dDevice, Conv3dKernel } from '@/kernels/conv3d';
import type { Conv3dShape } from '@/kernels/conv3dShape';
import type { WeightGradientKernel } from '@/kernels/conv3dWeightGradientLaunch';
import type { KernelLimits } from '@/kernels/ranges';
import type { FeatureDtype } from '@/kernels/storage';
import { elementCount } from '@/shared/geometry';
import { alignBytes, type MemoryPlan, type MemoryRequest, planMemory } from './memoryPlan';
import { OP_TRAITS } from './opTraits';
import type { Operand, ParameterId, Step, StepArrays, StepDraft, StoredParameter, TensorId } from './step';
import type { Graph, OpName, Value } from './value';

/** What planning asks of a device; a `Gpu` is one. */
export interface PlanDevice extends Conv3dDevice {
  readonly limits: KernelLimits & Pick<GPUSupportedLimits, 'maxBufferSize'>;
}

export interface PlanOptions {
  /** A measured choice of kernel, where there is one. */
  readonly tunedConv3d?: (shape: Conv3dShape) => Conv3dKernel | undefined;
  /** The same for gradients of weights. */
  readonly tunedWeightGradient?: (shape: Conv3dShape) => WeightGradientKernel | undefined;
  /** The weights change from run to run: they are kept as they are, and packed on the device before each use. */
  readonly areWeightsLearned?: boolean;
  /**
   * What feature maps and their gradients are stored as, f32 if left out. Arithmetic, inputs, parameters, their gradients,
   * statistics and sums are f32 in any case. Where it is f16 the device must have it (`hasF16`).
   */
  readonly storage?: FeatureDtype;
}

/** Bytes, exact: what the program will allocate. */
interface PlannedBytes {
  /** Inputs, outputs and everything between. */
  readonly temporaries: number;
  /** One set of parameters. */
  readonly parameters: number;
  /** Both. */
  readonly peak: number;
}

export interface PlannedTensor {
  readonly label: string;
  /** Elements. */
  readonly size: number;
  readonly dtype: FeatureDtype;
  /** The parameter whose gradient this is: it lies where the parameter does, in buffers of their own. */
  readonly gradientOf?: ParameterId;
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
  /** How many of them, the first, are the forward pass. */
  readonly forwardSteps: number;
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
  /** What else lasts until the next run, by name. */
  readonly kept: ReadonlyMap<string, TensorId>;
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
  private readonly rawParameters = new Map<Value, ParameterId>();
  private readonly kept = new Map<string, TensorId>();
  private readonly gradients = new Map<Value, ParameterId>();
  private readonly wholeInputs = new Map<Value, TensorId>();
  private forwardSteps: number | undefined;

  constructor(device: PlanDevice, options: PlanOptions) {
    if (options.storage === 'f16' && !device.facts.hasF16) {
      throw new Error('planGraph: this device has no f16');
    }
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

  /** Notes that `reader` is done; from then on its inputs may be overwritten by their last reader. */
  release(reader: Value): void {
    for (const value of reader.inputs) this.uses.set(value, (this.uses.get(value) ?? 0) - 1);
  }

  tunedConv3d(shape: Conv3dShape): Conv3dKernel | undefined {
    return this.options.tunedConv3d?.(shape);
  }

  tunedWeightGradient(shape: Conv3dShape): WeightGradientKernel | undefined {
    return this.options.tunedWeightGradient?.(shape);
  }

  /** Memory for `size` f32 elements. */
  addTensor(label: string, size: number): TensorId {
    return this.tensors.push({ label, size, dtype: 'f32' }) - 1;
  }

  /** Says that `value` is the gradient of a parameter, and belongs where gradients are kept. */
  keepGradient(value: Value, parameter: Value): void {
    this.gradients.set(value, this.rawParameter(parameter));
  }

  /** Memory that keeps what was written into it through all micro-batches, and until the next run. */
  addKeptTensor(name: string, size: number): TensorId {
    const tensor = this.addTensor(name, size);
    this.kept.set(name, tensor);
    return tensor;
  }

  /** Says that `value` is fed as part of `whole`. */
  feedAs(value: Value<'input'>, whole: TensorId): void {
    this.wholeInputs.set(value, whole);
  }

  /** A new tensor that holds `value`. */
  addValue(value: Value): TensorId {
    const size = elementCount(value.shape);
    const gradientOf = this.gradients.get(value);
    const dtype = this.isFeatureMap(value) ? (this.options.storage ?? 'f32') : 'f32';
    const tensor = { label: value.op, size, dtype, ...(gradientOf === undefined ? {} : { gradientOf }) };
    const id = this.tensors.push(tensor) - 1;
    this.tensorOfValue.set(value, id);
    return id;
  }

  /** Whether `value` is stored as feature maps are. */
  private isFeatureMap(value: Value): boolean {
    const { storage } = OP_TRAITS[value.op];
    switch (storage) {
      case 'featureMap':
        return true;
      case 'f32':
        return false;
      case 'asInputs':
        return value.inputs.every((input) => this.isFeatureMap(input));
      case 'nowhere':
        throw new Error(`planGraph: ${value.op} is held in no tensor, as OP_TRAITS says`);
    }
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

  /** What the elements of a tensor are stored as. */
  dtypeOf(tensor: TensorId): FeatureDtype {
    return this.tensors[tensor].dtype;
  }

  /** True where `value` has its place: a step wrote it out. */
  isHeld(value: Value): boolean {
    return this.tensorOfValue.has(value);
  }

  addParameter(parameter: StoredParameter): ParameterId {
    return this.parameters.push(parameter) - 1;
  }

  /** A learned tensor as it is, stored once. */
  rawParameter(value: Value): ParameterId {
    const known = this.rawParameters.get(value);
    if (known !== undefined) return known;
    const id = this.addParameter({
      source: { ...namedSource(value), pack: (data) => data },
      size: elementCount(value.shape),
    });
    this.rawParameters.set(value, id);
    return id;
  }

  /** The same for one that nothing learns. */
  frozenParameter(value: Value): void {
    const source = { ...namedSource(value), pack: (data: Float32Array) => data, isFrozen: true };
    this.rawParameters.set(value, this.addParameter({ source, size: elementCount(value.shape) }));
  }

  /** A vector as it is; where the network has none, `constant` throughout. */
  vectorParameter(value: Value | undefined, size: number, constant: number): ParameterId {
    return value ? this.rawParameter(value) : this.constantParameter(size, constant);
  }

  /** The same constants are stored once. */
  private constantParameter(size: number, constant: number): ParameterId {
    const known = this.parameters.findIndex(
      ({ source, size: other }) => 'constant' in source && source.constant === constant && other === size,
    );
    return known < 0 ? this.addParameter({ source: { constant }, size }) : known;
  }

  /** A weight in the order that a kernel reads. */
  packedWeight(op: OpName, value: Value, packing: WeightPacking): Operand {
    const { size, onHost, onDevice } = packing;
    if (!this.options.areWeightsLearned) {
      return { parameter: this.addParameter({ source: { ...namedSource(value), pack: onHost }, size }) };
    }
    const raw = this.rawParameter(value);
    const packed = this.addTensor('packed weight', size);
    this.addStep(op, {
      tensors: [packed],
      parameters: [raw],
      launch: ({ tensor, parameter }) => [onDevice(parameter(raw), tensor(packed))],
    });
    return { tensor: packed };
  }

  addStep(op: OpName, step: StepDraft): void {
    this.steps.push({ flops: 0, parameters: [], isPerMicroBatch: false, ...step, op });
  }

  /** Says that the steps added so far are the forward pass, not all of them. */
  endForward(): void {
    this.forwardSteps = this.steps.length;
  }

  finish(graph: Graph): Plan {
    const inputs = new Map(graph.inputs.map((value) => [value.attributes.name, this.inputTensor(value)]));
    const outputs = graph.outputs.map((value) => this.tensorOf(value));
    const requests = this.memoryRequests([...inputs.values(), ...this.kept.values()], outputs);
    const memory = planMemory(requests);
    const { placements, bufferBytes } = this.placeParameters();
    const temporaries = sum(memory.slotBytes);
    const parameters = sum(bufferBytes);
    return {
      graph,
      steps: this.steps,
      forwardSteps: this.forwardSteps ?? this.steps.length,
      tensors: this.tensors,
      requests,
      memory,
      parameters: this.parameters,
      parameterPlacements: placements,
      parameterBufferBytes: bufferBytes,
      inputs,
      outputs,
      kept: this.kept,
      flops: sum(this.steps.map(({ flops }) => flops)),
      bytes: { temporaries, parameters, peak: temporaries + parameters },
    };
  }

  private inputTensor(value: Value<'input'>): TensorId {
    return this.wholeInputs.get(value) ?? this.tensorOfValue.get(value) ?? this.addValue(value);
  }

  /**
   * Lifetimes. Inputs live always, so that a run can be repeated with other parameters, and so does what is kept; outputs
   * live until the next run.
   */
  private memoryRequests(lasting: readonly TensorId[], outputs: readonly TensorId[]): MemoryRequest[] {
    const end = this.steps.length;
    const stepsOf = this.tensors.map(() => new Set<number>());
    for (const [index, { tensors }] of this.steps.entries()) {
      for (const tensor of tensors) stepsOf[tensor].add(index);
    }
    return this.tensors.map(({ size, dtype, gradientOf }, tensor) => {
      if (gradientOf !== undefined) return { bytes: 0, firstStep: 0, lastStep: 0, steps: new Set<number>() };
      const steps = stepsOf[tensor];
      const firstStep = lasting.includes(tensor) ? 0 : Math.min(...steps);
      const lastStep = lasting.includes(tensor) || outputs.includes(tensor) ? end : Math.max(...steps);
      return { bytes: size * BYTES_PER_ELEMENT[dtype], firstStep, lastStep, steps };
    });
  }

  /** What is learned comes first, in buffers of its own: an optimiser changes whole buffers. Then what is not. */
  private placeParameters(): { placements: ParameterPlacement[]; bufferBytes: number[] } {
    const capacity = Math.min(PARAMETER_BUFFER_BYTES, this.device.limits.maxBufferSize);
    const bufferBytes: number[] = [];
    const placements: ParameterPlacement[] = new Array(this.parameters.length);
    const place = (ids: readonly ParameterId[]) => {
      let room = 0;
      for (const id of ids) {
        const bytes = alignBytes(this.parameters[id].size * 4);
        if (bytes > room) {
          bufferBytes.push(0);
          room = capacity;
        }
        const buffer = bufferBytes.length - 1;
        placements[id] = { buffer, offset: bufferBytes[buffer] };
        bufferBytes[buffer] += bytes;
        room -= bytes;
      }
    };
    const ids = [...this.parameters.keys()];
    const isLearned = (id: ParameterId) => isLearnedSource(this.parameters[id].source);
    const isConstant = (id: ParameterId) => 'constant' in this.parameters[id].source;
    const frozen = ids.filter((id) => !isLearned(id) && !isConstant(id));
    place(ids.filter(isLearned));
    place([...frozen, ...ids.filter(isConstant)]);
    return { placements, bufferBytes };
  }
}

/** Turns a node into steps. */
export type Lowering<Op extends OpName> = (value: Value<Op>, builder: PlanBuilder) => void;

/** How a weight gets into a kernel's order. */
export interface WeightPacking {
  /** Elements, packed. */
  readonly size: number;
  readonly onHost: (data: Float32Array) => Float32Array;
  readonly onDevice: (raw: GpuArray, packed: GpuArray) => Dispatch;
}

/** The tensors and parameters that operands stand for, as a step names them. */
export function operandsOf(operands: readonly (Operand | undefined)[]): {
  tensors: TensorId[];
  parameters: ParameterId[];
} {
  const present = operands.filter((operand) => operand !== undefined);
  return {
    tensors: present.flatMap((operand) => ('tensor' in operand ? [operand.tensor] : [])),
    parameters: present.flatMap((operand) => ('parameter' in operand ? [operand.parameter] : [])),
  };
}

/** The array of an operand. */
export function arrayOfOperand(operand: Operand, { tensor, parameter }: StepArrays): GpuArray {
  return 'tensor' in operand ? tensor(operand.tensor) : parameter(operand.parameter);
}

/** Whether an optimiser may change what is stored. */
export function isLearnedSource(source: StoredParameter['source']): boolean {
  return 'name' in source && !source.isFrozen;
}

function namedSource(value: Value): { readonly name: string; readonly shape: readonly number[] } {
  if (value.op !== 'parameter') throw new Error(`planGraph: ${value.op} where a parameter is expected`);
  return { name: value.attributes.name, shape: value.shape };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
