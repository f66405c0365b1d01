// PyTorch's `.pth`. Since 1.6 a zip: `<any name>/data.pkl` describes the values, `<any name>/data/<key>` holds one
// storage each, raw. Before that (and with `_use_new_zipfile_serialization=False`) several pickles in a row, then the
// storages. A tensor is a view of a storage (offset, size, strides), and several tensors may share one.
import type { SourceFile } from '@/core/io/sourceFile';
import { isZip, openZip, withRandomAccess } from '@/core/io/zip';
import { StudioError } from '@/shared/errors';
import { elementCount, formatShape } from '@/shared/geometry';
import { type Unpickled, unpickle } from './pickle';
import { allow, PYTHON_GLOBALS } from './pickleGlobals';
import {
  integerItems,
  PickleGlobal,
  PickleObject,
  PickleTuple,
  type PickleValue,
  pickleTypeName,
  sequenceItems,
} from './pickleValues';
import { TENSOR_DTYPES, type TensorDtype, toFloat32 } from './tensorDtypes';

/** By the name of the storage class without `Storage`. */
const ELEMENT_TYPES: Readonly<Record<string, TensorDtype>> = {
  Float: TENSOR_DTYPES.F32,
  Double: TENSOR_DTYPES.F64,
  Half: TENSOR_DTYPES.F16,
  BFloat16: TENSOR_DTYPES.BF16,
  Long: TENSOR_DTYPES.I64,
  Int: TENSOR_DTYPES.I32,
  Short: TENSOR_DTYPES.I16,
  Char: TENSOR_DTYPES.I8,
  Byte: TENSOR_DTYPES.U8,
  Bool: TENSOR_DTYPES.BOOL,
};

/** Elements of one dtype, outside the pickle. Equal keys are the same storage. */
export class TorchStorage extends PickleObject {
  readonly typeName = 'torch storage';
  readonly key: string;
  readonly elementType: TensorDtype;
  readonly length: number;
  constructor(key: string, elementType: TensorDtype, length: number) {
    super();
    this.key = key;
    this.elementType = elementType;
    this.length = length;
  }
}

/** A view of a storage: sizes, offset and strides in elements. */
export class TorchTensor extends PickleObject {
  readonly typeName = 'torch.Tensor';
  readonly storage: TorchStorage;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  constructor(storage: TorchStorage, offset: number, shape: readonly number[], strides: readonly number[]) {
    super();
    this.storage = storage;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
  }
}

/** A device by name, `cuda:0`. */
export class TorchDevice extends PickleObject {
  readonly typeName = 'torch.device';
  readonly device: string;
  constructor(device: string) {
    super();
    this.device = device;
  }
}

export interface TorchCheckpoint {
  /** What was saved; tensors in it are {@link TorchTensor}s whose elements are not read yet. */
  readonly root: PickleValue;
  /** Elements in row-major order, whatever the strides, as float32. */
  readTensor(tensor: TorchTensor): Promise<Float32Array>;
}

/** Reads what `torch.save` wrote; runs nothing. Throws `DisallowedGlobal`, `BadPickle`, `BadCheckpoint`, `BadZip`. */
export async function readTorchCheckpoint(file: SourceFile): Promise<TorchCheckpoint> {
  const source = await withRandomAccess(file);
  if (await isZip(source)) return readZipCheckpoint(source);
  return readLegacyCheckpoint(source);
}

async function readZipCheckpoint(file: SourceFile): Promise<TorchCheckpoint> {
  const entries = new Map((await openZip(file)).map((entry) => [entry.path, entry]));
  const pickles = [...entries.keys()].filter((path) => /^[^/]+\/data\.pkl$/.test(path));
  if (pickles.length !== 1) {
    throw badCheckpoint(file.path, 'is a zip archive, but not one that PyTorch wrote (it has no data.pkl).');
  }
  const [pickle] = pickles;
  const root = pickle.slice(0, -'data.pkl'.length);
  const content = await entries.get(pickle)?.bytes();
  const byteOrder = await entries.get(`${root}byteorder`)?.bytes();
  const isLittleEndian = byteOrder === undefined || new TextDecoder().decode(byteOrder) !== 'big';

  const { value } = unpickle(content ?? new Uint8Array(), {
    file: file.path,
    globals: TORCH_GLOBALS,
    keepsHarmless: true,
    persistentLoad: loadPersistent,
  });
  return {
    root: value,
    readTensor: async (tensor) => {
      const storage = entries.get(`${root}data/${tensor.storage.key}`);
      if (!storage)
        throw badCheckpoint(file.path, `lacks the storage ${tensor.storage.key}; it is incomplete.`);
      return readView(await storage.bytes(), tensor, isLittleEndian, file.path);
    },
  };
}

