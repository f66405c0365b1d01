import { isDict, OrderedDict, type PickleValue, pickleTypeName } from '@/core/interop/pickleValues';
import { readTorchCheckpoint, TorchTensor } from '@/core/interop/torchCheckpoint';
import { fileName, type SourceFile } from '@/core/io/sourceFile';
import { formatSizes } from './table';

/** More entries than this are counted, not listed. */
const MAX_LISTED = 24;
/** Entries of the file itself are opened, what is in them is not. */
const MAX_DEPTH = 1;

/** The tree of a `.pth`: names, types, shapes. Nothing in it is run. */
export async function describeCheckpoint(file: SourceFile): Promise<readonly string[]> {
  const { root } = await readTorchCheckpoint(file);
  return [`PyTorch checkpoint ${fileName(file)}`, ...describeValue(root, 1)];
}

function describeValue(value: PickleValue, depth: number): readonly string[] {
  const indent = '  '.repeat(depth);
  if (!isDict(value)) return [`${indent}${summaryOf(value)}`];
  const entries = [...value];
  const lines = entries.slice(0, MAX_LISTED).flatMap(([key, entry]) => {
    const isOpened = isDict(entry) && entry.size > 0 && depth <= MAX_DEPTH;
    const line = `${indent}${String(key)}: ${summaryOf(entry)}`;
    return isOpened ? [line, ...describeValue(entry, depth + 1)] : [line];
  });
  const more = entries.length - MAX_LISTED;
  return more > 0 ? [...lines, `${indent}… and ${more} more`] : lines;
}

function summaryOf(value: PickleValue): string {
  if (value instanceof TorchTensor) return `tensor ${formatSizes(value.shape) || 'of one number'}`;
  if (isDict(value)) return `${value instanceof OrderedDict ? 'ordered dict' : 'dict'} of ${value.size}`;
  if (Array.isArray(value)) return `list of ${value.length}`;
  if (typeof value === 'string') return JSON.stringify(value);
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return String(value);
  return pickleTypeName(value);
}
