// A network that learns, on a device: forward, losses, backward and the optimiser as one list of dispatches.

import { allocate, arrayOf, readback, readFloats } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import { type Dispatch, type GpuArray, type PreparedDispatch, prepare } from '@/gpu/dispatch';
import {
  type HardCounts,
  hardCountsDispatches,
  hardCountsScratchSize,
  hardCountsSize,
  readHardCounts,
} from '@/kernels/losses/hardCounts';
import type { LossOptions } from '@/kernels/losses/lossOptions';
import {
  IS_EVALUATING_BYTES,
  LEARNING_RATE_BYTES,
  OPTIMISER_CONTROL_SIZE,
  type OptimiserControl,
  readControl,
  writeControl,
} from '@/kernels/optimisers/control';
import {
  gradientNormPartialsSize,
  type OptimiserArena,
  optimiserDispatches,
} from '@/kernels/optimisers/optimiser';
import { type LossScaling, type Optimiser, optimiserStateCount } from '@/kernels/optimisers/optimiserOptions';
import { elementCount } from '@/shared/geometry';
import { differentiate } from './differentiate';
import { cutBatch, whyWholeBatch, withBatch } from './microBatches';
import { lossGradient, targetInput } from './ops/lossGradient';
import { type ParameterBuffers, type StateTensors, storeParameters } from './parameters';
import { planTraining } from './plan';
import { isLearnedSource, type Plan, type PlanDevice, type PlanOptions } from './planBuilder';
import type { StepArrays } from './step';
import {
  type PreparedStep,
  prepareSteps,
  releaseSubmits,
  type Submits,
  submit,
  submitsOf,
  tensorArrays,
  warmUp,
} from './submits';
import { trainingGraph } from './trainingGraph';
import { featureMapOf, type Graph } from './value';

/** How a network is trained. */
export interface TrainingSetup {
  /** Its outputs are the heads that the loss evaluates. */
  readonly graph: Graph;
  readonly loss: LossOptions;
  /** One per head; a head of weight 0 gets no gradient. */
  readonly headWeights: readonly number[];
  readonly optimiser: Optimiser;
  /** Of all gradients together; `undefined` never clips. */
  readonly clipNorm: number | undefined;
  /** `undefined`: gradients are not scaled. */
  readonly lossScaling: LossScaling | undefined;
  /** Also the gradient with respect to the network's input, the last of the outputs. */
  readonly ofInputs?: boolean;
  /** Of dropout's masks: a whole number below 2³², 0 if left out. */
  readonly dropoutSeed?: number;
}

/** A setup planned for a device. Nothing is allocated yet. */
export interface TrainingPlan {
  readonly setup: TrainingSetup;
  readonly plan: Plan;
  /** Equal parts of the batch that go through the network one after the other; `plan` is of one. */
  readonly microBatches: number;
  /** Every micro-batch is evaluated before the first gradient: all but one go forward twice. */
  readonly isLossFirst: boolean;
  /** Floating-point operations of a step, in convolutions. */
  readonly flops: number;
  /** Names of the targets to feed, by head; none where the weight is 0. */
  readonly targets: readonly (string | undefined)[];
  /** Buffers that hold parameters that are learned, elements. */
  readonly arenaSizes: readonly number[];
  readonly bytes: {
    /** Inputs, kept feature maps, gradients of feature maps, scratch. */
    readonly temporaries: number;
    /** Parameters, their gradients and what the optimiser keeps. */
    readonly parameters: number;
    /** Everything the program will allocate. */
    readonly peak: number;
  };
}

export interface TrainingPlanOptions extends PlanOptions {
  /** Samples that go through the network at once, a divisor of the batch; the whole batch if left out. */
  readonly microBatch?: number;
}

/**
 * Plans a training step. Micro-batches take less memory: gradients are added up over them, and where the loss is not the
 * mean of the samples' losses ({@link isMeanOverSamples}) they all go forward first for its sums. Loss and gradients are
 * the whole batch's, dropout drops the same; only roundings differ. Throws for micro-batches of a network with batch
 * norm, whose statistics are the whole batch's, and where the gradient of the input is asked for.
 */
