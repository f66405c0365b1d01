import { assertFiniteWeights } from '@/core/interop/finiteWeights';
import {
  integerItems,
  isDict,
  type PickleMap,
  type PickleValue,
  sequenceItems,
} from '@/core/interop/pickleValues';
import { plainEntries } from '@/core/interop/stateDict';
import { readTorchCheckpoint, type TorchCheckpoint, TorchTensor } from '@/core/interop/torchCheckpoint';
import type { SourceFile } from '@/core/io/sourceFile';
import type { TrainingSchedule } from '@/core/planning/trainingSchedule';
import type { StateTensors } from '@/graph/parameters';
import type { OptimiserState } from '@/graph/trainingProgram';
import type { OptimiserControl } from '@/kernels/optimisers/control';
import type { Optimiser } from '@/kernels/optimisers/optimiserOptions';
import { StudioError } from '@/shared/errors';
import { elementCount } from '@/shared/geometry';
import {
  type CheckpointContext,
  learnedOf,
  type NetworkShape,
  OWN_KEY,
  parameterShapes,
  stateNames,
} from './checkpoint';
import { logFromEntries } from './trainingLog';
import { NO_PARTIAL_EPOCH, type TrainingState } from './trainingState';

/** A checkpoint read back. */
export interface ReadCheckpoint {
  readonly state: TrainingState;
  /** Of a training that was begun here. */
  readonly own: { readonly seed: number; readonly schedule: TrainingSchedule } | undefined;
}

/**
 * Reads what `writeCheckpoint` or nnU-Net's trainer wrote. `network` is what the weights must fit. Throws
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
      microBatch: microBatchIn(own),
    },
    own: isDict(own) ? { seed: numberIn(own, 'seed', file), schedule: scheduleIn(own, file) } : undefined,
  };
}

/** How far a checkpoint's training was, without reading its weights. Throws as {@link readCheckpoint}. */
export async function readCheckpointProgress(
  file: SourceFile,
): Promise<{ readonly epoch: number; readonly iterations: number }> {
  const root = dictIn((await readTorchCheckpoint(file)).root, file);
  const own = root.get(OWN_KEY);
  return {
    epoch: numberIn(root, 'current_epoch', file),
    iterations: isDict(own) ? numberIn(own, 'iterations', file) : 0,
  };
}

/** The schedule that a checkpoint of a training begun here says it has. Throws as {@link readCheckpoint}. */
export async function readCheckpointSchedule(file: SourceFile): Promise<TrainingSchedule | undefined> {
  const own = dictIn((await readTorchCheckpoint(file)).root, file).get(OWN_KEY);
  return isDict(own) ? scheduleIn(own, file) : undefined;
}

function scheduleIn(own: PickleMap, file: SourceFile): TrainingSchedule {
  const [epochs, iterationsPerEpoch, validationIterationsPerEpoch] = integerItems(own.get('schedule')) ?? [];
  if (validationIterationsPerEpoch !== undefined) {
    return { epochs, iterationsPerEpoch, validationIterationsPerEpoch };
  }
  throw new StudioError('BadCheckpoint', `${file.path} has no schedule.`, 'It cannot be gone on from.');
}

function microBatchIn(own: PickleValue | undefined): number | undefined {
  const value = isDict(own) ? own.get('micro_batch') : undefined;
  return typeof value === 'number' ? value : undefined;
}

function dictIn(value: PickleValue | undefined, file: SourceFile): PickleMap {
  if (isDict(value)) return value;
  throw new StudioError(
    'BadCheckpoint',
    `${file.path} is no checkpoint of nnU-Net's trainer.`,
    'Give a checkpoint that nnU-Net or nnStudio trained, such as fold_0/checkpoint_final.pth.',
  );
}

function numberIn(dict: PickleMap, key: string, file: SourceFile): number {
  const value = dict.get(key);
  if (typeof value === 'number') return value;
  throw new StudioError('BadCheckpoint', `${file.path} has no ${key}.`, 'It cannot be gone on from.');
}

/** The tensors of `network_weights` by their plain names. */
function networkWeights(root: PickleMap, file: SourceFile): ReadonlyMap<string, TorchTensor> {
  const weights = root.get('network_weights');
  if (!isDict(weights)) throw withoutNetworkWeights(root, file);
  return plainEntries(
    [...weights].flatMap(([name, tensor]): [string, TorchTensor][] =>
      typeof name === 'string' && tensor instanceof TorchTensor ? [[name, tensor]] : [],
    ),
  );
}

/** Keys of a foreign checkpoint that are named, at most. */
const NAMED_KEYS = 6;

function withoutNetworkWeights(root: PickleMap, file: SourceFile): StudioError {
  const keys = [...root.keys()].map(String);
  const isStateDict = [...root.values()].some((value) => value instanceof TorchTensor);
  const named = `${keys.slice(0, NAMED_KEYS).join(', ')}${keys.length > NAMED_KEYS ? ', …' : ''}`;
  return new StudioError(
    'BadCheckpoint',
    isStateDict
      ? `${file.path} holds bare weights, not a checkpoint of nnU-Net: there is no network_weights in it.`
      : `${file.path} is no checkpoint of nnU-Net: there is no network_weights among its keys (${named || 'none'}).`,
    'Give a checkpoint that nnU-Net or nnStudio trained, such as fold_0/checkpoint_final.pth. Weights of another program fit if they are saved under network_weights with nnU-Net’s names.',
  );
}

/** All `shapes`, or `WeightsMismatch` naming the first that is missing or of another shape, or `WeightsNotFinite`. */
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
      'Take a checkpoint of a network of the same plans; move_plans_between_datasets gives two datasets the same.',
    );
  }
  const tensors = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const [name, shape] of shapes) {
    const tensor = found.get(name);
    if (tensor) tensors.set(name, { shape, data: await checkpoint.readTensor(tensor) });
  }
  assertFiniteWeights(tensors, file.path);
  return tensors;
}

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
