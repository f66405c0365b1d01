// Trained model folders and plans of the real nnU-Net, read: every fold of every model with all its tensors, the order
// and aliases of its state dict, what our writer makes of it, and every configuration as nnU-Net resolves it.
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type ImportedModel, importModel } from '@/core/interop/importModel';
import type { StateDict } from '@/core/interop/model';
import { isDict, OrderedDict } from '@/core/interop/pickleValues';
import { stateDictKeys } from '@/core/interop/stateDict';
import { readTorchCheckpoint, type TorchCheckpoint, TorchTensor } from '@/core/interop/torchCheckpoint';
import { TensorToSave, writeTorchCheckpoint } from '@/core/interop/torchWriter';
import { memoryFile, type SourceFile } from '@/core/io/sourceFile';
import { readPlans } from '@/core/planning/readPlans';
import { type RawConfiguration, resolveConfiguration } from '@/core/planning/resolveConfigurations';
import { folderFiles } from '../support/diskFiles';
import { exactOutcome, largestDifference, type Outcome, readJsonLines, summarise } from '../support/golden';
import type { TopicResult } from './topic';

export async function run(goldenFolder: string): Promise<TopicResult> {
  const checkpoints = path.join(goldenFolder, 'checkpoint');
  const folds: Outcome[] = [];
  for (const folder of existsSync(checkpoints) ? modelFolders(checkpoints) : []) {
    const files = folderFiles(folder);
    for (const model of await importModel(files)) folds.push(...(await checkModel(model, files)));
  }
  return summarise('models', { folds, plans: checkPlans(path.join(goldenFolder, 'planning')) });
}

function modelFolders(root: string): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.name === 'plans.json')
    .map((entry) => entry.parentPath)
    .sort();
}

async function checkModel(imported: ImportedModel, files: readonly SourceFile[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const { fold, checkpointName } of imported.model.folds) {
    const name = `${imported.origin}, fold ${fold}`;
    const stateDict = await imported.loadFold(fold);
    const file = files.find(({ path }) => path === `${imported.origin}/fold_${fold}/${checkpointName}`);
    if (!file) throw new Error(`${name}: no ${checkpointName}`);
    const original = await readTorchCheckpoint(file);
    outcomes.push(await checkKeys(`${name}, keys and values`, original, stateDict));
    const rewritten = await readTorchCheckpoint(memoryFile(rewrite(stateDict), 'rewritten.pth'));
    outcomes.push(await checkKeys(`${name}, written again`, rewritten, stateDict));
  }
  return outcomes;
}

/** Every key of the file is one we would write, in the same order, with the values of the tensor it stands for. */
async function checkKeys(name: string, checkpoint: TorchCheckpoint, stateDict: StateDict): Promise<Outcome> {
  const weights = isDict(checkpoint.root) ? checkpoint.root.get('network_weights') : undefined;
  if (!isDict(weights)) return exactOutcome(name, false, 'no network_weights');
  const expected = stateDictKeys(stateDict.keys());
  if (
    !isDeepStrictEqual(
      [...weights.keys()],
      expected.map(({ key }) => key),
    )
  ) {
    return exactOutcome(name, false, 'the keys or their order differ');
  }
  let error = 0;
  for (const { key, name: plainName } of expected) {
    const tensor = weights.get(key);
    if (!(tensor instanceof TorchTensor)) return exactOutcome(name, false, `${key} is no tensor`);
    const values = stateDict.get(plainName)?.data ?? [];
    error = Math.max(error, largestDifference(await checkpoint.readTensor(tensor), values));
  }
  return { name, error, tolerance: 0, note: `${stateDict.size} tensors under ${expected.length} keys` };
}

function rewrite(stateDict: StateDict): Uint8Array {
  const entries = stateDictKeys(stateDict.keys()).map(({ key, name }) => {
    const tensor = stateDict.get(name);
    if (!tensor) throw new Error(`no tensor ${name}`);
    return [key, new TensorToSave(tensor.data, tensor.shape)] as const;
  });
  return writeTorchCheckpoint(new Map([['network_weights', new OrderedDict(entries)]]));
}

interface ResolvedRow {
  readonly id: string;
  readonly planner: string;
  readonly old_format: boolean;
  readonly plans: { readonly configurations: Readonly<Record<string, RawConfiguration>> };
  readonly resolved: Readonly<
    Record<
      string,
      {
        readonly configuration: RawConfiguration;
        readonly previous_stage_name: string | null;
        readonly batch_dice: boolean;
        readonly pool_op_kernel_sizes: readonly (readonly number[])[];
      }
    >
  >;
}

function checkPlans(folder: string): Outcome[] {
  const file = path.join(folder, 'resolved_configurations.jsonl');
  if (!existsSync(file)) return [];
  return readJsonLines<ResolvedRow>(file).flatMap((row) => {
    const rowName = `${row.id} ${row.planner}${row.old_format ? ' (old format)' : ''}`;
    const plans = readPlans(JSON.stringify(row.plans), rowName);
    return Object.entries(row.resolved).map(([name, expected]) => {
      const raw = resolveConfiguration(row.plans.configurations, name, rowName);
      const parsed = plans.configurations[name];
      return exactOutcome(
        `${rowName} ${name}`,
        isDeepStrictEqual(raw, expected.configuration) &&
          (parsed.previousStage ?? null) === expected.previous_stage_name &&
          parsed.batchDice === expected.batch_dice &&
          isDeepStrictEqual(parsed.architecture.strides, expected.pool_op_kernel_sizes),
      );
    });
  });
}