export function planTrainingStep(
  setup: TrainingSetup,
  device: PlanDevice,
  { microBatch, ...options }: TrainingPlanOptions = {},
): TrainingPlan {
  const { count: microBatches, samples } = cutBatch(setup.graph, microBatch);
  const traced = microBatches > 1 ? withBatch(setup.graph, samples) : setup.graph;
  const graph = trainingGraph(traced, { dropoutSeed: setup.dropoutSeed ?? 0 });
  const reason = microBatches > 1 ? whyWholeBatch(setup) : undefined;
  if (reason !== undefined) throw new Error(`planTrainingStep: no micro-batches, ${reason}`);
  const evaluated = graph.outputs.map((logits, head) => {
    const weight = setup.headWeights[head];
    if (weight === 0) return undefined;
    const target = targetInput(`target ${head}`, logits, setup.loss, microBatches);
    const loss = { options: setup.loss, weight, name: lossName(head), microBatches };
    return { target, seed: lossGradient(logits, target, loss) };
  });
  const seeds = evaluated.map((head) => head?.seed);
  const gradients = differentiate(graph, seeds, { ofInputs: setup.ofInputs ?? false });
  const fed = evaluated.flatMap((head) => head?.target ?? []);
  const plan = planTraining({ graph, fed, gradients, microBatches }, device, options);
  const isLossFirst = plan.steps.some(({ conclude }) => conclude !== undefined);
  const arenaSizes = plan.parameterBufferBytes
    .filter((_, buffer) => isLearned(plan, buffer))
    .map((bytes) => bytes / 4);
  const { temporaries, parameters } = plan.bytes;
  const copies = 1 + optimiserStateCount(setup.optimiser);
  const learned = 4 * arenaSizes.reduce((sum, size) => sum + size, 0);
  const counting = [countsSize(setup), ...countsScratchSizes(setup, plan, device)];
  const small =
    4 *
    counting.reduce(
      (total, size) => total + size,
      OPTIMISER_CONTROL_SIZE + gradientNormPartialsSize(arenaSizes),
    );
  const allParameters = parameters + copies * learned + small;
  return {
    setup,
    plan,
    microBatches,
    isLossFirst,
    flops: microBatches * plan.flops + (isLossFirst ? (microBatches - 1) * forwardFlops(plan) : 0),
    targets: evaluated.map((head) => head?.target.attributes.name),
    arenaSizes,
    bytes: { temporaries, parameters: allParameters, peak: temporaries + allParameters },
  };
}

function forwardFlops({ steps, forwardSteps }: Plan): number {
  return steps.slice(0, forwardSteps).reduce((sum, { flops }) => sum + flops, 0);
}

function lossName(head: number): string {
  return `loss ${head}`;
}

function isLearned({ parameters, parameterPlacements }: Plan, buffer: number): boolean {
  return parameters.some(
    ({ source }, id) => isLearnedSource(source) && parameterPlacements[id].buffer === buffer,
  );
}

/** Everything besides the weights that a run goes on from. */
export interface OptimiserState {
  readonly control: OptimiserControl;
  /** What the optimiser keeps, by parameter, in its own order (momentum; first and second moments, …). */
  readonly states: readonly StateTensors[];
}