/** First pickle of the format before PyTorch 1.6. */
const LEGACY_MAGIC = 0x1950a86a20f9469cfc6cn;

/** Magic, protocol version, system info, value, storage keys: five pickles, then each storage behind its length. */
async function readLegacyCheckpoint(file: SourceFile): Promise<TorchCheckpoint> {
  // A pickle of protocol 2; before anything large is read.
  if ((await file.slice(0, 1))[0] !== 0x80)
    throw badCheckpoint(file.path, 'is not a file that torch.save wrote.');
  const bytes = await file.bytes();
  const storages = new Map<string, TorchStorage>();
  const remember = (id: PickleValue) => {
    const value = loadPersistent(id);
    if (value instanceof TorchStorage) storages.set(value.key, value);
    return value;
  };
  let position = 0;
  const next = (): PickleValue => {
    const options = {
      file: file.path,
      globals: TORCH_GLOBALS,
      keepsHarmless: true,
      persistentLoad: remember,
    };
    const { value, end }: Unpickled = unpickle(bytes.subarray(position), options);
    position += end;
    return value;
  };
  if (next() !== LEGACY_MAGIC)
    throw badCheckpoint(file.path, 'is a pickle, but not one that torch.save wrote.');
  next();
  next();
  const root = next();
  const keys = sequenceItems(next()) ?? [];

  const contents = new Map<string, Uint8Array>();
  for (const key of keys) {
    const storage = storages.get(String(key));
    if (!storage || position + 8 > bytes.length) throw badCheckpoint(file.path, 'is damaged or cut short.');
    const length = Number(viewOf(bytes).getBigInt64(position, true));
    if (length !== storage.length)
      throw badCheckpoint(file.path, 'is damaged: a storage has two different lengths.');
    const start = position + 8;
    position = start + length * storage.elementType.sizeInBytes;
    contents.set(storage.key, bytes.subarray(start, position));
  }
  return {
    root,
    readTensor: async (tensor) =>
      readView(contents.get(tensor.storage.key) ?? new Uint8Array(), tensor, true, file.path),
  };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function badCheckpoint(file: string, what: string): StudioError {
  return new StudioError('BadCheckpoint', `${file} ${what}`, 'Copy or export the model again.');
}

/** The elements of a view, in row-major order. */
function readView(
  bytes: Uint8Array,
  tensor: TorchTensor,
  isLittleEndian: boolean,
  file: string,
): Float32Array {
  const { storage, offset, shape, strides } = tensor;
  const { sizeInBytes, read } = storage.elementType;
  const count = elementCount(shape);
  const last =
    count === 0 ? -1 : offset + shape.reduce((sum, size, axis) => sum + (size - 1) * strides[axis], 0);
  if ((last + 1) * sizeInBytes > bytes.length) {
    throw badCheckpoint(file, `is damaged: a tensor of ${formatShape(shape)} ends beyond its storage.`);
  }
  if (storage.elementType === ELEMENT_TYPES.Float && isLittleEndian && isContiguous(shape, strides)) {
    return toFloat32(bytes.subarray(offset * 4, (offset + count) * 4), ELEMENT_TYPES.Float);
  }
  const view = viewOf(bytes);
  const out = new Float32Array(count);
  const index = shape.map(() => 0);
  let at = offset;
  for (let i = 0; i < count; i++) {
    out[i] = read(view, at * sizeInBytes, isLittleEndian);
    at += advance(index, shape, strides);
  }
  return out;
}

/** Moves `index` one element on, last axis fastest; gives the way in the storage. */
function advance(index: number[], shape: readonly number[], strides: readonly number[]): number {
  let moved = 0;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index[axis]++;
    moved += strides[axis];
    if (index[axis] < shape[axis]) return moved;
    moved -= index[axis] * strides[axis];
    index[axis] = 0;
  }
  return moved;
}

function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= shape[axis];
  }
  return true;
}

/** A storage; or, of the format before PyTorch 1.6, `('module', class, file, source)`, which is its class. */
function loadPersistent(id: PickleValue): PickleValue {
  const [kind, type] = sequenceItems(id) ?? [];
  return kind === 'module' && type !== undefined ? type : loadStorage(id);
}

