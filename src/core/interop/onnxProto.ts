// The part of ONNX's protobuf schema (onnx/onnx.proto3) that a network of ours needs, written byte by byte.
// A message is a list of fields `(number << 3 | wire type) value`; a nested message is its own bytes with their length.
// Ours, as protobufjs (8.8.1) brings a whole compiler of schemas for a dozen messages, and copies the weights once more.

import { elementCount } from '@/shared/geometry';

/** Attribute of a node: an integer, a float, a string, or a list of integers. */
export type OnnxAttribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly string: string }
  | { readonly ints: readonly number[] };

/** Element types of tensors that are told apart here, by their numbers in ONNX. */
const ONNX_TYPES = { float: 1, int64: 7 } as const;

/** One operation. Inputs and outputs are names of values; a left-out optional input is `''`. */
export interface OnnxNode {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
}

/** A constant: a weight (f32) or a shape (int64). `data` is row-major. */
export interface OnnxInitializer {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array | BigInt64Array;
}

/** An input or output of the graph, f32. A string in `shape` names a size that the caller chooses. */
export interface OnnxValueInfo {
  readonly name: string;
  readonly shape: readonly (number | string)[];
}

export interface OnnxModel {
  readonly graphName: string;
  readonly producer: string;
  readonly opset: number;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxInitializer[];
  readonly inputs: readonly OnnxValueInfo[];
  readonly outputs: readonly OnnxValueInfo[];
  /** Free key and value pairs that travel with the file. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** IR version of ONNX 1.12, the first whose checker knows opset 17. */
const IR_VERSION = 8;

const ATTRIBUTE_FLOAT = 1;
const ATTRIBUTE_INT = 2;
const ATTRIBUTE_STRING = 3;
const ATTRIBUTE_INTS = 7;

/** How a field's value is stored. */
export const WIRE = { varint: 0, fixed64: 1, lengthDelimited: 2, fixed32: 5 } as const;

/** A message under construction: pieces in order and their total size, so that weights are copied once. */
interface Message {
  readonly pieces: readonly Uint8Array[];
  readonly byteLength: number;
}

/** The bytes of a `.onnx` file. */
export function encodeOnnxModel(model: OnnxModel): Uint8Array {
  return toBytes(
    message(
      varintField(1, IR_VERSION),
      stringField(2, model.producer),
      messageField(7, graphMessage(model)),
      messageField(8, message(stringField(1, ''), varintField(2, model.opset))),
      ...Object.entries(model.metadata ?? {}).map(([key, value]) =>
        messageField(14, message(stringField(1, key), stringField(2, value))),
      ),
    ),
  );
}

function graphMessage(model: OnnxModel): Message {
  return message(
    ...model.nodes.map((node) => messageField(1, nodeMessage(node))),
    stringField(2, model.graphName),
    ...model.initializers.map((initializer) => messageField(5, tensorMessage(initializer))),
    ...model.inputs.map((input) => messageField(11, valueInfoMessage(input))),
    ...model.outputs.map((output) => messageField(12, valueInfoMessage(output))),
  );
}

function nodeMessage({ operator, inputs, outputs, attributes = {} }: OnnxNode): Message {
  return message(
    ...inputs.map((name) => stringField(1, name)),
    ...outputs.map((name) => stringField(2, name)),
    stringField(3, outputs[0]),
    stringField(4, operator),
    ...Object.entries(attributes).map(([name, value]) => messageField(5, attributeMessage(name, value))),
  );
}

function attributeMessage(name: string, value: OnnxAttribute): Message {
  const named = stringField(1, name);
  if ('float' in value) return message(named, floatField(2, value.float), varintField(20, ATTRIBUTE_FLOAT));
  if ('int' in value) return message(named, varintField(3, value.int), varintField(20, ATTRIBUTE_INT));
  if ('string' in value)
    return message(named, stringField(4, value.string), varintField(20, ATTRIBUTE_STRING));
  return message(named, ...value.ints.map((item) => varintField(8, item)), varintField(20, ATTRIBUTE_INTS));
}

function tensorMessage({ name, shape, data }: OnnxInitializer): Message {
  if (elementCount(shape) !== data.length) {
    throw new Error(`onnx: ${name} has ${data.length} elements, its shape is [${shape.join(', ')}]`);
  }
  // `raw_data` is little-endian, as every machine that runs JavaScript is.
  const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return message(
    ...shape.map((size) => varintField(1, size)),
    varintField(2, data instanceof Float32Array ? ONNX_TYPES.float : ONNX_TYPES.int64),
    stringField(8, name),
    bytesField(9, raw),
  );
}

function valueInfoMessage({ name, shape }: OnnxValueInfo): Message {
  const dimensions = shape.map((size) =>
    messageField(1, message(typeof size === 'string' ? stringField(2, size) : varintField(1, size))),
  );
  const tensorType = message(varintField(1, ONNX_TYPES.float), messageField(2, message(...dimensions)));
  return message(stringField(1, name), messageField(2, message(messageField(1, tensorType))));
}

function message(...parts: readonly Message[]): Message {
  return {
    pieces: parts.flatMap((part) => part.pieces),
    byteLength: parts.reduce((sum, part) => sum + part.byteLength, 0),
  };
}

function piece(bytes: Uint8Array): Message {
  return { pieces: [bytes], byteLength: bytes.byteLength };
}

function varintField(field: number, value: number): Message {
  return piece(Uint8Array.from([...varint((field << 3) | WIRE.varint), ...varint(value)]));
}

function floatField(field: number, value: number): Message {
  const number = new Uint8Array(4);
  new DataView(number.buffer).setFloat32(0, value, true);
  return piece(Uint8Array.from([...varint((field << 3) | WIRE.fixed32), ...number]));
}

function stringField(field: number, value: string): Message {
  return bytesField(field, new TextEncoder().encode(value));
}

function bytesField(field: number, bytes: Uint8Array): Message {
  return messageField(field, piece(bytes));
}

function messageField(field: number, content: Message): Message {
  const tag = [...varint((field << 3) | WIRE.lengthDelimited), ...varint(content.byteLength)];
  return message(piece(Uint8Array.from(tag)), content);
}

/** Seven bits a byte, lowest first, the top bit set on all but the last; a negative number as its 64-bit two's complement. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return bytes;
}

function toBytes({ pieces, byteLength }: Message): Uint8Array {
  const bytes = new Uint8Array(byteLength);
  let offset = 0;
  for (const part of pieces) {
    bytes.set(part, offset);
    offset += part.byteLength;
  }
  return bytes;
}
