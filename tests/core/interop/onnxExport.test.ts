import * as ort from 'onnxruntime-web';
import { describe, expect, test } from 'vitest';
import { exportGraphToOnnx, exportUNetToOnnx } from '@/core/interop/onnxExport';
import { interpret } from '@/graph/interpreter';
import type { StateTensors } from '@/graph/parameters';
import type { Architecture } from '@/nn/architecture';
import { initialise } from '@/nn/initialise';
import { buildUNet, UNET_INPUT, type UNetOptions } from '@/nn/unet';
import { elementCount } from '@/shared/geometry';
import { randomNormal, seededRandom } from '@/shared/random';

const PLAIN_3D: Architecture = {
  networkClass: 'PlainConvUNet',
  nStages: 3,
  featuresPerStage: [3, 5, 6],
  kernelSizes: [
    [1, 3, 3],
    [3, 3, 3],
    [3, 3, 3],
  ],
  strides: [
    [1, 1, 1],
    [1, 2, 2],
    [2, 2, 2],
  ],
  nConvPerStage: [2, 1, 2],
  nConvPerStageDecoder: [1, 2],
  convBias: true,
  normEps: 1e-5,
  normAffine: true,
  negativeSlope: 0.01,
};

const RESIDUAL_3D: Architecture = {
  ...PLAIN_3D,
  networkClass: 'ResidualEncoderUNet',
  featuresPerStage: [3, 5, 5],
  nConvPerStage: [1, 2, 1],
};

const to2D = (architecture: Architecture): Architecture => ({
  ...architecture,
  kernelSizes: [
    [3, 3],
    [3, 3],
    [5, 3],
  ],
  strides: [
    [1, 1],
    [2, 2],
    [1, 2],
  ],
});

const OPTIONS: UNetOptions = {
  inputChannels: 2,
  outputChannels: 3,
  batch: 2,
  patchSize: [4, 8, 12],
  deepSupervision: false,
};

interface Case {
  readonly name: string;
  readonly architecture: Architecture;
  readonly patchSize: readonly number[];
}

const CASES: readonly Case[] = [
  { name: 'plain 3D, anisotropic', architecture: PLAIN_3D, patchSize: [4, 8, 12] },
  { name: 'residual 3D', architecture: RESIDUAL_3D, patchSize: [4, 8, 12] },
  { name: 'plain 2D', architecture: to2D(PLAIN_3D), patchSize: [8, 12] },
  { name: 'residual 2D', architecture: to2D(RESIDUAL_3D), patchSize: [8, 12] },
  {
    name: 'no biases, norms that learn nothing',
    architecture: { ...PLAIN_3D, convBias: false, normAffine: false },
    patchSize: [4, 8, 12],
  },
  {
    name: 'batch norm and dropout',
    architecture: {
      ...RESIDUAL_3D,
      batchNorm: { momentum: 0.1 },
      dropout: { probability: 0.5, of: 'channels' },
    },
    patchSize: [4, 8, 12],
  },
  {
    name: 'batch norm that learns nothing, 2D',
    architecture: { ...to2D(PLAIN_3D), normAffine: false, batchNorm: { momentum: 0.1 } },
    patchSize: [8, 12],
  },
];

describe('exportUNetToOnnx', () => {
  test.each(CASES)(
    '$name computes in onnxruntime what it computes here',
    async ({ architecture, patchSize }) => {
      const options = { ...OPTIONS, patchSize };
      const graph = buildUNet(architecture, options);
      const weights = noisyWeights(graph.parameters);
      const shape = [options.batch, options.inputChannels, ...patchSize];
      const input = randomNormal(elementCount(shape), 3);

      const feeds = new Map([...weights].map(([name, { data }]) => [name, data]));
      const [expected] = interpret(graph.outputs, feeds.set(UNET_INPUT, input));
      const outputs = await runOnnx(exportUNetToOnnx(architecture, options, weights), input, shape);

      expect(Object.keys(outputs)).toEqual(['logits']);
      expect([...outputs.logits.dims]).toEqual([options.batch, options.outputChannels, ...patchSize]);
      expect(relativeDifference(outputs.logits.data as Float32Array, expected)).toBeLessThan(1e-5);
    },
  );
});

describe('exportGraphToOnnx', () => {
  const options = { ...OPTIONS, deepSupervision: true };
  const graph = buildUNet(PLAIN_3D, options);
  const weights = initialise(graph.parameters, 1);

  test('every head is an output, the finest first', async () => {
    const bytes = exportGraphToOnnx(graph, weights, { graphName: 'heads', dimensions: 3 });
    const session = await ort.InferenceSession.create(bytes);
    expect([...session.outputNames]).toEqual(['logits_0', 'logits_1']);
    const outputs = await runOnnx(bytes, new Float32Array(2 * 2 * 4 * 8 * 12), [2, 2, 4, 8, 12]);
    expect([...outputs.logits_0.dims]).toEqual([2, 3, 4, 8, 12]);
    expect([...outputs.logits_1.dims]).toEqual([2, 3, 4, 4, 6]);
  });

  test('weights that are missing or misshaped are named', () => {
    const name = 'decoder.transpconvs.0.weight';
    const without = new Map([...weights].filter(([each]) => each !== name));
    const misshaped = new Map(weights).set(name, { shape: [7], data: new Float32Array(7) });
    const exportWith = (given: StateTensors) =>
      exportGraphToOnnx(graph, given, { graphName: 'g', dimensions: 3 });
    expect(() => exportWith(without)).toThrow(
      `The weights of ${name} are missing; the network needs 6 × 5 × 2 × 2 × 2.`,
    );
    expect(() => exportWith(misshaped)).toThrow(`The weights of ${name} have the shape 7;`);
  });

  test('a network with depth is not written as 2D', () => {
    expect(() => exportGraphToOnnx(graph, weights, { graphName: 'g', dimensions: 2 })).toThrow(
      'has depth, so it cannot be written as 2D',
    );
  });
});

/** Seeded weights in which nothing is 0 or 1: a swapped bias or a forgotten norm shows. */
function noisyWeights(parameters: Parameters<typeof initialise>[0]): StateTensors {
  const random = seededRandom(5);
  return new Map(
    [...initialise(parameters, 4)].map(([name, { shape, data }]) => [
      name,
      { shape, data: data.map((value) => value + 0.2 * random.normal()) },
    ]),
  );
}

async function runOnnx(bytes: Uint8Array, input: Float32Array, shape: readonly number[]) {
  const session = await ort.InferenceSession.create(bytes);
  return session.run({ [UNET_INPUT]: new ort.Tensor('float32', input, shape) });
}

/** `max |a − b| / max |b|`. */
function relativeDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  let difference = 0;
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    difference = Math.max(difference, Math.abs(a[i] - b[i]));
    largest = Math.max(largest, Math.abs(b[i]));
  }
  return difference / largest;
}
