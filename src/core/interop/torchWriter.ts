// Writes what `torch.load` reads: a zip of stored entries with a pickle of protocol 2 and raw little-endian storages.

import { writeZip } from '@/core/io/zipStream';
import { elementCount } from '@/shared/geometry';
import { OrderedDict, PickleGlobal, PickleTuple } from './pickleValues';
import { TorchDevice } from './torchCheckpoint';

/** Elements of a saved tensor: float32 or int64. */
type TensorData = Float32Array | BigInt64Array;

/** A tensor; those made from one `data` array share a storage. */
export class TensorToSave {
  readonly data: TensorData;
  readonly shape: readonly number[];
  constructor(data: TensorData, shape: readonly number[]) {
    this.data = data;
    this.shape = shape;
  }
}

/** An array of numpy; `dtype` is numpy's own string, and `bytes` are the elements as it says, row by row. */
export class NumpyArrayToSave {
  readonly dtype: '<i8' | '<f8';
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
  constructor(dtype: '<i8' | '<f8', shape: readonly number[], bytes: Uint8Array) {
    this.dtype = dtype;
    this.shape = shape;
    this.bytes = bytes;
  }
}

/** A Python float where the number alone would be an int. */
export class PickleFloat {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/** Whole numbers become int, others float; arrays list, maps dict (an {@link OrderedDict} stays one). */
export type SavedValue =
  | null
  | boolean
  | number
  | string
  | PickleFloat
  | PickleTuple
  | PickleGlobal
  | TorchDevice
  | TensorToSave
  | NumpyArrayToSave
  | readonly SavedValue[]
  | ReadonlyMap<unknown, unknown>;

/** The bytes of a `.pth`. Throws a plain `Error` on values that have no Python counterpart here. */
export function writeTorchCheckpoint(value: SavedValue, archiveName = 'archive'): Uint8Array {
  const pickler = new Pickler();
  const pickle = pickler.dump(value);
  const text = (content: string) => new TextEncoder().encode(content);
  return writeZip([
    { path: `${archiveName}/data.pkl`, content: pickle },
    { path: `${archiveName}/byteorder`, content: text('little') },
    ...pickler.storages.map((data, key) => ({
      path: `${archiveName}/data/${key}`,
      content: littleEndianBytes(data),
    })),
    { path: `${archiveName}/version`, content: text('3\n') },
  ]);
}

/** The bytes of a `.pkl`, as `pickle.load` of Python 3 reads it. */
export function writePickle(value: Exclude<SavedValue, TensorToSave>): Uint8Array {
  return new Pickler().dump(value);
}

/** Typed arrays are in the machine's order, and every machine that runs this is little-endian. */
function littleEndianBytes(data: TensorData): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** Instructions of the pickle machine, by their names in Python's `pickletools`. */
const OP = {
  PROTO_2: [0x80, 2],
  STOP: '.',
  MARK: '(',
  NONE: 'N',
  TRUE: 0x88,
  FALSE: 0x89,
  BININT: 'J',
  BINFLOAT: 'G',
  LONG1: 0x8a,
  UNICODE: 'X',
  BINBYTES: 'B',
  EMPTY_LIST: ']',
  APPENDS: 'e',
  EMPTY_DICT: '}',
  SETITEMS: 'u',
  TUPLE: 't',
  GLOBAL: 'c',
  REDUCE: 'R',
  PERSISTENT_ID: 'Q',
} as const;

class Pickler {
  /** In order of their keys. */
  readonly storages: TensorData[] = [];
  private bytes = new Uint8Array(1 << 16);
  private length = 0;

  dump(value: SavedValue): Uint8Array {
    this.emit(OP.PROTO_2[0], OP.PROTO_2[1]);
    this.save(value);
    this.emit(OP.STOP);
    return this.bytes.slice(0, this.length);
  }

  private save(value: unknown): void {
    if (value === null) this.emit(OP.NONE);
    else if (value === true) this.emit(OP.TRUE);
    else if (value === false) this.emit(OP.FALSE);
    else if (typeof value === 'number') this.saveNumber(value);
    else if (typeof value === 'string') this.saveText(value);
    else if (value instanceof PickleFloat) this.saveFloat(value.value);
    else if (value instanceof PickleTuple) this.saveTuple(value.items);
    else if (value instanceof PickleGlobal) this.saveName(value.typeName);
    else if (value instanceof TensorToSave) this.saveTensor(value);
    else if (value instanceof NumpyArrayToSave) this.saveNumpyArray(value);
    else if (value instanceof TorchDevice)
      this.saveCall('torch', 'device', value.device.split(':').map(deviceArgument));
    else if (value instanceof Map) this.saveDict(value);
    else if (Array.isArray(value)) this.saveList(value);
    else throw new Error(`a ${typeof value} cannot be saved in a checkpoint`);
  }

  private saveNumber(value: number): void {
    if (!Number.isInteger(value)) this.saveFloat(value);
    else if (value === (value | 0)) this.saveInt32(value);
    else if (Number.isSafeInteger(value)) this.saveInt64(value);
    else throw new Error(`${value} is no exact integer; save it as a PickleFloat`);
  }

