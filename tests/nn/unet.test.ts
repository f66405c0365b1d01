import { describe, expect, test } from 'vitest';
import { interpret } from '@/graph/interpreter';
import type { Architecture } from '@/nn/architecture';
import { buildUNet, countParameters, UNET_INPUT } from '@/nn/unet';
import { elementCount } from '@/shared/geometry';
import { PLAIN_3_STAGES, RESIDUAL_3_STAGES } from './architectures';

const OPTIONS = {
  inputChannels: 1,
  outputChannels: 3,
  batch: 1,
  patchSize: [8, 16, 16],
  deepSupervision: true,
};

const unit = (prefix: string) => [
  `${prefix}.conv.weight`,
  `${prefix}.conv.bias`,
  `${prefix}.norm.weight`,
  `${prefix}.norm.bias`,
];
const affine = (prefix: string) => [`${prefix}.weight`, `${prefix}.bias`];
const DECODER_TAIL = [
  ...affine('decoder.transpconvs.0'),
  ...affine('decoder.transpconvs.1'),
  ...affine('decoder.seg_layers.0'),
  ...affine('decoder.seg_layers.1'),
];

describe('buildUNet', () => {
  test('names and counts the parameters of a plain network as nnU-Net does, in its order', () => {
    const { parameters } = buildUNet(PLAIN_3_STAGES, OPTIONS);
    expect(parameters.map(({ attributes }) => attributes.name)).toEqual([
      ...[0, 1, 2].flatMap((stage) => [0, 1].flatMap((i) => unit(`encoder.stages.${stage}.0.convs.${i}`))),
      ...[0, 1].flatMap((step) => [0, 1].flatMap((i) => unit(`decoder.stages.${step}.convs.${i}`))),
      ...DECODER_TAIL,
    ]);
    expect(countParameters(buildUNet(PLAIN_3_STAGES, OPTIONS))).toBe(1_274_406);
  });

  test('names and counts the parameters of a residual network as nnU-Net does, in its order', () => {
    const { parameters } = buildUNet(RESIDUAL_3_STAGES, OPTIONS);
    const block = (stage: number, index: number, hasProjection: boolean) => {
      const prefix = `encoder.stages.${stage}.blocks.${index}`;
      const projection = unit(`${prefix}.skip.1`).filter((name) => !name.endsWith('conv.bias'));
      return [...unit(`${prefix}.conv1`), ...unit(`${prefix}.conv2`), ...(hasProjection ? projection : [])];
    };
    expect(parameters.map(({ attributes }) => attributes.name)).toEqual([
      ...unit('encoder.stem.convs.0'),
      ...block(0, 0, false),
      ...[0, 1, 2].flatMap((index) => block(1, index, index === 0)),
      ...[0, 1, 2, 3].flatMap((index) => block(2, index, index === 0)),
      ...unit('decoder.stages.0.convs.0'),
      ...unit('decoder.stages.1.convs.0'),
      ...DECODER_TAIL,
    ]);
    expect(countParameters(buildUNet(RESIDUAL_3_STAGES, OPTIONS))).toBe(4_273_894);
  });

  test('gives the weights the shapes of the state_dict', () => {
    const shapes = new Map(
      buildUNet(RESIDUAL_3_STAGES, OPTIONS).parameters.map(({ attributes, shape }) => [
        attributes.name,
        shape,
      ]),
    );
    expect(shapes.get('encoder.stages.1.blocks.0.skip.1.conv.weight')).toEqual([64, 32, 1, 1, 1]);
    expect(shapes.get('decoder.stages.1.convs.0.conv.weight')).toEqual([32, 64, 1, 3, 3]);
    expect(shapes.get('decoder.transpconvs.0.weight')).toEqual([128, 64, 2, 2, 2]);
    expect(shapes.get('decoder.transpconvs.1.weight')).toEqual([64, 32, 1, 2, 2]);
  });

  test('projects without pooling where channels change without a stride, pools alone where they stay', () => {
    const names = buildUNet(
      {
        ...RESIDUAL_3_STAGES,
        featuresPerStage: [8, 12, 12],
        strides: [
          [1, 1, 1],
          [1, 1, 1],
          [2, 2, 2],
        ],
      },
      OPTIONS,
    ).parameters.map(({ attributes }) => attributes.name);
    expect(names).toContain('encoder.stages.1.blocks.0.skip.0.conv.weight');
    expect(names.some((name) => name.startsWith('encoder.stages.2.blocks.0.skip'))).toBe(false);
  });

  test('gives the finest head alone without deep supervision, and keeps the parameters of all', () => {
    const graph = buildUNet(PLAIN_3_STAGES, { ...OPTIONS, deepSupervision: false });
    expect(graph.outputs.map(({ shape }) => shape)).toEqual([[1, 3, 8, 16, 16]]);
    expect(graph.parameters.length).toBe(48);
  });

  test('refuses a patch that the strides do not divide, with the sizes', () => {
    expect(() => buildUNet(PLAIN_3_STAGES, { ...OPTIONS, patchSize: [7, 16, 16] })).toThrow(
      /stage 1 has maps of \[7, 8, 8\], but upsampling brings \[8, 8, 8\]/,
    );
  });
});