export interface TrainingProgram {
  readonly planned: TrainingPlan;
  /** `[n, c, z, y, x]`; write it before a step. */
  readonly inputs: ReadonlyMap<string, GpuArray>;
  /** Packed targets by head, u32; write them before a step. */
  readonly targets: readonly (GpuArray | undefined)[];
  /** Logits of the last forward pass, by head, stored as the plan says: with micro-batches, of the last of them. */
  readonly outputs: readonly GpuArray[];
  readonly allocatedBytes: number;
  readonly dispatchCount: number;
  readonly compileMs: number;
  /** Submits one step. Allocates, compiles and reads back nothing. */
  step(learningRate: number): void;
  /** Forward, losses and backward without the update; batch norms renew their running statistics. */
  computeGradients(): void;
  /**
   * Forward and losses as in inference: batch norm by running statistics, no dropout. The finest head's hard predictions
   * are added to the counts.
   */
  evaluate(): void;
  /** Of the predictions since the counts were cleared, by class or region; the background is the first class. */
  readCounts(): Promise<HardCounts>;
  clearCounts(): void;
  /** Loss of the last step: the heads' losses times their weights. */
  readLoss(): Promise<number>;
  readControl(): Promise<OptimiserControl>;
  setParameters(state: StateTensors): void;
  /** Those that are not learned among them. */
  readParameters(): Promise<StateTensors>;
  /** Of the parameters that are learned. */
  readGradients(): Promise<StateTensors>;
  readOptimiser(): Promise<OptimiserState>;
  setOptimiser(state: OptimiserState): void;
  destroy(): void;
}

