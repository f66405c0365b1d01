// A `.onnx` file read: the part of ONNX's protobuf schema (onnx/onnx.proto3) that says what a network computes.

import { StudioError } from '@/shared/errors';
import { elementCount } from '@/shared/geometry';
import { fromFloat16Bits } from '@/shared/numeric';
import { type OnnxInitializer, type OnnxValueInfo, WIRE } from './onnxProto';

/** An attribute as a file may hold it; of kinds that no network here has, only that it is there. */
export type ReadAttribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly string: string }
  | { readonly ints: readonly number[] }
  | { readonly floats: readonly number[] }
  | { readonly tensor: ReadTensor }
  | { readonly other: true };

/** A constant. Floats of any width become f32, integers of any width int64; `data` is row-major. */
export type ReadTensor = Pick<OnnxInitializer, 'shape' | 'data'>;

export interface ReadNode {
  readonly operator: string;
  /** `''` for ONNX's own operators. */
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, ReadAttribute>;
}

export interface ReadOnnxModel {
  readonly producer: string;
  /** Version of ONNX's own operators. */
  readonly opset: number;
  readonly nodes: readonly ReadNode[];
  readonly initializers: readonly OnnxInitializer[];
  /** Without those that are initialisers, which older files list too. */
  readonly inputs: readonly OnnxValueInfo[];
  readonly outputs: readonly OnnxValueInfo[];
  readonly metadata: ReadonlyMap<string, string>;
}

/** Element types of a constant (`TensorProto.DataType`) that can be read. */
const TYPE = {
  float: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  double: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
} as const;

/** Constants kept in files beside the model. */
const EXTERNAL_DATA = 1;

/**
 * Reads the bytes of a `.onnx` file. Throws `BadOnnx`, naming `file`, where they end too early, are no ONNX model, or keep
 * their weights elsewhere.
 */
export function readOnnx(bytes: Uint8Array, file: string): ReadOnnxModel {
  try {
    // Node's Buffer is one too, but its `slice` does not copy.
    return readModel(new FieldReader(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)));
  } catch (error) {
    if (!(error instanceof OnnxSyntaxError)) throw error;
    throw new StudioError(
      'BadOnnx',
      `${file} cannot be read as an ONNX model: ${error.message}.`,
      'Download or export the file again; weights must be inside it, not in files beside it.',
      { cause: error },
    );
  }
}

/** What is wrong with the bytes; {@link readOnnx} knows the file. */
class OnnxSyntaxError extends Error {}

function readModel(reader: FieldReader): ReadOnnxModel {
  let producer = '';
  let opset = 1;
  let graph: Graph | undefined;
  const metadata = new Map<string, string>();
  for (const field of reader.fields()) {
    if (field.number === 2) producer = field.text();
    else if (field.number === 7) graph = readGraph(field.message());
    else if (field.number === 8) opset = readOpset(field.message()) ?? opset;
    else if (field.number === 14) {
      const [key, value] = readPair(field.message());
      metadata.set(key, value);
    }
  }
  if (!graph || graph.outputs.length === 0) throw new OnnxSyntaxError('it holds no network');
  const constants = new Set(graph.initializers.map(({ name }) => name));
  const inputs = graph.inputs.filter(({ name }) => !constants.has(name));
  return { producer, opset, ...graph, inputs, metadata };
}

type Graph = Pick<ReadOnnxModel, 'nodes' | 'initializers' | 'inputs' | 'outputs'>;

function readGraph(reader: FieldReader): Graph {
  const nodes: ReadNode[] = [];
  const initializers: OnnxInitializer[] = [];
  const inputs: OnnxValueInfo[] = [];
  const outputs: OnnxValueInfo[] = [];
  for (const field of reader.fields()) {
    if (field.number === 1) nodes.push(readNode(field.message()));
    else if (field.number === 5) initializers.push(readTensor(field.message()));
    else if (field.number === 11) inputs.push(readValueInfo(field.message()));
    else if (field.number === 12) outputs.push(readValueInfo(field.message()));
    else if (field.number === 15) throw new OnnxSyntaxError('its weights are sparse');
  }
  return { nodes, initializers, inputs, outputs };
}

/** Version of an operator set; `undefined` for another domain's. */
function readOpset(reader: FieldReader): number | undefined {
  let domain = '';
  let version = 1;
  for (const field of reader.fields()) {
    if (field.number === 1) domain = field.text();
    else if (field.number === 2) version = field.integer();
  }
  return domain === '' || domain === 'ai.onnx' ? version : undefined;
}

function readPair(reader: FieldReader): [string, string] {
  let key = '';
  let value = '';
  for (const field of reader.fields()) {
    if (field.number === 1) key = field.text();
    else if (field.number === 2) value = field.text();
  }
  return [key, value];
}

