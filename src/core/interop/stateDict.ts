// The names of a checkpoint's tensors. nnU-Net's networks register every convolution and norm twice
// (`conv` and `all_modules.0`) and the whole encoder once more below the decoder; wrappers of PyTorch add prefixes.

import type { Architecture } from '@/nn/architecture';
import { buildUNet } from '@/nn/unet';
import { StudioError } from '@/shared/errors';
import { formatShape } from '@/shared/geometry';
import type { WeightTensor } from './model';
import { TensorToSave } from './torchWriter';

/** `DistributedDataParallel` and `torch.compile`. */
const WRAPPER_PREFIX = /^(?:module\.|_orig_mod\.)+/;
const ENCODER_ALIAS = /^decoder\.encoder\./;
const MODULE_LIST_ALIAS = /\.all_modules\.\d+\./;
const UNIT_TENSOR = /^(.*)\.(conv|norm)\.(weight|bias|running_mean|running_var|num_batches_tracked)$/;

/**
 * The entries under their plain names, each tensor once. A tensor known only by its alias below the decoder counts
 * under its own name.
 */
export function plainEntries<T>(entries: Iterable<readonly [string, T]>): Map<string, T> {
  const plain = new Map<string, T>();
  const aliases = new Map<string, T>();
  for (const [rawName, value] of entries) {
    const name = rawName.replace(WRAPPER_PREFIX, '');
    if (MODULE_LIST_ALIAS.test(name)) continue;
    if (ENCODER_ALIAS.test(name)) aliases.set(name.replace(ENCODER_ALIAS, 'encoder.'), value);
    else plain.set(name, value);
  }
  for (const [name, value] of aliases) {
    if (!plain.has(name)) plain.set(name, value);
  }
  return plain;
}

/**
 * Every parameter of a network with its shape, in the order of the state dict: conv `[out, in, k…]`, transposed conv
 * `[in, out, k…]`; kernels of a 2d network have two axes.
 */
export function expectedParameters(
  architecture: Architecture,
  inputChannels: number,
  outputChannels: number,
): ReadonlyMap<string, readonly number[]> {
  const dimensions = architecture.kernelSizes[0].length;
  const patchSize = Array.from({ length: dimensions }, (_, axis) =>
    architecture.strides.reduce((product, stride) => product * stride[axis], 1),
  );
  const { parameters } = buildUNet(architecture, {
    inputChannels,
    outputChannels,
    patchSize,
    batch: 1,
    deepSupervision: false,
  });
  return new Map(
    parameters.map(({ attributes, shape }) => [
      attributes.name,
      dimensions === 2 && shape.length === 5 ? [...shape.slice(0, 2), ...shape.slice(3)] : shape,
    ]),
  );
}

/**
 * Checks names and shapes against the network the plans describe. Throws `WeightsMismatch` naming a tensor that is
 * missing, of another shape, or of no use.
 */
export function checkParameters(
  found: ReadonlyMap<string, { readonly shape: readonly number[] }>,
  expected: ReadonlyMap<string, readonly number[]>,
  file: string,
): void {
  for (const [name, shape] of expected) {
    const tensor = found.get(name);
    if (!tensor) throw weightsMismatch(`${file} lacks the tensor ${name} (${formatShape(shape)})`);
    if (formatShape(tensor.shape) !== formatShape(shape)) {
      throw weightsMismatch(
        `${file}: the tensor ${name} is ${formatShape(tensor.shape)}, but the plans' network has ${formatShape(shape)}`,
      );
    }
  }
  for (const name of found.keys()) {
    if (!expected.has(name))
      throw weightsMismatch(`${file} has the tensor ${name}, which the plans' network has not`);
  }
}

function weightsMismatch(what: string): StudioError {
  return new StudioError(
    'WeightsMismatch',
    `${what}.`,
    'The checkpoint belongs to another architecture than its plans.json; put the files of one training together.',
  );
}

/** What torch registers as a buffer: part of the state dict, but not of what an optimiser counts or changes. */
export function isBufferName(name: string): boolean {
  return /\.(running_mean|running_var|num_batches_tracked)$/.test(name);
}

/** A tensor of the state dict in torch's own type: counts are int64. */
export function stateTensor(name: string, { data, shape }: WeightTensor): TensorToSave {
  const isCount = name.endsWith('.num_batches_tracked');
  return new TensorToSave(isCount ? BigInt64Array.from(data, BigInt) : data, shape);
}

/** Units without activation have no dropout either: the second convolution and the projection of a residual block. */
const WITHOUT_DROPOUT = /\.(conv2|skip\.\d+)$/;

/**
 * All keys of the state dict that PyTorch loads strictly, aliases included, each with the plain name it stands for.
 * Where the architecture has dropout it takes a place among a unit's modules.
 */
export function stateDictKeys(
  plainNames: Iterable<string>,
  { dropout }: Pick<Architecture, 'dropout'> = {},
): readonly { readonly key: string; readonly name: string }[] {
  const keys: { key: string; name: string }[] = [];
  let modules: { prefix: string; entries: { key: string; name: string }[] } | undefined;
  const flush = () => {
    keys.push(...(modules?.entries ?? []));
    modules = undefined;
  };
  for (const name of plainNames) {
    const [, prefix, module, leaf] = UNIT_TENSOR.exec(name) ?? [];
    if (modules && modules.prefix !== prefix) flush();
    keys.push({ key: name, name });
    if (prefix === undefined) continue;
    modules ??= { prefix, entries: [] };
    const norm = dropout && !WITHOUT_DROPOUT.test(prefix) ? 2 : 1;
    modules.entries.push({ key: `${prefix}.all_modules.${module === 'conv' ? 0 : norm}.${leaf}`, name });
  }
  flush();
  const encoder = keys.filter(({ key }) => key.startsWith('encoder.'));
  const decoder = keys.filter(({ key }) => !key.startsWith('encoder.'));
  return [...encoder, ...encoder.map(({ key, name }) => ({ key: `decoder.${key}`, name })), ...decoder];
}
