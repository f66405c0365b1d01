// Trained models of the real nnU-Net, into the library and out again. As an nnU-Net zip every file is the same to the byte
// and every key and tensor of its checkpoints is read the same. As a bundle, imported and written for nnU-Net once more,
// the weights are the same to the bit under the same keys, aliases included, and so is all that is no optimiser's.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { bundleParts, nnunetParts } from '@/app/models/exportModel';
import { type ImportedModel, importModel } from '@/core/interop/importModel';
import { isDict, PickleTuple, type PickleValue } from '@/core/interop/pickleValues';
import { readTorchCheckpoint, type TorchCheckpoint, TorchTensor } from '@/core/interop/torchCheckpoint';
import { memoryFile, type SourceFile } from '@/core/io/sourceFile';
import { createModelLibrary } from '@/storage/modelLibrary';
import { MemoryRecords } from '../storage/memoryRecords';
import { exactOutcome, type Outcome, summarise } from '../support/golden';
import { entriesOf, zipped } from '../support/zipped';
import type { RunTopic } from './topic';

/** Written anew without a training's state; the library tells no more than the weights' own epoch. */
const OF_TRAINING = new Set(['optimizer_state', 'grad_scaler_state', '_best_ema', 'current_epoch']);

export const run: RunTopic = async (goldenFolder) => {
  const root = path.join(goldenFolder, 'checkpoint');
  const files: Outcome[] = [];
  const checkpoints: Outcome[] = [];
  const bundles: Outcome[] = [];
  for (const folder of modelFolders(root)) {
    const name = path.relative(root, folder);
    const [imported] = await importModel(filesBelow(folder));
    const stored = await throughLibrary(imported);
    const exported = await entriesOf(await zipped(nnunetParts(stored), 'model.zip'));
    const [fromBundle] = await importModel([await zipped(bundleParts(stored, {}), 'model.nnstudio')]);
    const rewritten = await entriesOf(await zipped(nnunetParts(fromBundle), 'again.zip'));
    for (const file of imported.files) {
      const original = readFileSync(path.join(folder, file.path));
      const written = await entryAt(exported, file.path)?.bytes();
      const isSame = written !== undefined && original.equals(Buffer.from(written));
      files.push(exactOutcome(`${name}/${file.path}`, isSame, 'the bytes differ'));
      if (!file.path.endsWith('.pth')) continue;
      const before = await readTorchCheckpoint(memoryFile(original, file.path));
      checkpoints.push(
        await compared(`${name}/${file.path}`, before, entryAt(exported, file.path), new Set()),
      );
      bundles.push(
        await compared(`${name}/${file.path}`, before, entryAt(rewritten, file.path), OF_TRAINING),
      );
    }
  }
  return summarise('exchange', {
    'files as they were, through library and zip': files,
    'checkpoints read the same, every key and tensor': checkpoints,
    'checkpoints out of bundles, every key and weight': bundles,
  });
};

function modelFolders(root: string): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.name === 'plans.json' && hasFold(entry.parentPath))
    .map((entry) => entry.parentPath)
    .sort();
}

function hasFold(folder: string): boolean {
  return readdirSync(folder).some((name) => existsSync(path.join(folder, name, 'checkpoint_final.pth')));
}

function filesBelow(folder: string): SourceFile[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && /\.(json|pth)$/.test(entry.name))
    .map((entry) => path.join(entry.parentPath, entry.name))
    .map((file) => memoryFile(readFileSync(file), `${path.basename(folder)}/${path.relative(folder, file)}`));
}

async function throughLibrary(imported: ImportedModel): Promise<ImportedModel> {
  const library = createModelLibrary(new MemoryRecords(), new MemoryRecords());
  const { id } = await library.add({
    ...imported,
    name: imported.origin,
    source: imported.origin,
    origin: 'imported',
  });
  const files = await library.files(id);
  return { ...imported, files, loadFold: (fold) => library.loadFold(id, fold) };
}

/** Below `Dataset…/Trainer__Plans__configuration`. */
function entryAt(entries: ReadonlyMap<string, SourceFile>, below: string): SourceFile | undefined {
  const found = [...entries].find(([at]) => at.split('/').slice(2).join('/') === below);
  return found?.[1];
}

async function compared(
  name: string,
  before: TorchCheckpoint,
  file: SourceFile | undefined,
  leftOut: ReadonlySet<string>,
): Promise<Outcome> {
  if (!file) return exactOutcome(name, false, 'it is missing');
  const differences = await differencesOf(before, await readTorchCheckpoint(file), leftOut);
  return exactOutcome(name, differences.length === 0, differences.slice(0, 3).join('; '));
}

/** Places where the second is not the first. */
async function differencesOf(
  a: TorchCheckpoint,
  b: TorchCheckpoint,
  leftOut: ReadonlySet<string>,
): Promise<string[]> {
  const found: string[] = [];
  const storages = new Map<string, string>();
  const compare = async (
    x: PickleValue | undefined,
    y: PickleValue | undefined,
    at: string,
  ): Promise<void> => {
    if (x instanceof TorchTensor && y instanceof TorchTensor) {
      // Aliases share a storage in both, or in neither.
      const partner = storages.get(x.storage.key) ?? y.storage.key;
      storages.set(x.storage.key, partner);
      const [left, right] = [await a.readTensor(x), await b.readTensor(y)];
      const isSame =
        partner === y.storage.key &&
        x.storage.elementType === y.storage.elementType &&
        x.shape.join() === y.shape.join() &&
        left.length === right.length &&
        left.every((value, i) => Object.is(value, right[i]));
      if (!isSame) found.push(`${at} differs`);
    } else if (isDict(x) && isDict(y)) {
      const [left, right] = [[...x.keys()].join(), [...y.keys()].join()];
      if (left !== right) found.push(`${at}: keys [${left}] and [${right}]`);
      for (const key of x.keys()) {
        if (at === '' && leftOut.has(String(key))) continue;
        await compare(x.get(key), y.get(key), `${at}.${String(key)}`);
      }
    } else if (x instanceof PickleTuple && y instanceof PickleTuple) {
      await compare([...x.items], [...y.items], at);
    } else if (Array.isArray(x) && Array.isArray(y)) {
      if (x.length !== y.length) found.push(`${at}: ${x.length} and ${y.length} items`);
      for (const [i, item] of x.entries()) await compare(item, y[i], `${at}[${i}]`);
    } else if (typeof x === 'object' && x !== null && !at.endsWith('.device')) {
      found.push(`${at}: values of other kinds`);
    } else if (typeof x !== 'object' && !Object.is(x, y)) {
      found.push(`${at}: ${String(x)} and ${String(y)}`);
    }
  };
  await compare(a.root, b.root, '');
  return found;
}
