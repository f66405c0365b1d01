import * as ort from 'onnxruntime-web';
import { describe, expect, test } from 'vitest';
import { encodeOnnxModel, type OnnxModel } from '@/core/interop/onnxProto';

const SCALED: OnnxModel = {
  graphName: 'g',
  producer: 'p',
  opset: 17,
  nodes: [
    { operator: 'LeakyRelu', inputs: ['x'], outputs: ['h'], attributes: { alpha: { float: 0.25 } } },
    { operator: 'Mul', inputs: ['h', 'scale'], outputs: ['y'] },
  ],
  initializers: [{ name: 'scale', shape: [2], data: Float32Array.of(3, -5) }],
  inputs: [{ name: 'x', shape: ['n', 2] }],
  outputs: [{ name: 'y', shape: ['n', 2] }],
};

describe('encodeOnnxModel', () => {
  test('writes the bytes that the protobuf schema asks for', () => {
    const model: OnnxModel = {
      ...SCALED,
      nodes: [{ operator: 'Neg', inputs: ['x'], outputs: ['y'], attributes: { a: { ints: [-1, 300] } } }],
      initializers: [{ name: 's', shape: [1], data: BigInt64Array.of(-2n) }],
      inputs: [{ name: 'x', shape: [5] }],
      outputs: [{ name: 'y', shape: ['n'] }],
    };
    const minusOne = 'ff ff ff ff ff ff ff ff ff 01';
    const attribute = `0a 01 61  40 ${minusOne}  40 ac 02  a0 01 07`;
    const node = `0a 01 78  12 01 79  1a 01 79  22 03 4e 65 67  2a 14 ${attribute}`;
    const tensor = '08 01  10 07  42 01 73  4a 08 fe ff ff ff ff ff ff ff';
    const input = '0a 01 78  12 0a 0a 08 08 01 12 04 0a 02 08 05';
    const output = '0a 01 79  12 0b 0a 09 08 01 12 05 0a 03 12 01 6e';
    const graph = `0a 24 ${node}  12 01 67  2a 11 ${tensor}  5a 0f ${input}  62 10 ${output}`;
    const expected = `08 08  12 01 70  3a 5f ${graph}  42 04 0a 00 10 11`;
    expect(hex(encodeOnnxModel(model))).toBe(expected.replaceAll(' ', ''));
  });

  test('onnxruntime computes what the nodes say, for a batch that the caller chooses', async () => {
    const session = await ort.InferenceSession.create(encodeOnnxModel(SCALED));
    const x = new ort.Tensor('float32', Float32Array.of(1, -4, 2, 8, -8, 0), [3, 2]);
    const { y } = await session.run({ x });
    expect([...y.dims]).toEqual([3, 2]);
    expect([...(y.data as Float32Array)]).toEqual([3, 5, 6, -40, -6, -0]);
  });

  test('metadata travels with the file', () => {
    const metadata = { k: 'v' };
    const withoutMetadata = hex(encodeOnnxModel(SCALED));
    expect(hex(encodeOnnxModel({ ...SCALED, metadata }))).toBe(`${withoutMetadata}72060a016b120176`);
  });

  test('a constant whose data does not fill its shape is refused by name', () => {
    const initializers = [{ name: 'scale', shape: [3], data: Float32Array.of(1, 2) }];
    expect(() => encodeOnnxModel({ ...SCALED, initializers })).toThrow(
      'onnx: scale has 2 elements, its shape is [3]',
    );
  });
});

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