function readNode(reader: FieldReader): ReadNode {
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes = new Map<string, ReadAttribute>();
  let operator = '';
  let domain = '';
  for (const field of reader.fields()) {
    if (field.number === 1) inputs.push(field.text());
    else if (field.number === 2) outputs.push(field.text());
    else if (field.number === 4) operator = field.text();
    else if (field.number === 5) {
      const [name, value] = readAttribute(field.message());
      attributes.set(name, value);
    } else if (field.number === 7) domain = field.text();
  }
  return { operator, domain: domain === 'ai.onnx' ? '' : domain, inputs, outputs, attributes };
}

function readAttribute(reader: FieldReader): [string, ReadAttribute] {
  let name = '';
  let value: ReadAttribute | undefined;
  const ints: number[] = [];
  const floats: number[] = [];
  let kind = 0;
  for (const field of reader.fields()) {
    if (field.number === 1) name = field.text();
    else if (field.number === 2) value = { float: field.float() };
    else if (field.number === 3) value = { int: field.integer() };
    else if (field.number === 4) value = { string: field.text() };
    else if (field.number === 5) value = { tensor: readTensor(field.message()) };
    else if (field.number === 7) floats.push(...field.floats());
    else if (field.number === 8) ints.push(...field.integers());
    else if (field.number === 20) kind = field.integer();
  }
  if (value) return [name, value];
  // A zero may be left out, and an empty list always is: then only the kind says what it was.
  const empty: Readonly<Record<number, ReadAttribute>> = {
    1: { float: 0 },
    2: { int: 0 },
    3: { string: '' },
    6: { floats },
    7: { ints },
  };
  if (ints.length > 0) return [name, { ints }];
  if (floats.length > 0) return [name, { floats }];
  return [name, empty[kind] ?? { other: true }];
}

function readValueInfo(reader: FieldReader): OnnxValueInfo {
  let name = '';
  let shape: readonly (number | string)[] = [];
  for (const field of reader.fields()) {
    if (field.number === 1) name = field.text();
    else if (field.number === 2) shape = readTensorType(field.message());
  }
  return { name, shape };
}

function readTensorType(reader: FieldReader): readonly (number | string)[] {
  const sizes: (number | string)[] = [];
  for (const type of reader.fields()) {
    if (type.number !== 1) throw new OnnxSyntaxError('an input or output of the network is no tensor');
    for (const part of type.message().fields()) {
      if (part.number !== 2) continue;
      for (const dimension of part.message().fields()) {
        if (dimension.number === 1) sizes.push(readDimension(dimension.message()));
      }
    }
  }
  return sizes;
}

/** A size, or the name of one that the caller chooses. */
function readDimension(reader: FieldReader): number | string {
  let size: number | string = '';
  for (const field of reader.fields()) {
    if (field.number === 1) size = field.integer();
    else if (field.number === 2) size = field.text();
  }
  return size;
}

function readTensor(reader: FieldReader): OnnxInitializer {
  const shape: number[] = [];
  let name = '';
  let type = 0;
  let raw: Uint8Array | undefined;
  const listed: number[] = [];
  for (const field of reader.fields()) {
    if (field.number === 1) shape.push(...field.integers());
    else if (field.number === 2) type = field.integer();
    else if (field.number === 4) for (const value of field.floats()) listed.push(value);
    else if (field.number === 5 || field.number === 7 || field.number === 11) {
      for (const value of field.integers()) listed.push(value);
    } else if (field.number === 8) name = field.text();
    else if (field.number === 9) raw = field.bytes();
    else if (field.number === 10) for (const value of field.doubles()) listed.push(value);
    else if (field.number === 14 && field.integer() === EXTERNAL_DATA) {
      throw new OnnxSyntaxError(`the weights ${name} lie in another file`);
    }
  }
  const data = raw ? rawValues(raw, type, name) : listedValues(listed, type);
  if (data.length !== elementCount(shape)) {
    throw new OnnxSyntaxError(
      `the constant ${name} has ${data.length} values where its shape [${shape.join(', ')}] has ${elementCount(shape)}`,
    );
  }
  return { name, shape, data };
}

function listedValues(values: readonly number[], type: number): Float32Array | BigInt64Array {
  if (type === TYPE.float16) return Float32Array.from(values, fromFloat16Bits);
  if (type === TYPE.float || type === TYPE.double) return Float32Array.from(values);
  return BigInt64Array.from(values, (value) => BigInt(value));
}