  private saveInt64(value: number): void {
    this.emit(OP.LONG1, 8);
    this.append(8, (view) => view.setBigInt64(0, BigInt(value), true));
  }

  private saveInt32(value: number): void {
    this.emit(OP.BININT);
    this.append(4, (view) => view.setInt32(0, value, true));
  }

  private saveFloat(value: number): void {
    this.emit(OP.BINFLOAT);
    this.append(8, (view) => view.setFloat64(0, value, false));
  }

  private saveText(text: string): void {
    const encoded = new TextEncoder().encode(text);
    this.emit(OP.UNICODE);
    this.append(4, (view) => view.setUint32(0, encoded.length, true));
    this.appendBytes(encoded);
  }

  /** `numpy.ndarray(shape, numpy.dtype(dtype), buffer)`. */
  private saveNumpyArray({ dtype, shape, bytes }: NumpyArrayToSave): void {
    this.saveGlobal('numpy', 'ndarray');
    this.emit(OP.MARK);
    this.saveTuple(shape);
    this.saveCall('numpy', 'dtype', [dtype]);
    this.emit(OP.BINBYTES);
    this.append(4, (view) => view.setUint32(0, bytes.length, true));
    this.appendBytes(bytes);
    this.emit(OP.TUPLE, OP.REDUCE);
  }

  private saveTuple(items: readonly unknown[]): void {
    this.emit(OP.MARK);
    for (const item of items) this.save(item);
    this.emit(OP.TUPLE);
  }

  private saveList(items: readonly unknown[]): void {
    this.emit(OP.EMPTY_LIST, OP.MARK);
    for (const item of items) this.save(item);
    this.emit(OP.APPENDS);
  }

  private saveDict(dict: ReadonlyMap<unknown, unknown>): void {
    if (dict instanceof OrderedDict) this.saveCall('collections', 'OrderedDict', []);
    else this.emit(OP.EMPTY_DICT);
    this.emit(OP.MARK);
    for (const [key, item] of dict) {
      this.save(key);
      this.save(item);
    }
    this.emit(OP.SETITEMS);
  }

  private saveGlobal(module: string, name: string): void {
    this.emit(OP.GLOBAL);
    this.appendBytes(new TextEncoder().encode(`${module}\n${name}\n`));
  }

  /** `module.name`, to be imported by who loads it. */
  private saveName(fullName: string): void {
    const dot = fullName.lastIndexOf('.');
    this.saveGlobal(fullName.slice(0, dot), fullName.slice(dot + 1));
  }

  private saveCall(module: string, name: string, args: readonly unknown[]): void {
    this.saveGlobal(module, name);
    this.saveTuple(args);
    this.emit(OP.REDUCE);
  }

  /** `_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, backward_hooks)`. */
  private saveTensor({ data, shape }: TensorToSave): void {
    if (elementCount(shape) !== data.length)
      throw new Error(`${data.length} elements do not make ${shape.join(' × ')}`);
    this.saveGlobal('torch._utils', '_rebuild_tensor_v2');
    this.emit(OP.MARK);
    this.saveStorage(data);
    this.saveInt32(0);
    this.saveTuple(shape);
    this.saveTuple(shape.map((_, axis) => elementCount(shape.slice(axis + 1))));
    this.emit(OP.FALSE);
    this.saveCall('collections', 'OrderedDict', []);
    this.emit(OP.TUPLE, OP.REDUCE);
  }

  /** The id `('storage', torch.FloatStorage, key, 'cpu', length)`, or of a LongStorage. */
  private saveStorage(data: TensorData): void {
    let key = this.storages.indexOf(data);
    if (key < 0) key = this.storages.push(data) - 1;
    this.emit(OP.MARK);
    this.saveText('storage');
    this.saveGlobal('torch', data instanceof Float32Array ? 'FloatStorage' : 'LongStorage');
    this.saveText(String(key));
    this.saveText('cpu');
    this.saveNumber(data.length);
    this.emit(OP.TUPLE, OP.PERSISTENT_ID);
  }

  private emit(...codes: readonly (string | number)[]): void {
    this.appendBytes(
      Uint8Array.from(codes, (code) => (typeof code === 'string' ? code.charCodeAt(0) : code)),
    );
  }

  private append(size: number, write: (view: DataView) => void): void {
    const bytes = new Uint8Array(size);
    write(new DataView(bytes.buffer));
    this.appendBytes(bytes);
  }

  private appendBytes(bytes: Uint8Array): void {
    if (this.length + bytes.length > this.bytes.length) {
      const grown = new Uint8Array(2 * (this.length + bytes.length));
      grown.set(this.bytes.subarray(0, this.length));
      this.bytes = grown;
    }
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }
}

/** `cuda:0` is `device('cuda', 0)`. */
function deviceArgument(part: string, position: number): string | number {
  return position === 0 ? part : Number(part);
}