/** Parameter j, element i: sin(0.37 i + j), scaled per kind (nnunet-behaviour.md, 17.5). */
function exampleWeights(architecture: Architecture): Map<string, Float64Array> {
  return new Map(
    buildUNet(architecture, OPTIONS).parameters.map(({ attributes: { name }, shape }, j) => {
      const [, ...perFirst] = shape;
      const scaled = (v: number) => {
        if (shape.length > 1) return v / Math.sqrt(elementCount(perFirst));
        return name.endsWith('norm.weight') ? 1 + 0.1 * v : 0.1 * v;
      };
      return [
        name,
        Float64Array.from({ length: elementCount(shape) }, (_, i) => scaled(Math.sin(0.37 * i + j))),
      ];
    }),
  );
}

const EXAMPLE_INPUT = Float64Array.from({ length: 8 * 16 * 16 }, (_, i) =>
  Math.fround(Math.sin((0.013 * i * i) % 6.283) + 0.01 * (i % 7)),
);

/** Outputs of the real networks in float64, finest head first. */
const EXAMPLES = [
  {
    architecture: PLAIN_3_STAGES,
    heads: [
      { mean: 0.087065, std: 0.790297, first: [0.03898, 0.10344, 0.18705, 0.39905, 0.40485], last: -0.14219 },
      { mean: 0.245534, std: 0.306177, first: [0.29203, 0.32092, 0.3532, 0.37837, 0.36604], last: -0.08124 },
    ],
  },
  {
    architecture: RESIDUAL_3_STAGES,
    heads: [
      { mean: 0.335998, std: 0.562491, first: [0.22987, 0.21052, 0.34053, 0.46391, 0.50385], last: 0.3824 },
      {
        mean: -0.15232,
        std: 0.347317,
        first: [-0.28869, -0.29178, -0.26256, -0.62151, -0.40545],
        last: 0.16005,
      },
    ],
  },
] as const;

describe.each(EXAMPLES)('$architecture.networkClass in f64', ({ architecture, heads }) => {
  test("gives the real network's outputs", () => {
    const feeds = new Map([...exampleWeights(architecture), [UNET_INPUT, EXAMPLE_INPUT] as const]);
    const outputs = interpret(buildUNet(architecture, OPTIONS).outputs, feeds);
    for (const [i, { mean, std, first, last }] of heads.entries()) {
      const y = outputs[i];
      const average = y.reduce((sum, value) => sum + value, 0) / y.length;
      const squares = y.reduce((sum, value) => sum + (value - average) ** 2, 0);
      expect(average).toBeCloseTo(mean, 5);
      expect(Math.sqrt(squares / (y.length - 1))).toBeCloseTo(std, 5);
      for (const [k, value] of first.entries()) expect(y[k]).toBeCloseTo(value, 4);
      expect(y[y.length - 1]).toBeCloseTo(last, 4);
    }
  });
});
