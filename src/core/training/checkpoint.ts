// A training's state as nnU-Net's own checkpoint, with one key more. The same file is gone on from here, opened by
// nnU-Net, and used as a model.

import {
  integerItems,
  isDict,
  OrderedDict,
  type PickleMap,
  PickleTuple,
  type PickleValue,
  sequenceItems,
} from '@/core/interop/pickleValues';
import {
  expectedParameters,
  isBufferName,
  plainEntries,
  stateDictKeys,
  stateTensor,
} from '@/core/interop/stateDict';
import {
  readTorchCheckpoint,
  type TorchCheckpoint,
  TorchDevice,
  TorchTensor,
} from '@/core/interop/torchCheckpoint';
import { PickleFloat, type SavedValue, TensorToSave, writeTorchCheckpoint } from '@/core/interop/torchWriter';
import type { SourceFile } from '@/core/io/sourceFile';
import type { TrainingSchedule } from '@/core/planning/trainingCost';
import type { StateTensors } from '@/graph/parameters';
import type { OptimiserState } from '@/graph/trainingProgram';
import type { OptimiserControl } from '@/kernels/optimisers/control';
import { DYNAMIC_LOSS_SCALING, type Optimiser } from '@/kernels/optimisers/optimiserOptions';
import type { Architecture } from '@/nn/architecture';
import { StudioError } from '@/shared/errors';
import { elementCount } from '@/shared/geometry';
import { stockTrainerName, type Trainer } from './trainers';
import { logEntries, logFromEntries } from './trainingLog';
import { NO_PARTIAL_EPOCH, type TrainingState } from './trainingState';

/** Key of what nnU-Net's checkpoints do not have. */
const OWN_KEY = 'nnstudio';
const OWN_VERSION = 1;

/** What a checkpoint tells of the training beside its state. */
export interface CheckpointContext {
  readonly trainer: Trainer;
  readonly architecture: Architecture;
  readonly inputChannels: number;
  readonly outputChannels: number;
  readonly seed: number;
  /** Of the plans' patch size. */
  readonly mirrorAxes: readonly number[];
  /** Whether the loss was scaled. */
  readonly hasLossScaling: boolean;
  /** nnU-Net's `init_args`, as JSON has them. */
  readonly plansDocument: unknown;
  readonly datasetDocument: unknown;
  readonly configurationName: string;
  readonly fold: number | 'all';
}

/** The bytes of a `checkpoint_*.pth`. Follows nnU-Net's `nnUNetTrainer.save_checkpoint`. */
export function writeCheckpoint(state: TrainingState, context: CheckpointContext): Uint8Array {
  const { trainer, mirrorAxes } = context;
  const shapes = parameterShapes(context);
  const tensors = new Map(
    [...shapes].map(([name, shape]) => [
      name,
      stateTensor(name, { data: dataOf(state.weights, name), shape }),
    ]),
  );
  return writeTorchCheckpoint(
    new Map<string, SavedValue>([
      ['network_weights', stateDict(tensors, context.architecture)],
      ['optimizer_state', optimiserEntries(state, context, learnedOf(shapes))],
      ['grad_scaler_state', context.hasLossScaling ? scalerEntries(state.optimiser?.control) : null],
      ['logging', new Map(logEntries(state.log).map(([key, list]) => [key, list.map(floats)]))],
      ['_best_ema', state.bestEma === undefined ? null : new PickleFloat(state.bestEma)],
      ['current_epoch', state.epoch],
      [
        'init_args',
        new Map<string, SavedValue>([
          ['plans', jsonValue(context.plansDocument)],
          ['configuration', context.configurationName],
          ['fold', context.fold],
          ['dataset_json', jsonValue(context.datasetDocument)],
          ['device', new TorchDevice('cpu')],
        ]),
      ],
      ['trainer_name', stockTrainerName(trainer.name)],
      ['inference_allowed_mirroring_axes', mirrorAxes.length > 0 ? new PickleTuple([...mirrorAxes]) : null],
      [OWN_KEY, ownEntries(state, context)],
    ]),
  );
}

/** Every parameter of the network by its plain name, in nnU-Net's order. */
function parameterShapes(context: NetworkShape): ReadonlyMap<string, readonly number[]> {
  return expectedParameters(context.architecture, context.inputChannels, context.outputChannels);
}

/** Those that an optimiser counts. */
function learnedOf(shapes: ReadonlyMap<string, readonly number[]>): ReadonlyMap<string, readonly number[]> {
  return new Map([...shapes].filter(([name]) => !isBufferName(name)));
}

function dataOf(tensors: StateTensors, name: string): Float32Array {
  const tensor = tensors.get(name);
  if (!tensor) throw new Error(`writeCheckpoint: the state has no ${name}`);
  return tensor.data;
}