/** Allocates and compiles. Throws `GpuOutOfMemory` where there is no room; nothing stays allocated then. */
export async function compileTraining(gpu: Gpu, planned: TrainingPlan): Promise<TrainingProgram> {
  const { plan, setup, arenaSizes } = planned;
  const owned: GPUBuffer[] = [];
  const buffers = async (sizes: readonly number[], label: string): Promise<GpuArray[]> => {
    const arrays: GpuArray[] = [];
    for (const size of sizes) {
      const buffer = await allocate(gpu, size * 4, label);
      owned.push(buffer);
      arrays.push(arrayOf(buffer, size));
    }
    return arrays;
  };
  let parameters: ParameterBuffers | undefined;
  let submits: readonly Submits[] = [];
  const destroy = () => {
    for (const each of submits) releaseSubmits(each);
    parameters?.destroy();
    for (const buffer of owned) buffer.destroy();
  };
  try {
    const startMs = performance.now();
    const slots = await buffers(
      plan.memory.slotBytes.map((bytes) => bytes / 4),
      'training',
    );
    parameters = await storeParameters(gpu, plan);
    const gradients = await buffers(arenaSizes, 'gradients');
    const states: GpuArray[][] = [];
    for (let s = 0; s < optimiserStateCount(setup.optimiser); s++) {
      states.push(await buffers(arenaSizes, 'the optimiser'));
    }
    const [control] = await buffers([OPTIMISER_CONTROL_SIZE], 'the optimiser');
    const [partials] = await buffers([gradientNormPartialsSize(arenaSizes)], 'the optimiser');
    const like = (arrays: readonly GpuArray[]) => (id: number) => {
      const { buffer, offset } = plan.parameterPlacements[id];
      return { ...arrays[buffer], offset, size: plan.parameters[id].size };
    };
    const tensors = tensorArrays(
      plan,
      slots.map(({ buffer }) => buffer),
      like(gradients),
    );
    const { array } = parameters;
    const arenas: OptimiserArena[] = arenaSizes.map((size, arena) => ({
      parameters: arrayOf(array(firstIn(plan, arena)).buffer, size),
      gradients: gradients[arena],
      states: states.map((state) => state[arena]),
    }));
    const [counts] = await buffers([countsSize(setup)], 'counts');
    const [countsScratch] = await buffers(countsScratchSizes(setup, plan, gpu), 'counts');
    const passes: Pass[] = [];
    for (let microBatch = 0; microBatch < planned.microBatches; microBatch++) {
      const arrays: StepArrays = {
        tensor: (id) => tensors[id],
        parameter: array,
        control: () => control,
        microBatch,
      };
      const steps = await prepareSteps(gpu, plan, arrays, passes[0]?.steps);
      const counting = hardCounting(planned, gpu, arrays, { counts, scratch: countsScratch });
      passes.push({ steps, counting: counting.map((dispatch) => prepare(gpu, dispatch)) });
    }
    const update = optimiserDispatches({
      optimiser: setup.optimiser,
      arenas,
      control,
      partials,
      clipNorm: setup.clipNorm,
      lossScaling: setup.lossScaling,
      limits: gpu.limits,
    }).map((dispatch) => prepare(gpu, dispatch));
    const learning = learningSubmits(planned, passes);
    const evaluating = evaluationSubmits(planned, passes);
    submits = [learning, [update], evaluating];
    // Nothing is learned from the garbage that warming up computes: it runs on zeros, and all is written again.
    await warmUp(gpu, [...learning, update, ...evaluating]);
    const write = (target: GpuArray, data: Float32Array) =>
      gpu.device.queue.writeBuffer(target.buffer, target.offset, data as GPUAllowSharedBufferSource);
    const clear = (arrays: readonly GpuArray[]) => {
      const encoder = gpu.device.createCommandEncoder();
      for (const { buffer } of arrays) encoder.clearBuffer(buffer);
      gpu.device.queue.submit([encoder.finish()]);
    };
    clear([...gradients, ...states.flat(), counts]);
    const lossScale = setup.lossScaling?.initialScale ?? 1;
    write(control, writeControl({ lossScale, learningRate: 0 }));
    const compileMs = performance.now() - startMs;

    const named = plan.parameters.flatMap(({ source }, id) => ('name' in source ? [{ id, ...source }] : []));
    const learned = named.filter(isLearnedSource);
    const readAll = async (
      wanted: typeof named,
      arrayFor: (id: number) => GpuArray,
    ): Promise<StateTensors> => {
      const tensorsByName = new Map<string, { shape: readonly number[]; data: Float32Array }>();
      for (const { id, name, shape } of wanted) {
        tensorsByName.set(name, { shape, data: await readFloats(gpu, arrayFor(id)) });
      }
      return tensorsByName;
    };
    const learningRateBytes = new Float32Array(1);
    const setEvaluating = (flag: 0 | 1) =>
      gpu.device.queue.writeBuffer(
        control.buffer,
        control.offset + IS_EVALUATING_BYTES,
        Float32Array.of(flag),
      );
    return {
      planned,
      inputs: new Map([...plan.inputs].map(([name, id]) => [name, tensors[id]])),
      targets: planned.targets.map((name) => {
        const id = name === undefined ? undefined : plan.inputs.get(name);
        return id === undefined ? undefined : tensors[id];
      }),
      outputs: plan.outputs.map((id) => tensors[id]),
      allocatedBytes: owned.reduce((sum, { size }) => sum + size, parameters.bytes),
      dispatchCount: learning.flat().length + update.length,
      compileMs,
      step(learningRate) {
        learningRateBytes[0] = learningRate;
        gpu.device.queue.writeBuffer(control.buffer, control.offset + LEARNING_RATE_BYTES, learningRateBytes);
        submit(gpu, learning);
        submit(gpu, [update]);
      },
      computeGradients: () => submit(gpu, learning),
      evaluate() {
        setEvaluating(1);
        submit(gpu, evaluating);
        setEvaluating(0);
      },
      readCounts: async () => readHardCounts(new Uint32Array(await readback(gpu, counts))),
      clearCounts: () => clear([counts]),
      async readLoss() {
        let loss = 0;
        for (const [head, weight] of setup.headWeights.entries()) {
          const id = plan.kept.get(lossName(head));
          if (id === undefined) continue;
          const sums = await readFloats(gpu, tensors[id]);
          const parts = planned.isLossFirst ? 1 : planned.microBatches;
          for (let part = 0; part < parts; part++) {
            loss += (weight / parts) * sums[(part * sums.length) / parts];
          }
        }
        return loss;
      },
      readControl: async () => readControl(await readFloats(gpu, control)),
      setParameters: parameters.write,
      readParameters: () => readAll(named, array),
      readGradients: () => readAll(learned, like(gradients)),
      async readOptimiser() {
        const kept: StateTensors[] = [];
        for (const state of states) kept.push(await readAll(learned, like(state)));
        return { control: readControl(await readFloats(gpu, control)), states: kept };
      },
      setOptimiser(state) {
        write(control, writeControl(state.control));
        for (const [s, arrays] of states.entries()) {
          for (const { id, name, shape } of learned) {
            const data = state.states[s]?.get(name)?.data;
            if (data?.length !== elementCount(shape))
              throw new Error(`setOptimiser: state ${s} of ${name} does not fit`);
            write(like(arrays)(id), data);
          }
        }
      },
      destroy,
    };
  } catch (error) {
    destroy();
    throw error;
  }
}

