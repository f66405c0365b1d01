// Names of Python and numpy that checkpoints use, as plain data. None of these runs anything.
import { fromFloat16Bits } from '@/shared/numeric';
import { PickleOpaque } from './pickleOpaque';
import {
  inertGlobal,
  integerItems,
  OrderedDict,
  PickleGlobal,
  type PickleMap,
  PickleObject,
  PickleTuple,
  type PickleValue,
  pickleTypeName,
  sequenceItems,
} from './pickleValues';

type Call = (args: readonly PickleValue[]) => PickleValue;

/** Globals by full name, for several modules under which Python versions keep the same thing. */
export function allow(modules: readonly string[], name: string, call?: Call): [string, PickleGlobal][] {
  return modules.map((module) => {
    const fullName = `${module}.${name}`;
    return [fullName, call ? new PickleGlobal(fullName, call) : inertGlobal(fullName)];
  });
}

/** A numpy dtype. */
class NumpyDtype extends PickleObject {
  readonly typeName = 'numpy.dtype';
  /** Kind and width, as in `f8`. */
  readonly code: string;
  private isLittleEndian = true;
  private statedSize = 0;

  constructor(code: string) {
    super();
    this.code = code.replace(/^[<>=|]/, '');
    if (code.startsWith('>')) this.isLittleEndian = false;
  }

  /** `(version, byte order, subtype, names, fields, bytes of an item, …)`. */
  override setState(state: PickleValue): void {
    const [, byteOrder, , , , itemSize] = sequenceItems(state) ?? [];
    if (byteOrder === '>') this.isLittleEndian = false;
    if (typeof itemSize === 'number' && itemSize > 0) this.statedSize = itemSize;
  }

  get itemSize(): number {
    if (this.code === '?') return 1;
    const width = Number.parseInt(this.code.slice(1), 10) || 0;
    return this.statedSize || (this.code.startsWith('U') ? CODE_POINT_BYTES * width : width);
  }

  /** What lies at byte `offset`: a number, text, a pair for a complex number; the bytes of any other kind. */
  read(view: DataView, offset: number): PickleValue {
    if (Object.hasOwn(NUMBERS, this.code)) return NUMBERS[this.code](view, offset, this.isLittleEndian);
    const bytes = new Uint8Array(view.buffer, view.byteOffset + offset, this.itemSize);
    switch (this.code[0]) {
      case 'U':
        return this.text(view, offset);
      case 'S':
        return bytes.slice(0, bytes.findLastIndex((byte) => byte !== 0) + 1);
      case 'c': {
        const part = NUMBERS[this.itemSize === 8 ? 'f4' : 'f8'];
        const imaginary = offset + this.itemSize / 2;
        return new PickleTuple([
          part(view, offset, this.isLittleEndian),
          part(view, imaginary, this.isLittleEndian),
        ]);
      }
      default:
        return bytes.slice();
    }
  }

  private text(view: DataView, offset: number): string {
    let text = '';
    for (let at = offset; at < offset + this.itemSize; at += CODE_POINT_BYTES) {
      text += String.fromCodePoint(view.getUint32(at, this.isLittleEndian));
    }
    return text.replace(/\0+$/, '');
  }
}

/** numpy keeps text in UTF-32. */
const CODE_POINT_BYTES = 4;

type ReadNumber = (view: DataView, offset: number, isLittleEndian: boolean) => PickleValue;

const NUMBERS: Readonly<Record<string, ReadNumber>> = {
  f2: (view, offset, little) => fromFloat16Bits(view.getUint16(offset, little)),
  f4: (view, offset, little) => view.getFloat32(offset, little),
  f8: (view, offset, little) => view.getFloat64(offset, little),
  i1: (view, offset) => view.getInt8(offset),
  i2: (view, offset, little) => view.getInt16(offset, little),
  i4: (view, offset, little) => view.getInt32(offset, little),
  i8: (view, offset, little) => Number(view.getBigInt64(offset, little)),
  u1: (view, offset) => view.getUint8(offset),
  u2: (view, offset, little) => view.getUint16(offset, little),
  u4: (view, offset, little) => view.getUint32(offset, little),
  u8: (view, offset, little) => Number(view.getBigUint64(offset, little)),
  b1: (view, offset) => view.getUint8(offset) !== 0,
  '?': (view, offset) => view.getUint8(offset) !== 0,
};

/** A numpy array; its values are filled in by its state. */
export class NumpyArray extends PickleObject {
  readonly typeName = 'numpy.ndarray';
  shape: readonly number[] = [];
  /** Row-major unless `isFortranOrder`. */
  values: readonly PickleValue[] = [];
  isFortranOrder = false;

  /** `(version, shape, dtype, is Fortran order, bytes or list)`. */
  override setState(state: PickleValue): void {
    const [, shape, dtype, isFortranOrder, content] = sequenceItems(state) ?? [];
    const sizes = integerItems(shape);
    if (!sizes || !(dtype instanceof NumpyDtype)) throw new Error('a numpy array has no shape or dtype');
    this.shape = sizes;
    this.isFortranOrder = isFortranOrder === true;
    this.values = Array.isArray(content) ? content : readValues(bytesOf(content), dtype);
  }
}

