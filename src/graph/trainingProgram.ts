// A network that learns, on a device: forward, losses, backward and the optimiser as one list of dispatches.

import { allocate, arrayOf, readback, readFloats } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import { type Dispatch, type GpuArray, prepare } from '@/gpu/dispatch';
import {
  type HardCounts,
  hardCountsDispatches,
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
import { lossGradient, targetInput } from './ops/lossGradient';
import { type ParameterBuffers, type StateTensors, storeParameters } from './parameters';
import { planTraining } from './plan';
import { isLearnedSource, type Plan, type PlanDevice, type PlanOptions } from './planBuilder';
import type { TensorId } from './step';
import {
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
  /** Its outputs are the heads that the loss judges. */
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

/** Plans a training step. */
export function planTrainingStep(
  setup: TrainingSetup,
  device: PlanDevice,
  options: PlanOptions = {},
): TrainingPlan {
  const graph = trainingGraph(setup.graph, { dropoutSeed: setup.dropoutSeed ?? 0 });
  const judged = graph.outputs.map((logits, head) => {
    const weight = setup.headWeights[head];
    if (weight === 0) return undefined;
    const target = targetInput(`target ${head}`, logits, setup.loss);
    const loss = { options: setup.loss, weight, name: lossName(head) };
    return { target, seed: lossGradient(logits, target, loss) };
  });
  const seeds = judged.map((head) => head?.seed);
  const gradients = differentiate(graph, seeds, { ofInputs: setup.ofInputs ?? false });
  const fed = judged.flatMap((head) => head?.target ?? []);
  const plan = planTraining({ graph, fed, gradients }, device, options);
  const arenaSizes = plan.parameterBufferBytes
    .filter((_, buffer) => isLearned(plan, buffer))
    .map((bytes) => bytes / 4);
  const { temporaries, parameters } = plan.bytes;
  const copies = 1 + optimiserStateCount(setup.optimiser);
  const learned = 4 * arenaSizes.reduce((sum, size) => sum + size, 0);
  const small = 4 * (OPTIMISER_CONTROL_SIZE + gradientNormPartialsSize(arenaSizes) + countsSize(setup));
  const allParameters = parameters + copies * learned + small;
  return {
    setup,
    plan,
    targets: judged.map((head) => head?.target.attributes.name),
    arenaSizes,
    bytes: { temporaries, parameters: allParameters, peak: temporaries + allParameters },
  };
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
  /** Logits of the last step's forward pass, by head, stored as the plan says. */
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
    const steps = await prepareSteps(gpu, plan, {
      tensor: (id) => tensors[id],
      parameter: array,
      control: () => control,
    });
    const update = optimiserDispatches({
      optimiser: setup.optimiser,
      arenas,
      control,
      partials,
      clipNorm: setup.clipNorm,
      lossScaling: setup.lossScaling,
      limits: gpu.limits,
    }).map((dispatch) => prepare(gpu, dispatch));
    const [counts] = await buffers([countsSize(setup)], 'counts');
    const counting = hardCounting(planned, gpu, (id) => tensors[id], counts).map((dispatch) =>
      prepare(gpu, dispatch),
    );
    const learning = submitsOf(steps);
    const judging = [...steps.flatMap((step) => step.judging), ...counting];
    const evaluating = [...submitsOf(steps.slice(0, plan.forwardSteps)), judging];
    submits = [learning, [update], [judging]];
    // Nothing is learned from the garbage that warming up computes: it runs on zeros, and all is written again.
    await warmUp(gpu, [...learning, update, judging]);
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
          const [headLoss] = await readFloats(gpu, { ...tensors[id], size: 1 });
          loss += weight * headLoss;
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

/** Elements of the counts of hard predictions. */
function countsSize({ graph }: TrainingSetup): number {
  return hardCountsSize({ classes: graph.outputs[0].shape[1] });
}

/** Counts the hard predictions of the finest head. */
function hardCounting(
  { plan, setup, targets: [name] }: TrainingPlan,
  { limits }: Gpu,
  tensor: (id: TensorId) => GpuArray,
  counts: GpuArray,
): Dispatch[] {
  const target = name === undefined ? undefined : plan.inputs.get(name);
  if (target === undefined) return [];
  const { batch, channels: classes, size } = featureMapOf(plan.graph.outputs[0], 'hardCounts');
  const [logits] = plan.outputs;
  return hardCountsDispatches({
    options: setup.loss,
    limits,
    batch,
    classes,
    voxels: elementCount(size),
    logits: tensor(logits),
    target: tensor(target),
    counts,
  });
}

/** The parameter at the start of an arena. */
function firstIn({ parameterPlacements }: Plan, arena: number): number {
  return parameterPlacements.findIndex(({ buffer, offset }) => buffer === arena && offset === 0);
}