/** One micro-batch's steps, and what counts its hard predictions. */
interface Pass {
  readonly steps: readonly PreparedStep[];
  readonly counting: readonly PreparedDispatch[];
}

/** From inputs to the gradients of all micro-batches. */
function learningSubmits({ plan, isLossFirst }: TrainingPlan, passes: readonly Pass[]): Submits {
  if (!isLossFirst) return submitsOf(passes.flatMap(({ steps }) => steps));
  // The first of the micro-batches goes forward last: its feature maps are there when the gradients begin.
  const evaluated = passes
    .toReversed()
    .flatMap(({ steps }) => [...forwardSubmits(plan, steps), steps.flatMap((step) => step.evaluating)]);
  const [first, ...others] = passes.map(({ steps }) => steps);
  const backward = submitsOf([...first.slice(plan.forwardSteps), ...others.flat()]);
  return [...evaluated, ...conclusion(passes), ...backward];
}

/** Forward, losses and hard predictions of all micro-batches. */
function evaluationSubmits({ plan }: TrainingPlan, passes: readonly Pass[]): Submits {
  const evaluated = passes.flatMap(({ steps, counting }) => [
    ...forwardSubmits(plan, steps),
    [...steps.flatMap((step) => step.evaluating), ...counting],
  ]);
  return [...evaluated, ...conclusion(passes)];
}

function forwardSubmits({ forwardSteps }: Plan, steps: readonly PreparedStep[]): Submits {
  return submitsOf(steps.slice(0, forwardSteps));
}

/** The same for all micro-batches. */
function conclusion([{ steps }]: readonly Pass[]): Submits {
  const concluding = steps.flatMap((step) => step.concluding);
  return concluding.length > 0 ? [concluding] : [];
}

/** Elements of the counts of hard predictions. */
function countsSize({ graph }: TrainingSetup): number {
  return hardCountsSize({ classes: graph.outputs[0].shape[1] });
}

/** Elements of what counting them needs besides, where it needs anything. */
function countsScratchSizes(setup: TrainingSetup, plan: Plan, { limits }: PlanDevice): readonly number[] {
  const size = hardCountsScratchSize({ ...countedLogits(setup, plan), limits });
  return size > 0 ? [size] : [];
}

/** The logits of the finest head, as far as they are known before anything is allocated. */
function countedLogits({ loss }: TrainingSetup, { graph, outputs, tensors }: Plan) {
  const { batch, channels: classes, size } = featureMapOf(graph.outputs[0], 'hardCounts');
  return { options: loss, batch, classes, voxels: elementCount(size), logits: tensors[outputs[0]] };
}

/** Counts the hard predictions of the finest head for one micro-batch. */
function hardCounting(
  { plan, setup, targets: [name] }: TrainingPlan,
  { limits }: Gpu,
  { tensor, microBatch }: StepArrays,
  { counts, scratch }: { readonly counts: GpuArray; readonly scratch: GpuArray | undefined },
): Dispatch[] {
  const target = name === undefined ? undefined : plan.inputs.get(name);
  if (target === undefined) return [];
  const counted = countedLogits(setup, plan);
  return hardCountsDispatches({
    ...counted,
    limits,
    logits: tensor(plan.outputs[0]),
    target: tensor(target),
    targetStart: microBatch * counted.batch,
    counts,
    ...(scratch ? { scratch } : {}),
  });
}

/** The parameter at the start of an arena. */
function firstIn({ parameterPlacements }: Plan, arena: number): number {
  return parameterPlacements.findIndex(({ buffer, offset }) => buffer === arena && offset === 0);
}
