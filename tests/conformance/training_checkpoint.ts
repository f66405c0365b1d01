// Checkpoints of nnU-Net's trainer, read as a training to go on with and written again: the same keys in the same order,
// the same tensors to the bit, the same log and hyperparameters.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseJson } from '@/core/interop/json';
import { isDict, PickleTuple, type PickleValue } from '@/core/interop/pickleValues';
import { readDatasetJson } from '@/core/interop/readDatasetJson';
import {
  readTorchCheckpoint,
  type TorchCheckpoint,
  TorchDevice,
  TorchTensor,
} from '@/core/interop/torchCheckpoint';
import { memoryFile } from '@/core/io/sourceFile';
import { configurationOf, readPlans } from '@/core/planning/readPlans';
import type { CheckpointContext } from '@/core/training/checkpoint';
import { readCheckpoint } from '@/core/training/readCheckpoint';
import { trainedNetwork } from '@/core/training/trainedNetwork';
import { trainerNamed } from '@/core/training/trainers';
import { writeCheckpoint } from '@/core/training/writeCheckpoint';
import { exactOutcome, type Outcome, summarise } from '../support/golden';
import type { RunTopic } from './topic';

/** What newer versions of PyTorch add to a group, and what only ours has. */
const FURTHER_KEYS = new Set(['foreach', 'differentiable', 'fused', 'capturable', 'maximize', 'nnstudio']);

export const run: RunTopic = async (goldenFolder) => {
  const root = path.join(goldenFolder, 'checkpoint');
  const outcomes: Outcome[] = [];
  for (const folder of modelFolders(root)) {
    for (const fold of readdirSync(folder).filter((name) => name.startsWith('fold_'))) {
      const file = path.join(folder, fold, 'checkpoint_final.pth');
      if (existsSync(file))
        outcomes.push(await evaluate(folder, file, path.relative(root, path.dirname(file))));
    }
  }
  return summarise('training_checkpoint', { 'checkpoints written as they were read': outcomes });
};

function modelFolders(root: string): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.name === 'plans.json')
    .map((entry) => entry.parentPath)
    .sort();
}

async function evaluate(folder: string, file: string, name: string): Promise<Outcome> {
  const original = await readTorchCheckpoint(memoryFile(readFileSync(file), file));
  const context = contextOf(folder, original);
  const { state } = await readCheckpoint(memoryFile(readFileSync(file), file), context);
  const written = memoryFile(writeCheckpoint(state, context), 'written');
  const differences = await difference(original, await readTorchCheckpoint(written));
  return exactOutcome(name, differences.length === 0, differences.slice(0, 3).join('; '));
}

function contextOf(folder: string, { root }: TorchCheckpoint): CheckpointContext {
  const entries = isDict(root) ? root : new Map<PickleValue, PickleValue>();
  const initArgs = entries.get('init_args');
  const argument = (key: string) => (isDict(initArgs) ? initArgs.get(key) : undefined);
  const [plansFile, datasetFile] = ['plans.json', 'dataset.json'].map((file) => path.join(folder, file));
  const [plansText, datasetText] = [plansFile, datasetFile].map((file) => readFileSync(file, 'utf8'));
  const plans = readPlans(plansText, plansFile);
  const dataset = readDatasetJson(datasetText, datasetFile);
  const trainer = trainerNamed(String(entries.get('trainer_name')));
  const configuration = configurationOf(plans, String(argument('configuration')), plansFile);
  const network = trainedNetwork({
    trainer,
    configuration,
    labels: dataset.labels,
    imageChannels: dataset.channelNames.length,
    storage: 'f32',
  });
  const fold = argument('fold');
  return {
    trainer,
    architecture: configuration.architecture,
    inputChannels: network.inputChannels,
    outputChannels: dataset.labels.outputChannels,
    seed: 0,
    mirrorAxes: network.augmentation.training.mirrorAxes,
    hasLossScaling: false,
    plansDocument: parseJson(plansText, plansFile),
    datasetDocument: parseJson(datasetText, datasetFile),
    configurationName: configuration.name,
    fold: typeof fold === 'number' ? fold : 'all',
  };
}

/** Places where the second is not the first. */
async function difference(a: TorchCheckpoint, b: TorchCheckpoint): Promise<string[]> {
  const found: string[] = [];
  const compare = async (
    x: PickleValue | undefined,
    y: PickleValue | undefined,
    at: string,
  ): Promise<void> => {
    // Emptied in some of the files, as their README says.
    if (x === null && at === '.optimizer_state') return;
    if (x instanceof TorchTensor && y instanceof TorchTensor) {
      const [left, right] = [await a.readTensor(x), await b.readTensor(y)];
      const isSame =
        x.shape.join() === y.shape.join() && left.every((value, i) => Object.is(value, right[i]));
      if (!isSame) found.push(`${at} differs`);
    } else if (isDict(x) && isDict(y)) {
      const keys = (dict: typeof x) => [...dict.keys()].filter((key) => !FURTHER_KEYS.has(String(key)));
      if (keys(x).join() !== keys(y).join()) found.push(`${at}: keys [${keys(x)}] and [${keys(y)}]`);
      for (const key of keys(x)) await compare(x.get(key), y.get(key), `${at}.${String(key)}`);
    } else if (x instanceof PickleTuple && y instanceof PickleTuple) {
      await compare([...x.items], [...y.items], at);
    } else if (Array.isArray(x) && Array.isArray(y)) {
      if (x.length !== y.length) found.push(`${at}: ${x.length} and ${y.length} items`);
      for (const [i, item] of x.entries()) await compare(item, y[i], `${at}[${i}]`);
    } else if (!(x instanceof TorchDevice && y instanceof TorchDevice) && !Object.is(x, y)) {
      found.push(`${at}: ${String(x)} and ${String(y)}`);
    }
  };
  await compare(a.root, b.root, '');
  return found;
}