function readValues(bytes: Uint8Array, dtype: NumpyDtype): readonly PickleValue[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = dtype.itemSize > 0 ? Math.floor(bytes.length / dtype.itemSize) : 0;
  return Array.from({ length: count }, (_, i) => dtype.read(view, i * dtype.itemSize));
}

function bytesOf(value: PickleValue | undefined): Uint8Array {
  if (value instanceof Uint8Array) return value;
  // Protocol 2 has no bytes; a Python 2 pickle leaves them as a string of Latin-1 characters.
  if (typeof value === 'string') return encodeLatin1(value);
  throw new Error(`expected bytes, found ${pickleTypeName(value ?? null)}`);
}

function encodeLatin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => {
    const code = character.charCodeAt(0);
    if (code > 255) throw new Error('a character does not fit into Latin-1');
    return code;
  });
}

const numpyScalar: Call = ([dtype, content]) => {
  if (!(dtype instanceof NumpyDtype)) throw new Error('a numpy scalar has no dtype');
  if (dtype.code.startsWith('O')) return content ?? null;
  if (dtype.itemSize === 0) return dtype.code.startsWith('U') ? '' : new Uint8Array();
  const values = readValues(bytesOf(content), dtype);
  if (values.length !== 1) throw new Error('a numpy scalar has not one value');
  return values[0];
};

/** `numpy.ndarray(shape, dtype, buffer)`. */
const numpyArray: Call = ([shape, dtype, buffer]) => {
  const array = new NumpyArray();
  array.setState(new PickleTuple([1, shape ?? null, dtype ?? null, false, buffer ?? null]));
  return array;
};

/** Named by a code; those of records by a class, their size in their state. */
const numpyDtype: Call = ([code]) => new NumpyDtype(typeof code === 'string' ? code : 'V0');

/** `_codecs.encode(text, 'latin1')`: how protocol 2 writes bytes. */
const codecsEncode: Call = ([text, encoding]) => {
  if (typeof text !== 'string' || (encoding !== 'latin1' && encoding !== 'latin-1')) {
    throw new Error('only Latin-1 text can be turned into bytes');
  }
  return encodeLatin1(text);
};

const itemsOf = (value: PickleValue | undefined): readonly PickleValue[] =>
  value instanceof Set ? [...value] : (sequenceItems(value) ?? []);

/** `bytearray(bytes)`, `bytearray(text, 'latin-1')`. */
const byteArray: Call = ([content]) => (content === undefined ? new Uint8Array() : bytesOf(content).slice());

/** `Counter(dict)`. */
const counter: Call = ([counts]) => new Map(counts instanceof Map ? counts : []);

/** `copyreg._reconstructor(class, base, state)`: how protocols 0 and 1 make an instance. */
const reconstruct: Call = ([type]) =>
  new PickleOpaque(type instanceof PickleGlobal ? type.typeName : pickleTypeName(type ?? null));

const orderedDict: Call = ([pairs]) => {
  const dict: PickleMap = new OrderedDict();
  for (const pair of itemsOf(pairs)) {
    const [key, value] = itemsOf(pair);
    dict.set(key ?? null, value ?? null);
  }
  return dict;
};

const BUILTINS = ['builtins', '__builtin__'];
const MULTIARRAY = ['numpy.core.multiarray', 'numpy._core.multiarray'];

/** Containers of Python and numbers of numpy. */
export const PYTHON_GLOBALS: ReadonlyMap<string, PickleGlobal> = new Map([
  ...allow(['collections'], 'OrderedDict', orderedDict),
  // The factory of a defaultdict only matters to who goes on adding to it.
  ...allow(['collections'], 'defaultdict', () => new Map()),
  ...allow(BUILTINS, 'set', ([items]) => new Set(itemsOf(items))),
  ...allow(BUILTINS, 'frozenset', ([items]) => new Set(itemsOf(items))),
  ...allow(BUILTINS, 'slice', (args) => new PickleTuple(args)),
  ...allow(BUILTINS, 'complex', (args) => new PickleTuple(args)),
  ...allow(BUILTINS, 'range', (args) => new PickleTuple(args)),
  ...allow(BUILTINS, 'xrange', (args) => new PickleTuple(args)),
  ...allow(BUILTINS, 'bytearray', byteArray),
  ...allow(BUILTINS, 'bytes', byteArray),
  ...allow(['collections'], 'Counter', counter),
  ...allow(['collections'], 'deque', ([items]) => [...itemsOf(items)]),
  ...allow(['copyreg', 'copy_reg'], '_reconstructor', reconstruct),
  ...['list', 'dict', 'tuple', 'int', 'float', 'bool', 'str', 'long', 'unicode'].flatMap((name) =>
    allow(BUILTINS, name),
  ),
  ...allow(['_codecs'], 'encode', codecsEncode),
  ...allow(MULTIARRAY, 'scalar', numpyScalar),
  ...allow(MULTIARRAY, '_reconstruct', () => new NumpyArray()),
  ...allow(['numpy'], 'dtype', numpyDtype),
  ...allow(['numpy'], 'ndarray', numpyArray),
]);
