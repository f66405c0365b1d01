import { describe, expect, test } from 'vitest';
import { onnxFacts } from '@/core/interop/foreignNetwork';
import { encodeOnnxModel, type OnnxModel } from '@/core/interop/onnxProto';
import { readOnnx } from '@/core/interop/onnxReader';

const MODEL: OnnxModel = {
  graphName: 'g',
  producer: 'p',
  opset: 17,
  nodes: [
    {
      operator: 'Op',
      inputs: ['x', '', 'c'],
      outputs: ['y'],
      attributes: {
        alpha: { float: 0.25 },
        axis: { int: -1 },
        mode: { string: 'SAME' },
        pads: { ints: [1, 0, 300] },
      },
    },
  ],
  initializers: [
    { name: 'c', shape: [2], data: Float32Array.of(3, -5) },
    { name: 'shape', shape: [2], data: BigInt64Array.of(-1n, 7n) },
  ],
  inputs: [{ name: 'x', shape: ['n', 2] }],
  outputs: [{ name: 'y', shape: ['n', 2] }],
  metadata: { k: 'v' },
};

const field = (number: number, content: readonly number[]) => [number * 8 + 2, content.length, ...content];
const bytesOf = (text: string) => [...new TextEncoder().encode(text)];

/** A file with one constant, its message given, and an output. */
function withTensor(tensor: readonly number[]): Uint8Array {
  const output = field(12, field(1, bytesOf('y')));
  return Uint8Array.from(field(7, [...field(5, tensor), ...output]));
}

describe('readOnnx', () => {
  test('reads what was written', () => {
    const { nodes, initializers, inputs, outputs, metadata, opset, producer } = readOnnx(
      encodeOnnxModel(MODEL),
      'f.onnx',
    );
    expect({ opset, producer, inputs, outputs }).toEqual({
      opset: 17,
      producer: 'p',
      inputs: MODEL.inputs,
      outputs: MODEL.outputs,
    });
    expect(initializers).toEqual(MODEL.initializers);
    expect([...metadata]).toEqual([['k', 'v']]);
    const [{ attributes, ...node }] = nodes;
    expect(node).toEqual({ operator: 'Op', domain: '', inputs: ['x', '', 'c'], outputs: ['y'] });
    expect(Object.fromEntries(attributes)).toEqual(MODEL.nodes[0].attributes);
  });

  test('a constant that older files list among the inputs is none', () => {
    const inputs = [...MODEL.inputs, { name: 'c', shape: [2] }];
    const read = readOnnx(encodeOnnxModel({ ...MODEL, inputs }), 'f.onnx');
    expect(read.inputs.map(({ name }) => name)).toEqual(['x']);
  });

  // Data types by ONNX's numbers: 10 float16, 11 double, 16 bfloat16, 6 int32, 1 float.
  test.each([
    { what: 'halves', type: 10, raw: [0x00, 0x3c, 0x00, 0xc0], values: [1, -2] },
    { what: 'bfloat16', type: 16, raw: [0x80, 0x3f, 0x00, 0xc0], values: [1, -2] },
    {
      what: 'doubles',
      type: 11,
      raw: [0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0xc0],
      values: [1, -2],
    },
    { what: 'int32', type: 6, raw: [1, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff], values: [1, -2] },
  ])('$what are read', ({ type, raw, values }) => {
    const { initializers } = readOnnx(withTensor([8, 2, 16, type, ...field(9, raw)]), 'f.onnx');
    expect(Array.from(initializers[0].data, Number)).toEqual(values);
  });

  test('floats and integers that are listed, packed or one by one, are read', () => {
    const one = [0x25, 0, 0, 0x80, 0x3f]; // float_data, fixed32
    const packed = field(4, [0, 0, 0, 0xc0]);
    const floats = readOnnx(withTensor([8, 2, 16, 1, ...one, ...packed]), 'f.onnx');
    expect([...floats.initializers[0].data]).toEqual([1, -2]);
    const integers = readOnnx(withTensor([8, 3, 16, 7, 56, 5, ...field(7, [1, 2])]), 'f.onnx');
    expect([...integers.initializers[0].data]).toEqual([5n, 1n, 2n]);
  });

  test.each([
    { what: 'nothing', bytes: Uint8Array.of(), message: /it holds no network/ },
    { what: 'text', bytes: Uint8Array.from(bytesOf('{"a": 1}')), message: /cannot be read/ },
    {
      what: 'a value that is cut',
      bytes: Uint8Array.of(0x3a, 40, 1),
      message: /ends in the middle of a value/,
    },
    {
      what: 'too few values',
      bytes: withTensor([8, 3, 16, 1, ...field(9, [0, 0, 0, 0])]),
      message: /has 1 values/,
    },
    {
      what: 'half a float',
      bytes: withTensor([8, 1, 16, 1, ...field(9, [0, 0, 0])]),
      message: /middle of a number/,
    },
    {
      what: 'text as weights',
      bytes: withTensor([8, 1, 16, 8, ...field(9, [65])]),
      message: /element type \(8\)/,
    },
    { what: 'weights elsewhere', bytes: withTensor([8, 1, 16, 1, 112, 1]), message: /lie in another file/ },
  ])('$what is refused with the file’s name', ({ bytes, message }) => {
    const read = () => readOnnx(bytes, 'f.onnx');
    expect(read).toThrow(message);
    expect(read).toThrow(/^f\.onnx/);
  });

  test('a whole file cut anywhere is refused, or is a shorter file that says less', () => {
    const whole = encodeOnnxModel(MODEL);
    let refused = 0;
    for (let length = 0; length < whole.length; length++) {
      try {
        readOnnx(whole.subarray(0, length), 'f.onnx');
      } catch (error) {
        expect(error).toMatchObject({ name: 'BadOnnx' });
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(whole.length - 40); // behind the network come its version and metadata
  });
});

describe('onnxFacts', () => {
  const factsOf = (
    input: readonly (number | string)[],
    output: readonly (number | string)[],
    operator = 'Op',
  ) =>
    onnxFacts(
      readOnnx(
        encodeOnnxModel({
          ...MODEL,
          nodes: [{ operator, inputs: ['x'], outputs: ['y'] }],
          inputs: [{ name: 'x', shape: input }],
          outputs: [{ name: 'y', shape: output }],
        }),
        'f.onnx',
      ),
    );

  test('tell channels, classes and patch, channels first or last', () => {
    expect(factsOf(['n', 2, 32, 64, 64], ['n', 5, 32, 64, 64], 'Softmax')).toEqual({
      dimensions: 3,
      channels: 2,
      classes: 5,
      patchSize: [32, 64, 64],
      layout: 'NCZYX',
      activation: 'softmax',
    });
    expect(factsOf([1, 'h', 'w', 3], [1, 'h', 'w', 2])).toEqual({
      dimensions: 2,
      channels: 3,
      classes: 2,
      patchSize: [undefined, undefined],
      layout: 'NYXC',
      activation: 'none',
    });
    expect(factsOf([1, 10], [1, 2]).dimensions).toBeUndefined();
  });
});
