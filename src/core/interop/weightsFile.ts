// The weights of one fold, whichever file they lie in: a checkpoint of nnU-Net's trainer, or safetensors of a bundle.
import { sniff } from '@/core/io/sniff';
import type { SourceFile } from '@/core/io/sourceFile';
import { withRandomAccess } from '@/core/io/zip';
import { StudioError } from '@/shared/errors';
import { assertFiniteWeights } from './finiteWeights';
import type { StateDict } from './model';
import { isDict, type PickleMap, pickleTypeName } from './pickleValues';
import { openSafetensors } from './safetensors';
import { checkParameters, plainEntries } from './stateDict';
import { readTorchCheckpoint, TorchTensor } from './torchCheckpoint';

export interface WeightsFile {
  /** Under plain names. */
  readonly tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>;
  /** All that the checkpoint holds; nothing of safetensors. */
  readonly entries: PickleMap;
  readTensor(name: string): Promise<Float32Array>;
}

/** Looks at names and shapes; tensors are read when they are asked for. Throws what reading either format throws. */
export async function openWeights(source: SourceFile): Promise<WeightsFile> {
  const file = await withRandomAccess(source);
  if ((await sniff(file)) === 'safetensors') {
    const { tensors, readTensor } = await openSafetensors(file);
    return { tensors, entries: new Map(), readTensor };
  }
  const { root, readTensor } = await readTorchCheckpoint(file);
  const tensors = networkWeights(root, file.path);
  return {
    tensors,
    entries: isDict(root) ? root : new Map(),
    readTensor: async (name) => {
      const tensor = tensors.get(name);
      if (!tensor) throw new Error(`${file.path} has no tensor ${name}`);
      return readTensor(tensor);
    },
  };
}

/** The weights of a file, checked against the network before any tensor is read. Throws `WeightsMismatch`, `WeightsNotFinite`. */
export async function loadWeights(
  file: SourceFile,
  expected: ReadonlyMap<string, readonly number[]>,
): Promise<StateDict> {
  const { tensors, readTensor } = await openWeights(file);
  checkParameters(tensors, expected, file.path);
  const stateDict = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const [name, shape] of expected) stateDict.set(name, { shape, data: await readTensor(name) });
  assertFiniteWeights(stateDict, file.path);
  return stateDict;
}

/** The tensors of `network_weights` under plain names. */
function networkWeights(
  root: Awaited<ReturnType<typeof readTorchCheckpoint>>['root'],
  file: string,
): ReadonlyMap<string, TorchTensor> {
  const weights = isDict(root) ? root.get('network_weights') : undefined;
  if (!isDict(weights)) {
    const found = isDict(root)
      ? `only ${[...root.keys()].slice(0, 8).join(', ')}`
      : `a ${pickleTypeName(root)}`;
    throw new StudioError(
      'BadCheckpoint',
      `${file} has no network_weights; it holds ${found}.`,
      'Use a checkpoint that the trainer of nnU-Net v2 wrote.',
    );
  }
  return plainEntries(tensorEntries(weights));
}

function* tensorEntries(weights: PickleMap): Generator<[string, TorchTensor]> {
  for (const [name, tensor] of weights) {
    if (typeof name === 'string' && tensor instanceof TorchTensor) yield [name, tensor];
  }
}