/** `('storage', storage class, key, location, length)`; legacy files append metadata of a view, or None. */
function loadStorage(id: PickleValue): TorchStorage {
  const [kind, storageClass, key, , length, viewMetadata] = sequenceItems(id) ?? [];
  if (viewMetadata) throw new Error('it has storages that are views of others, as only PyTorch 0.x wrote');
  if (kind !== 'storage' || !(storageClass instanceof PickleGlobal) || typeof key !== 'string') {
    throw new Error('it refers to something that is not a storage');
  }
  const elementType = STORAGE_CLASSES.get(storageClass.typeName);
  if (!elementType) throw new Error(`${storageClass.typeName} is not a storage of numbers`);
  if (typeof length !== 'number' || length < 0) throw new Error('a storage has no length');
  return new TorchStorage(key, elementType, length);
}

const rebuildTensor = ([storage, offset, size, strides]: readonly PickleValue[]): TorchTensor => {
  const shape = integerItems(size);
  const steps = integerItems(strides);
  if (!(storage instanceof TorchStorage) || typeof offset !== 'number' || !shape || !steps) {
    throw new Error('a tensor is malformed');
  }
  const numbers = [offset, ...shape, ...steps];
  if (shape.length !== steps.length || numbers.some((n) => n < 0) || elementCount(shape) > MAX_ELEMENTS) {
    throw new Error(`a tensor has the impossible shape ${formatShape(shape)}`);
  }
  return new TorchTensor(storage, offset, shape, steps);
};

/** One JavaScript array; the largest nnU-Net convolution has under 10 million. */
const MAX_ELEMENTS = 2 ** 31;

const passFirst = ([value]: readonly PickleValue[]): PickleValue => value ?? null;

/** `_rebuild_from_type_v2(function, type, arguments, state)`: a tensor with attributes, which are dropped. */
const rebuildFromType = ([rebuild, , args]: readonly PickleValue[]): PickleValue => {
  if (!(rebuild instanceof PickleGlobal)) throw new Error('a tensor is malformed');
  return rebuild.call(sequenceItems(args) ?? []);
};

const device = ([type, index]: readonly PickleValue[]): TorchDevice => {
  if (typeof type !== 'string') throw new Error(`a device cannot be ${pickleTypeName(type ?? null)}`);
  return new TorchDevice(typeof index === 'number' ? `${type}:${index}` : type);
};

/** Elements that are no numbers of the kinds that weights have. They may lie in a file, but are not read. */
const OTHER_ELEMENT_TYPES: Readonly<Record<string, TensorDtype>> = Object.fromEntries(
  Object.entries({ ComplexFloat: 8, ComplexDouble: 16, QInt8: 1, QUInt8: 1, QInt32: 4, QUInt4x2: 1 }).map(
    ([name, sizeInBytes]) => [name, { sizeInBytes, read: () => Number.NaN }],
  ),
);

const STORED_TYPES = Object.entries({ ...ELEMENT_TYPES, ...OTHER_ELEMENT_TYPES });

const STORAGE_CLASSES: ReadonlyMap<string, TensorDtype> = new Map([
  ...STORED_TYPES.map(([name, type]) => [`torch.${name}Storage`, type] as const),
  ...STORED_TYPES.map(([name, type]) => [`torch.cuda.${name}Storage`, type] as const),
  // Untyped storages count bytes.
  ['torch.storage.UntypedStorage', ELEMENT_TYPES.Byte],
]);

const DTYPES = [
  'float32',
  'float64',
  'float16',
  'bfloat16',
  'int64',
  'int32',
  'int16',
  'int8',
  'uint8',
  'bool',
];

const TORCH_GLOBALS: ReadonlyMap<string, PickleGlobal> = new Map([
  ...PYTHON_GLOBALS,
  ...allow(['torch._utils'], '_rebuild_tensor_v2', rebuildTensor),
  ...allow(['torch._utils'], '_rebuild_tensor', rebuildTensor),
  ...allow(['torch._utils'], '_rebuild_parameter', passFirst),
  ...allow(['torch._utils'], '_rebuild_parameter_with_state', passFirst),
  ...allow(['torch._tensor'], '_rebuild_from_type_v2', rebuildFromType),
  ...allow(['torch'], 'device', device),
  ...allow(['torch'], 'Size', ([items]) => new PickleTuple(sequenceItems(items ?? null) ?? [])),
  ...allow(['torch'], 'Tensor'),
  ...allow(['torch.nn.parameter'], 'Parameter'),
  ...DTYPES.flatMap((name) => allow(['torch'], name)),
  ...[...STORAGE_CLASSES.keys()].map((fullName): [string, PickleGlobal] => {
    const dot = fullName.lastIndexOf('.');
    return allow([fullName.slice(0, dot)], fullName.slice(dot + 1))[0];
  }),
]);