/** nnU-Net's names, of which several may stand for one tensor. */
function stateDict(
  tensors: ReadonlyMap<string, TensorToSave>,
  architecture: Architecture,
): OrderedDict<TensorToSave> {
  const dict = new OrderedDict<TensorToSave>();
  for (const { key, name } of stateDictKeys(tensors.keys(), architecture)) {
    const tensor = tensors.get(name);
    if (tensor) dict.set(key, tensor);
  }
  return dict;
}

function floats(value: number | readonly number[]): SavedValue {
  return typeof value === 'number' ? new PickleFloat(value) : value.map((each) => new PickleFloat(each));
}

/** What JSON parsed to, for Python. */
function jsonValue(value: unknown): SavedValue {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : new PickleFloat(value);
  if (Array.isArray(value)) return value.map(jsonValue);
  if (typeof value !== 'object') throw new Error(`JSON holds no ${typeof value}`);
  return new Map(Object.entries(value).map(([key, each]) => [key, jsonValue(each)]));
}

/** Names of what an optimiser keeps of each parameter in PyTorch's state, in the order of our own. */
function stateNames(optimiser: Optimiser): readonly string[] {
  switch (optimiser.kind) {
    case 'sgd':
      return ['momentum_buffer'];
    case 'adam':
    case 'adamW':
      return ['exp_avg', 'exp_avg_sq', ...(optimiser.isAmsgrad ? ['max_exp_avg_sq'] : [])];
    case 'adan':
      return ['m', 'v', 'n', 'prev_grad'];
    default:
      return optimiser satisfies never;
  }
}

/** PyTorch's `optimizer.state_dict()`: parameters that no gradient has reached have no state. */
function optimiserEntries(
  { optimiser: state, log }: TrainingState,
  { trainer }: CheckpointContext,
  shapes: ReadonlyMap<string, readonly number[]>,
): SavedValue {
  const names = stateNames(trainer.optimiser);
  const step = state?.control.step ?? 0;
  const perParameter = new Map<number, SavedValue>();
  for (const [index, [name, shape]] of [...shapes].entries()) {
    if (!state || step === 0 || !state.states[0].has(name)) continue;
    const entries = names.map((key, s): [string, SavedValue] => [
      key,
      new TensorToSave(dataOf(state.states[s], name), shape),
    ]);
    perParameter.set(index, new Map([...stepEntry(trainer.optimiser, step), ...entries]));
  }
  const rate = log.lrs.at(-1) ?? trainer.initialLearningRate;
  const group = new Map<string, SavedValue>([
    ...groupEntries(trainer.optimiser, rate, trainer.initialLearningRate),
    ['params', [...shapes.keys()].map((_, index) => index)],
  ]);
  return new Map<string, SavedValue>([
    ['state', perParameter],
    ['param_groups', [group]],
  ]);
}

/** Adam counts in a tensor, Adan in an integer, SGD not at all. */
function stepEntry({ kind }: Optimiser, step: number): readonly [string, SavedValue][] {
  if (kind === 'sgd') return [];
  return [['step', kind === 'adan' ? step : new TensorToSave(Float32Array.of(step), [])]];
}

/** The hyperparameters under PyTorch's names. */
function groupEntries(
  optimiser: Optimiser,
  rate: number,
  initialRate: number,
): readonly [string, SavedValue][] {
  const decay: [string, SavedValue] = ['weight_decay', new PickleFloat(optimiser.weightDecay)];
  const lr: [string, SavedValue] = ['lr', new PickleFloat(rate)];
  const initial: [string, SavedValue] = ['initial_lr', new PickleFloat(initialRate)];
  const asUsual: [string, SavedValue][] = [
    ['maximize', false],
    ['foreach', null],
    ['differentiable', false],
    ['fused', null],
  ];
  const { kind } = optimiser;
  switch (kind) {
    case 'sgd':
      return [
        lr,
        ['momentum', new PickleFloat(optimiser.momentum)],
        ['dampening', 0],
        decay,
        ['nesterov', optimiser.isNesterov],
        ...asUsual,
        initial,
      ];
    case 'adam':
    case 'adamW':
      return [
        lr,
        ['betas', new PickleTuple([...optimiser.betas])],
        ['eps', new PickleFloat(optimiser.eps)],
        decay,
        ['amsgrad', optimiser.isAmsgrad],
        ['capturable', false],
        ...asUsual,
        initial,
      ];
    case 'adan':
      return [
        lr,
        ['betas', new PickleTuple([...optimiser.betas])],
        ['eps', new PickleFloat(optimiser.eps)],
        decay,
        initial,
      ];
    default:
      return kind satisfies never;
  }
}

