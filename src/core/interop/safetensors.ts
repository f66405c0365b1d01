// safetensors: 8 bytes of header length, a JSON header of names, dtypes, shapes and byte ranges, then the tensors.
import { z } from 'zod';
import type { SourceFile } from '@/core/io/sourceFile';
import { withRandomAccess } from '@/core/io/zip';
import { StudioError } from '@/shared/errors';
import { elementCount } from '@/shared/geometry';
import { parseJson, validate } from './json';
import type { StateDict, WeightTensor } from './model';
import { TENSOR_DTYPES, toFloat32 } from './tensorDtypes';

/** The format's own limit. */
const MAX_HEADER_BYTES = 100e6;

const METADATA = '__metadata__';

const tensorSchema = z.object({
  dtype: z.string(),
  shape: z.array(z.int().min(0)),
  data_offsets: z.tuple([z.int().min(0), z.int().min(0)]),
});
const headerSchema = z.record(z.string(), z.union([tensorSchema, z.record(z.string(), z.string())]));

/** A file whose tensors are read when they are asked for. */
export interface OpenSafetensors {
  /** Shapes by name, in the file's order. */
  readonly tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>;
  readonly metadata: Readonly<Record<string, string>>;
  /** The elements as float32, whatever the file's dtype. */
  readTensor(name: string): Promise<Float32Array>;
}

/** Reads the header alone. Throws `BadSafetensors`, naming the tensor that is wrong. */
export async function openSafetensors(source: SourceFile): Promise<OpenSafetensors> {
  const file = await withRandomAccess(source);
  const dataStart = await headerEnd(file);
  const text = new TextDecoder().decode(await file.slice(8, dataStart));
  const header = validate(headerSchema, parseJson(text, file.path), file.path, 'BadSafetensors');
  const tensors = new Map<string, TensorEntry>();
  let metadata: Readonly<Record<string, string>> = {};
  for (const [name, entry] of Object.entries(header)) {
    if (isTensor(entry)) {
      assertReadable(name, entry, file.sizeInBytes - dataStart, file.path);
      tensors.set(name, entry);
    } else if (name === METADATA) metadata = entry;
    else throw bad(file.path, `${name} has no shape`);
  }
  return {
    tensors,
    metadata,
    async readTensor(name) {
      const entry = tensors.get(name);
      if (!entry) throw bad(file.path, `it has no tensor ${name}`);
      const [start, end] = entry.data_offsets;
      return toFloat32(await file.slice(dataStart + start, dataStart + end), TENSOR_DTYPES[entry.dtype]);
    },
  };
}

/**
 * A file with these float32 tensors, in pieces that lie one behind the other: the header, and the tensors where they are.
 * Metadata is text by text.
 */
export function safetensorsPieces(
  tensors: StateDict,
  metadata: Readonly<Record<string, string>> = {},
): readonly Uint8Array[] {
  let offset = 0;
  const header: Record<string, unknown> = Object.keys(metadata).length > 0 ? { [METADATA]: metadata } : {};
  for (const [name, { shape, data }] of tensors) {
    if (elementCount(shape) !== data.length)
      throw new Error(`${name}: ${data.length} elements in ${shape.join(' × ')}`);
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  // Spaces at the header's end keep the tensors aligned to 8 bytes.
  const headerLength = Math.ceil(json.length / 8) * 8;
  const start = new Uint8Array(8 + headerLength);
  new DataView(start.buffer).setBigUint64(0, BigInt(headerLength), true);
  start.fill(0x20, 8);
  start.set(json, 8);
  const bytesOf = ({ data }: WeightTensor) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return [start, ...Array.from(tensors.values(), bytesOf)];
}

async function headerEnd(file: SourceFile): Promise<number> {
  if (file.sizeInBytes < 8) throw bad(file.path, 'it is too short');
  const start = await file.slice(0, 8);
  const length = Number(new DataView(start.buffer, start.byteOffset, 8).getBigUint64(0, true));
  if (length > MAX_HEADER_BYTES || 8 + length > file.sizeInBytes)
    throw bad(file.path, 'its header is longer than the file');
  return 8 + length;
}

type TensorEntry = z.output<typeof tensorSchema>;

function isTensor(entry: TensorEntry | Record<string, string>): entry is TensorEntry {
  return Array.isArray(entry.shape);
}

function assertReadable(name: string, entry: TensorEntry, dataBytes: number, file: string): void {
  const { dtype, shape, data_offsets } = entry;
  const [start, end] = data_offsets;
  const type = Object.hasOwn(TENSOR_DTYPES, dtype) ? TENSOR_DTYPES[dtype] : undefined;
  if (!type) throw bad(file, `${name} has the dtype ${dtype}, which is not known here`);
  if (end > dataBytes || end - start !== elementCount(shape) * type.sizeInBytes) {
    throw bad(file, `the bytes of ${name} do not fit its shape`);
  }
}

function bad(file: string, what: string): StudioError {
  return new StudioError(
    'BadSafetensors',
    `${file} is no valid safetensors file: ${what}.`,
    'Copy or export it again.',
  );
}
