import { orderedEntries } from '@/core/interop/orderedJson';
import { OrderedDict, PickleTuple } from '@/core/interop/pickleValues';
import { stateDictKeys, stateTensor } from '@/core/interop/stateDict';
import { TorchDevice } from '@/core/interop/torchCheckpoint';
import { PickleFloat, type SavedValue, TensorToSave, writeTorchCheckpoint } from '@/core/interop/torchWriter';
import type { StateTensors } from '@/graph/parameters';
import type { OptimiserControl } from '@/kernels/optimisers/control';
import { DYNAMIC_LOSS_SCALING, type Optimiser } from '@/kernels/optimisers/optimiserOptions';
import type { Architecture } from '@/nn/architecture';
import { type CheckpointContext, learnedOf, OWN_KEY, parameterShapes, stateNames } from './checkpoint';
import { stockTrainerName } from './trainers';
import { logEntries } from './trainingLog';
import type { TrainingState } from './trainingState';

const OWN_VERSION = 1;

/** The bytes of a `checkpoint_*.pth`. Follows nnU-Net's `nnUNetTrainer.save_checkpoint`. */
export function writeCheckpoint(state: TrainingState, context: CheckpointContext): Uint8Array {
  return writeTorchCheckpoint(checkpointEntries(state, context));
}

/** What is in it, by nnU-Net's keys and {@link OWN_KEY}. */
export function checkpointEntries(state: TrainingState, context: CheckpointContext): Map<string, SavedValue> {
  const { trainer, mirrorAxes } = context;
  const shapes = parameterShapes(context);
  const tensors = new Map(
    [...shapes].map(([name, shape]) => [
      name,
      stateTensor(name, { data: dataOf(state.weights, name), shape }),
    ]),
  );
  return new Map<string, SavedValue>([
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
  ]);
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
  return new Map(orderedEntries(value).map(([key, each]) => [key, jsonValue(each)]));
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

function ownEntries(
  { optimiser, partial, microBatch }: TrainingState,
  { trainer, seed }: CheckpointContext,
): SavedValue {
  const { epochs, iterationsPerEpoch, validationIterationsPerEpoch } = trainer.schedule;
  const control = optimiser?.control;
  return new Map<string, SavedValue>([
    ['version', OWN_VERSION],
    ['trainer', trainer.name],
    ['seed', seed],
    ['micro_batch', microBatch ?? null],
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