/** PyTorch's `GradScaler.state_dict()`. */
function scalerEntries(control: OptimiserControl | undefined): SavedValue {
  const { initialScale, growthFactor, backoffFactor, growthInterval } = DYNAMIC_LOSS_SCALING;
  return new Map<string, SavedValue>([
    ['scale', new PickleFloat(control?.lossScale ?? initialScale)],
    ['growth_factor', new PickleFloat(growthFactor)],
    ['backoff_factor', new PickleFloat(backoffFactor)],
    ['growth_interval', growthInterval],
    ['_growth_tracker', control?.goodSteps ?? 0],
  ]);
}

function ownEntries({ optimiser, partial }: TrainingState, { trainer, seed }: CheckpointContext): SavedValue {
  const { epochs, iterationsPerEpoch, validationIterationsPerEpoch } = trainer.schedule;
  const control = optimiser?.control;
  return new Map<string, SavedValue>([
    ['version', OWN_VERSION],
    ['trainer', trainer.name],
    ['seed', seed],
    ['schedule', [epochs, iterationsPerEpoch, validationIterationsPerEpoch]],
    ['iterations', partial.iterations],
    ['losses', partial.losses.map((loss) => new PickleFloat(loss))],
    ['seconds', new PickleFloat(partial.seconds)],
    [
      'control',
      control ? new Map(Object.entries(control).map(([key, value]) => [key, numberOrFlag(value)])) : null,
    ],
  ]);
}

function numberOrFlag(value: number | boolean): SavedValue {
  return typeof value === 'boolean' ? value : new PickleFloat(value);
}

/** A checkpoint read back. */
export interface ReadCheckpoint {
  readonly state: TrainingState;
  /** Of a training that was begun here. */
  readonly own: { readonly seed: number; readonly schedule: TrainingSchedule } | undefined;
}

/**
 * Reads what {@link writeCheckpoint} or nnU-Net's trainer wrote. `network` is what the weights must fit. Throws
 * `BadCheckpoint` and what reading a `.pth` throws.
 *
 * Follows nnU-Net's `nnUNetTrainer.load_checkpoint`.
 */
export async function readCheckpoint(
  file: SourceFile,
  context: NetworkShape & Pick<CheckpointContext, 'trainer'>,
): Promise<ReadCheckpoint> {
  const checkpoint = await readTorchCheckpoint(file);
  const root = dictIn(checkpoint.root, file);
  const shapes = parameterShapes(context);
  const weights = await readWeights(checkpoint, root, shapes, file);
  const own = root.get(OWN_KEY);
  const logging = root.get('logging');
  const bestEma = root.get('_best_ema');
  const epoch = numberIn(root, 'current_epoch', file);
  return {
    state: {
      weights,
      optimiser: await readOptimiser(checkpoint, root, context.trainer.optimiser, learnedOf(shapes)),
      log: logFromEntries((key) => (isDict(logging) ? (sequenceItems(logging.get(key)) ?? []) : [])),
      bestEma: typeof bestEma === 'number' ? bestEma : undefined,
      epoch,
      partial: isDict(own)
        ? {
            iterations: numberIn(own, 'iterations', file),
            losses: (sequenceItems(own.get('losses')) ?? []).map(Number),
            seconds: numberIn(own, 'seconds', file),
          }
        : NO_PARTIAL_EPOCH,
    },
    own: isDict(own) ? { seed: numberIn(own, 'seed', file), schedule: scheduleIn(own, file) } : undefined,
  };
}

function scheduleIn(own: PickleMap, file: SourceFile): TrainingSchedule {
  const [epochs, iterationsPerEpoch, validationIterationsPerEpoch] = integerItems(own.get('schedule')) ?? [];
  if (validationIterationsPerEpoch !== undefined) {
    return { epochs, iterationsPerEpoch, validationIterationsPerEpoch };
  }
  throw new StudioError('BadCheckpoint', `${file.path} has no schedule.`, 'It cannot be gone on from.');
}

function dictIn(value: PickleValue | undefined, file: SourceFile): PickleMap {
  if (isDict(value)) return value;
  throw new StudioError(
    'BadCheckpoint',
    `${file.path} is no checkpoint of nnU-Net's trainer.`,
    'Go on from a checkpoint of the same training.',
  );
}

function numberIn(dict: PickleMap, key: string, file: SourceFile): number {
  const value = dict.get(key);
  if (typeof value === 'number') return value;
  throw new StudioError('BadCheckpoint', `${file.path} has no ${key}.`, 'It cannot be gone on from.');
}

/** The tensors of `network_weights` by their plain names. */
function networkWeights(root: PickleMap, file: SourceFile): ReadonlyMap<string, TorchTensor> {
  return plainEntries(
    [...dictIn(root.get('network_weights'), file)].flatMap(([name, tensor]): [string, TorchTensor][] =>
      typeof name === 'string' && tensor instanceof TorchTensor ? [[name, tensor]] : [],
    ),
  );
}