function rawValues(raw: Uint8Array, type: number, name: string): Float32Array | BigInt64Array {
  const bytes = raw.slice(); // at an offset that every element type can be read from
  switch (type) {
    case TYPE.float:
      return new Float32Array(bytes.buffer, 0, whole(bytes, 4, name));
    case TYPE.double:
      return Float32Array.from(new Float64Array(bytes.buffer, 0, whole(bytes, 8, name)));
    case TYPE.float16:
      return Float32Array.from(new Uint16Array(bytes.buffer, 0, whole(bytes, 2, name)), fromFloat16Bits);
    case TYPE.bfloat16: {
      const high = Uint32Array.from(
        new Uint16Array(bytes.buffer, 0, whole(bytes, 2, name)),
        (half) => half << 16,
      );
      return new Float32Array(high.buffer);
    }
    case TYPE.int64:
    case TYPE.uint64:
      return new BigInt64Array(bytes.buffer, 0, whole(bytes, 8, name));
    case TYPE.int32:
      return bigIntegers(new Int32Array(bytes.buffer, 0, whole(bytes, 4, name)));
    case TYPE.uint32:
      return bigIntegers(new Uint32Array(bytes.buffer, 0, whole(bytes, 4, name)));
    case TYPE.int16:
      return bigIntegers(new Int16Array(bytes.buffer, 0, whole(bytes, 2, name)));
    case TYPE.uint16:
      return bigIntegers(new Uint16Array(bytes.buffer, 0, whole(bytes, 2, name)));
    case TYPE.int8:
      return bigIntegers(new Int8Array(bytes.buffer));
    case TYPE.uint8:
    case TYPE.bool:
      return bigIntegers(bytes);
    default:
      throw new OnnxSyntaxError(`the constant ${name} is of an element type (${type}) that cannot be read`);
  }
}

function bigIntegers(values: ArrayLike<number>): BigInt64Array {
  return BigInt64Array.from({ length: values.length }, (_, i) => BigInt(values[i]));
}

/** Elements of so many bytes each; there must be no rest. */
function whole(bytes: Uint8Array, size: number, name: string): number {
  if (bytes.length % size !== 0) {
    throw new OnnxSyntaxError(`the constant ${name} ends in the middle of a number`);
  }
  return bytes.length / size;
}

/** One field of a message, its value not looked into yet. */
class Field {
  readonly number: number;
  private readonly wire: number;
  private readonly content: Uint8Array;
  private readonly value: number;

  constructor(number: number, wire: number, content: Uint8Array, value: number) {
    this.number = number;
    this.wire = wire;
    this.content = content;
    this.value = value;
  }

  bytes(): Uint8Array {
    if (this.wire !== WIRE.lengthDelimited) throw this.unexpected();
    return this.content;
  }

  message(): FieldReader {
    return new FieldReader(this.bytes());
  }

  text(): string {
    return new TextDecoder().decode(this.bytes());
  }

  integer(): number {
    if (this.wire !== WIRE.varint) throw this.unexpected();
    return this.value;
  }

  float(): number {
    if (this.wire !== WIRE.fixed32) throw this.unexpected();
    return this.value;
  }

  /** One integer, or a packed list. */
  integers(): number[] {
    if (this.wire === WIRE.varint) return [this.value];
    return [...this.message().packedIntegers()];
  }

  floats(): readonly number[] {
    if (this.wire === WIRE.fixed32) return [this.value];
    const bytes = this.bytes().slice();
    return Array.from(new Float32Array(bytes.buffer, 0, whole(bytes, 4, 'of floats')));
  }

  doubles(): readonly number[] {
    if (this.wire === WIRE.fixed64) return [this.value];
    const bytes = this.bytes().slice();
    return Array.from(new Float64Array(bytes.buffer, 0, whole(bytes, 8, 'of doubles')));
  }

  private unexpected(): OnnxSyntaxError {
    return new OnnxSyntaxError(`field ${this.number} is stored as nothing that ONNX has there`);
  }
}

/** Reads the fields of one message in order. */
class FieldReader {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private offset = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  *fields(): Generator<Field> {
    while (this.offset < this.bytes.length) {
      const tag = this.varint();
      const wire = tag & 7;
      const number = Math.floor(tag / 8);
      if (number === 0) throw new OnnxSyntaxError(`there is no field at byte ${this.offset}`);
      yield this.field(number, wire);
    }
  }

  *packedIntegers(): Generator<number> {
    while (this.offset < this.bytes.length) yield this.varint();
  }

  private field(number: number, wire: number): Field {
    const none = this.bytes.subarray(0, 0);
    switch (wire) {
      case WIRE.varint:
        return new Field(number, wire, none, this.varint());
      case WIRE.fixed64:
        return new Field(number, wire, none, this.view.getFloat64(this.take(8), true));
      case WIRE.fixed32:
        return new Field(number, wire, none, this.view.getFloat32(this.take(4), true));
      case WIRE.lengthDelimited: {
        const length = this.varint();
        const start = this.take(length);
        return new Field(number, wire, this.bytes.subarray(start, start + length), 0);
      }
      default:
        throw new OnnxSyntaxError(`byte ${this.offset} is not the beginning of a field`);
    }
  }

  /** Steps over so many bytes and returns where they start. */
  private take(length: number): number {
    const start = this.offset;
    if (length < 0 || start + length > this.bytes.length) {
      throw new OnnxSyntaxError(`it ends in the middle of a value, at byte ${this.bytes.length}`);
    }
    this.offset += length;
    return start;
  }

  /** A whole number; negative ones are stored as their 64-bit two's complement. */
  private varint(): number {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.bytes[this.take(1)];
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(BigInt.asIntN(64, value));
    }
    throw new OnnxSyntaxError(`a number is too long at byte ${this.offset}`);
  }
}