/** All `shapes`, or `WeightsMismatch` naming the first that is missing or of another shape. */
async function readWeights(
  checkpoint: TorchCheckpoint,
  root: PickleMap,
  shapes: ReadonlyMap<string, readonly number[]>,
  file: SourceFile,
): Promise<Map<string, { shape: readonly number[]; data: Float32Array }>> {
  const found = networkWeights(root, file);
  for (const [name, shape] of shapes) {
    const tensor = found.get(name);
    if (tensor?.shape.join() === shape.join()) continue;
    throw new StudioError(
      'WeightsMismatch',
      `${file.path}: the tensor ${name} is ${tensor ? `[${tensor.shape}]` : 'missing'}, but the plans' network has [${shape}].`,
      'Take a checkpoint of a network of the same plans.',
    );
  }
  const tensors = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const [name, shape] of shapes) {
    const tensor = found.get(name);
    if (tensor) tensors.set(name, { shape, data: await checkpoint.readTensor(tensor) });
  }
  return tensors;
}

type NetworkShape = Pick<CheckpointContext, 'architecture' | 'inputChannels' | 'outputChannels'>;

/** The weights of a checkpoint and nothing else. Throws `BadCheckpoint`, `WeightsMismatch`. */
export async function readCheckpointWeights(file: SourceFile, network: NetworkShape): Promise<StateTensors> {
  const checkpoint = await readTorchCheckpoint(file);
  return readWeights(checkpoint, dictIn(checkpoint.root, file), parameterShapes(network), file);
}

/** Names of the layers that decide on labels. */
const HEADS = '.seg_layers.';

/**
 * `fresh` with all weights of another training but those of the heads. Throws `BadCheckpoint`, `WeightsMismatch`.
 *
 * Follows nnU-Net's `load_pretrained_weights`.
 */
export async function withPretrainedWeights(
  fresh: StateTensors,
  file: SourceFile,
  network: NetworkShape,
): Promise<StateTensors> {
  const checkpoint = await readTorchCheckpoint(file);
  const shapes = new Map([...parameterShapes(network)].filter(([name]) => !name.includes(HEADS)));
  const body = await readWeights(checkpoint, dictIn(checkpoint.root, file), shapes, file);
  return new Map([...fresh, ...body]);
}

/** The optimiser's state; `undefined` where the checkpoint has none of this optimiser. */
async function readOptimiser(
  checkpoint: TorchCheckpoint,
  root: PickleMap,
  optimiser: Optimiser,
  shapes: ReadonlyMap<string, readonly number[]>,
): Promise<OptimiserState | undefined> {
  const saved = root.get('optimizer_state');
  const perParameter = isDict(saved) ? saved.get('state') : undefined;
  const names = stateNames(optimiser);
  const states = names.map(() => new Map<string, { shape: readonly number[]; data: Float32Array }>());
  let step: number | undefined;
  for (const [index, [name, shape]] of [...shapes].entries()) {
    const entries = isDict(perParameter) ? perParameter.get(index) : undefined;
    if (!isDict(entries)) continue;
    for (const [s, key] of names.entries()) {
      const tensor = entries.get(key);
      if (tensor instanceof TorchTensor && elementCount(tensor.shape) === elementCount(shape)) {
        states[s].set(name, { shape, data: await checkpoint.readTensor(tensor) });
      }
    }
    step ??= await stepIn(checkpoint, entries.get('step'));
  }
  if (states.some(({ size }) => size === 0)) return undefined;
  return { states, control: controlIn(root, step) };
}

async function stepIn(
  checkpoint: TorchCheckpoint,
  step: PickleValue | undefined,
): Promise<number | undefined> {
  if (step instanceof TorchTensor) return (await checkpoint.readTensor(step))[0];
  return typeof step === 'number' ? step : undefined;
}

/** Our own record of it; or what nnU-Net's checkpoint says of steps and loss scale. */
function controlIn(root: PickleMap, step: number | undefined): OptimiserControl {
  const own = root.get(OWN_KEY);
  const control = isDict(own) ? own.get('control') : undefined;
  const scaler = root.get('grad_scaler_state');
  const numberOf = (dict: PickleValue | undefined, key: string, otherwise: number) => {
    const value = isDict(dict) ? dict.get(key) : undefined;
    return typeof value === 'number' ? value : otherwise;
  };
  return {
    lossScale: numberOf(control, 'lossScale', numberOf(scaler, 'scale', 1)),
    goodSteps: numberOf(control, 'goodSteps', numberOf(scaler, '_growth_tracker', 0)),
    step: numberOf(control, 'step', step ?? 1),
    learningRate: numberOf(control, 'learningRate', 0),
    gradientNorm: numberOf(control, 'gradientNorm', 0),
    isSkipped: isDict(control) && control.get('isSkipped') === true,
    skippedSteps: numberOf(control, 'skippedSteps', 0),
  };
}
