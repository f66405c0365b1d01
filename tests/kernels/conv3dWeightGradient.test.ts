import { describe, expect, test as plain } from 'vitest';
import { readFloats, upload } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import { runDispatches } from '@/gpu/dispatch';
import * as forward from '@/kernels/conv3d.reference';
import { type Conv3dShape, conv3dOutputSize } from '@/kernels/conv3dShape';
import {
  conv3dWeightGradient,
  conv3dWeightGradientCandidates,
  conv3dWeightGradientScratchSize,
} from '@/kernels/conv3dWeightGradient';
import { conv3dBackwardInput, conv3dBackwardWeight } from '@/kernels/conv3dWeightGradient.reference';
import type { WeightGradientKernel } from '@/kernels/conv3dWeightGradientLaunch';
import { elementCount, type Zyx } from '@/shared/geometry';
import { seededRandom } from '@/shared/random';
import { test } from '../support/gpu';
import { normals, relativeError, runKernel, scratch } from './device';
import { dot, finiteDifferences } from './finiteDifferences';

function shapeOf(
  inChannels: number,
  outChannels: number,
  inputSize: Zyx,
  { kernelSize = [3, 3, 3] as Zyx, stride = [1, 1, 1] as Zyx, batch = 1 } = {},
): Conv3dShape {
  return { batch, inChannels, outChannels, inputSize, kernelSize, stride };
}

function sizesOf(shape: Conv3dShape) {
  const { batch, inChannels, outChannels, inputSize, kernelSize } = shape;
  return {
    x: batch * inChannels * elementCount(inputSize),
    y: batch * outChannels * elementCount(conv3dOutputSize(shape)),
    weight: outChannels * inChannels * elementCount(kernelSize),
  };
}

const SMALL_SHAPES: readonly (readonly [string, Conv3dShape])[] = [
  ['one voxel', shapeOf(1, 1, [1, 1, 1])],
  ['odd sizes, a batch of two', shapeOf(2, 3, [3, 4, 5], { batch: 2 })],
  ['stride 2 on odd and even sizes', shapeOf(2, 2, [5, 4, 7], { stride: [2, 2, 2] })],
  [
    'an anisotropic kernel and stride',
    shapeOf(3, 2, [2, 5, 6], { kernelSize: [1, 3, 5], stride: [1, 2, 1] }),
  ],
];

describe('conv3d gradients, f64', () => {
  plain.for(SMALL_SHAPES)('agree with finite differences: %s', ([, shape]) => {
    const sizes = sizesOf(shape);
    const x = normals(sizes.x, 1);
    const weight = normals(sizes.weight, 2);
    const gy = normals(sizes.y, 3);
    const byWeight = finiteDifferences((w) => dot(forward.conv3dForward(shape, x, w), gy), weight);
    const byInput = finiteDifferences((moved) => dot(forward.conv3dForward(shape, moved, weight), gy), x);
    expect(relativeError(conv3dBackwardWeight(shape, x, gy), byWeight)).toBeLessThan(1e-8);
    expect(relativeError(conv3dBackwardInput(shape, gy, weight), byInput)).toBeLessThan(1e-8);
  });
});

describe('candidates for a weight gradient', () => {
  const facts = { isSoftware: false, subgroupSize: undefined };
  plain.for([
    ['3 × 3 × 3 on whole fours', shapeOf(32, 64, [16, 16, 16]), 'winograd'],
    ['odd widths', shapeOf(32, 64, [16, 16, 18]), 'registerTiles'],
    ['strides', shapeOf(32, 64, [16, 16, 16], { stride: [2, 2, 2] }), 'registerTiles'],
    ['one channel', shapeOf(1, 32, [16, 16, 16]), 'tiled'],
  ] as const)('on a GPU begin with the likely best for %s', ([, shape, first]) => {
    expect(conv3dWeightGradientCandidates(shape, facts)[0]).toBe(first);
  });

  plain('on a software adapter are its own', () => {
    const software = { isSoftware: true, subgroupSize: 8 };
    expect(conv3dWeightGradientCandidates(shapeOf(32, 32, [16, 16, 16]), software)).toEqual([
      'lanes',
      'direct',
    ]);
  });
});

interface Case {
  readonly name: string;
  readonly shape: Conv3dShape;
  readonly accumulate?: boolean;
  /** Input channels of the weight before and after those of `x`. */
  readonly beside?: readonly [number, number];
  readonly bindingBytes?: number;
  readonly workgroupsPerDimension?: number;
}

const CASES: readonly Case[] = [
  ...SMALL_SHAPES.map(([name, shape]) => ({ name, shape })),
  { name: 'rows of whole vectors', shape: shapeOf(8, 16, [4, 8, 32]) },
  { name: 'rows of four', shape: shapeOf(12, 20, [4, 4, 4]) },
  { name: 'rows longer than a subgroup', shape: shapeOf(4, 8, [3, 5, 68]) },
  { name: 'rows of 64', shape: shapeOf(9, 7, [6, 16, 64], { batch: 2 }) },
  { name: 'rows of twelve', shape: shapeOf(5, 8, [5, 9, 12]) },
  { name: 'a batch of two with 33 channels', shape: shapeOf(33, 35, [3, 6, 10], { batch: 2 }) },
  { name: 'one channel in', shape: shapeOf(1, 32, [10, 20, 28]) },
  { name: 'one channel out', shape: shapeOf(17, 1, [6, 7, 8]) },
  { name: 'many positions', shape: shapeOf(3, 4, [20, 33, 40]) },
  { name: 'stride 2 on odd sizes', shape: shapeOf(3, 9, [5, 7, 13], { stride: [2, 2, 2] }) },
  { name: 'stride 2 on even sizes', shape: shapeOf(9, 17, [6, 8, 32], { stride: [2, 2, 2], batch: 2 }) },
  {
    name: 'an anisotropic stride',
    shape: shapeOf(4, 8, [3, 9, 12], { kernelSize: [1, 3, 3], stride: [1, 2, 2] }),
  },
  { name: 'an anisotropic kernel', shape: shapeOf(5, 8, [4, 6, 12], { kernelSize: [1, 3, 3] }) },
  { name: 'depth 1', shape: shapeOf(10, 16, [1, 20, 32], { kernelSize: [1, 3, 3] }) },
  { name: 'a 1 × 1 × 1 kernel', shape: shapeOf(12, 3, [4, 5, 8], { kernelSize: [1, 1, 1] }) },
  {
    name: 'a strided 1 × 1 × 1 kernel',
    shape: shapeOf(4, 8, [5, 6, 8], { kernelSize: [1, 1, 1], stride: [2, 2, 2] }),
  },
  { name: 'a 5 × 5 × 5 kernel', shape: shapeOf(2, 4, [5, 6, 12], { kernelSize: [5, 5, 5] }) },
  { name: 'a kernel of 1 × 1 × 7', shape: shapeOf(3, 4, [2, 3, 12], { kernelSize: [1, 1, 7] }) },
  { name: 'accumulation', shape: shapeOf(4, 6, [3, 4, 8]), accumulate: true },
  { name: 'accumulation of splits', shape: shapeOf(4, 6, [20, 24, 32]), accumulate: true },
  { name: 'a window of the input channels', shape: shapeOf(5, 6, [3, 4, 8]), beside: [3, 2] },
  {
    name: 'accumulation in a window, of splits',
    shape: shapeOf(5, 6, [20, 24, 32]),
    beside: [2, 4],
    accumulate: true,
  },
  {
    name: 'channel ranges past a binding limit',
    shape: shapeOf(7, 11, [4, 5, 8], { batch: 2 }),
    beside: [1, 0],
    bindingBytes: 6656,
  },
  {
    name: 'slabs of one channel past a binding limit',
    shape: shapeOf(1, 2, [9, 6, 8], { kernelSize: [3, 1, 3] }),
    bindingBytes: 1856,
  },
  {
    name: 'strided slabs past a binding limit',
    shape: shapeOf(1, 2, [17, 6, 8], { stride: [2, 2, 2], kernelSize: [3, 1, 1], batch: 2 }),
    bindingBytes: 2256,
  },
  { name: 'a folded grid', shape: shapeOf(11, 13, [6, 6, 8]), workgroupsPerDimension: 20 },
  {
    name: 'more than 65,535 workgroups',
    shape: shapeOf(1200, 1600, [1, 1, 1], { kernelSize: [1, 1, 1] }),
  },
];

async function errorOf(gpu: Gpu, kernel: WeightGradientKernel | undefined, testCase: Case): Promise<number> {
  const { shape, accumulate = false, beside = [0, 0] } = testCase;
  const limits = {
    maxStorageBufferBindingSize: testCase.bindingBytes ?? gpu.limits.maxStorageBufferBindingSize,
    maxComputeWorkgroupsPerDimension:
      testCase.workgroupsPerDimension ?? gpu.limits.maxComputeWorkgroupsPerDimension,
  };
  const inChannels = { start: beside[0], of: beside[0] + shape.inChannels + beside[1] };
  const sizes = sizesOf(shape);
  const taps = elementCount(shape.kernelSize);
  const x = normals(sizes.x, 1);
  const gy = normals(sizes.y, 2);
  const before = normals(shape.outChannels * inChannels.of * taps, 3);
  const options = { inChannels, ...(kernel ? { kernel } : {}) };
  const scratchSize = conv3dWeightGradientScratchSize(shape, gpu.facts, limits, options);
  const arrays = {
    x: await upload(gpu, Float32Array.from(x), 'x'),
    gy: await upload(gpu, Float32Array.from(gy), 'gy'),
    gw: await upload(gpu, Float32Array.from(before), 'gw'),
    scratch: await scratch(gpu, scratchSize),
  };
  const dispatches = conv3dWeightGradient({
    shape,
    limits,
    facts: gpu.facts,
    ...arrays,
    ...options,
    accumulate,
  });
  for (const { bindings, workgroups } of dispatches) {
    for (const array of bindings) {
      expect((array?.size ?? 0) * 4).toBeLessThanOrEqual(limits.maxStorageBufferBindingSize);
    }
    expect(Math.max(...workgroups)).toBeLessThanOrEqual(limits.maxComputeWorkgroupsPerDimension);
  }
  runDispatches(gpu, dispatches);
  const actual = await readFloats(gpu, arrays.gw);
  for (const { buffer } of Object.values(arrays)) buffer.destroy();
  const gradient = conv3dBackwardWeight(shape, x, gy);
  const row = shape.inChannels * taps;
  const expected = before.map((value, i) => {
    const at = (i % (inChannels.of * taps)) - inChannels.start * taps;
    if (at < 0 || at >= row) return value;
    return gradient[Math.floor(i / (inChannels.of * taps)) * row + at] + (accumulate ? value : 0);
  });
  return relativeError(actual, expected);
}

const KERNELS: readonly WeightGradientKernel[] = ['direct', 'lanes', 'tiled'];

describe.each(KERNELS)('weight gradient of conv3d, %s', (kernel) => {
  test.for([...CASES])('matches the reference for $name', async (testCase, { gpu }) => {
    expect(await errorOf(gpu, kernel, testCase)).toBeLessThan(4e-6);
  });
});

/** Register tiles take long to compile for a CPU: one case for each of the ways in which they differ. */
const REGISTER_TILE_CASES: readonly Case[] = [
  { name: 'odd sizes, a batch of two', shape: shapeOf(33, 35, [3, 6, 10], { batch: 2 }) },
  { name: 'rows of several segments, split', shape: shapeOf(32, 32, [4, 9, 37], { batch: 2 }) },
  { name: 'rows of four', shape: shapeOf(40, 24, [4, 4, 4], { batch: 2 }) },
  { name: 'stride 2 on odd and even sizes', shape: shapeOf(32, 33, [5, 8, 21], { stride: [2, 2, 2] }) },
  {
    name: 'an anisotropic stride',
    shape: shapeOf(17, 32, [3, 9, 40], { kernelSize: [1, 3, 3], stride: [1, 2, 2] }),
  },
  { name: 'a 1 × 1 × 1 kernel', shape: shapeOf(32, 29, [4, 5, 18], { kernelSize: [1, 1, 1] }) },
  { name: 'a 5 × 5 × 5 kernel', shape: shapeOf(16, 32, [5, 6, 12], { kernelSize: [5, 5, 5] }) },
  {
    name: 'accumulation in a window, of splits',
    shape: shapeOf(32, 32, [8, 8, 20]),
    beside: [2, 4],
    accumulate: true,
  },
  {
    name: 'channel ranges past a binding limit',
    shape: shapeOf(33, 40, [4, 5, 8], { batch: 2 }),
    beside: [1, 0],
    bindingBytes: 18_432,
  },
  {
    name: 'strided slabs past a binding limit, a folded grid',
    shape: shapeOf(1, 2, [17, 6, 8], { stride: [2, 2, 2], kernelSize: [3, 1, 1], batch: 2 }),
    bindingBytes: 2256,
    workgroupsPerDimension: 9,
  },
];

const WINOGRAD_CASES: readonly Case[] = [
  { name: 'a batch of two, odd channels', shape: shapeOf(33, 35, [3, 6, 12], { batch: 2 }) },
  { name: 'a row of tiles and a half', shape: shapeOf(32, 17, [1, 9, 20], { kernelSize: [1, 3, 3] }) },
  { name: 'a stride along z', shape: shapeOf(16, 32, [5, 4, 8], { stride: [2, 1, 1] }) },
  {
    name: 'accumulation in a window, of splits',
    shape: shapeOf(32, 32, [8, 8, 40]),
    beside: [2, 4],
    accumulate: true,
  },
  {
    name: 'channel ranges past a binding limit, a folded grid',
    shape: shapeOf(33, 40, [4, 5, 8], { batch: 2 }),
    bindingBytes: 18_432,
    workgroupsPerDimension: 9,
  },
];

describe('weight gradient of conv3d, winograd', () => {
  test.for([...WINOGRAD_CASES])('matches the reference for $name', async (testCase, { gpu }) => {
    expect(await errorOf(gpu, 'winograd', testCase)).toBeLessThan(4e-6);
  });

  test('rounds at most twice as much as direct sums', async ({ gpu }) => {
    const shape = shapeOf(32, 32, [6, 24, 48], { batch: 2 });
    const sizes = sizesOf(shape);
    const { facts, limits } = gpu;
    const [x, gy] = [normals(sizes.x, 1), normals(sizes.y, 2)];
    const exact = conv3dBackwardWeight(shape, x, gy);
    const deviation = async (kernel: WeightGradientKernel) => {
      const partials = await scratch(gpu, conv3dWeightGradientScratchSize(shape, facts, limits, { kernel }));
      const args = { shape, facts, limits, kernel, scratch: partials, accumulate: false };
      const actual = await runKernel(gpu, [x, gy], sizes.weight, ([gpuX, gpuGy], gw) =>
        conv3dWeightGradient({ ...args, x: gpuX, gy: gpuGy, gw }),
      );
      partials.buffer.destroy();
      return Math.sqrt(exact.reduce((sum, value, i) => sum + (actual[i] - value) ** 2, 0) / exact.length);
    };
    const [transformed, direct] = [await deviation('winograd'), await deviation('registerTiles')];
    expect(transformed).toBeLessThan(2 * direct);
  });
});

/** Shapes of any kind, the same every time. */
function randomCases(count: number): Case[] {
  const random = seededRandom(13);
  const upTo = (most: number) => 1 + Math.floor(random.uniform() * most);
  return Array.from({ length: count }, () => {
    const kernelSize: Zyx = [2 * upTo(2) - 1, 2 * upTo(2) - 1, 2 * upTo(3) - 1];
    const shape = shapeOf(7 + upTo(40), 7 + upTo(40), [upTo(5), upTo(9), upTo(40)], {
      kernelSize,
      stride: [upTo(2), upTo(2), upTo(2)],
      batch: upTo(3),
    });
    return { name: JSON.stringify(shape), shape, accumulate: random.uniform() < 0.5 };
  });
}

describe('weight gradient of conv3d, registerTiles', () => {
  test.for([...REGISTER_TILE_CASES, ...randomCases(4)])(
    'matches the reference for $name',
    async (testCase, { gpu }) => {
      expect(await errorOf(gpu, 'registerTiles', testCase)).toBeLessThan(4e-6);
    },
  );
});

describe('weight gradient of conv3d', () => {
  test.for([...CASES])(
    'matches the reference with the default kernel for $name',
    async (testCase, { gpu }) => {
      expect(await errorOf(gpu, undefined, testCase)).toBeLessThan(4e-6);
    },
  );

  test('has the same bits every time', async ({ gpu }) => {
    const shape = shapeOf(12, 16, [16, 24, 32]);
    const sizes = sizesOf(shape);
    const x = await upload(gpu, Float32Array.from(normals(sizes.x, 1)), 'x');
    const gy = await upload(gpu, Float32Array.from(normals(sizes.y, 2)), 'gy');
    const runs: Float32Array[] = [];
    for (let i = 0; i < 3; i++) {
      const gw = await scratch(gpu, sizes.weight);
      const partials = await scratch(gpu, conv3dWeightGradientScratchSize(shape, gpu.facts, gpu.limits));
      const { facts, limits } = gpu;
      runDispatches(
        gpu,
        conv3dWeightGradient({ shape, limits, facts, x, gy, gw, scratch: partials, accumulate: false }),
      );
      runs.push(await readFloats(gpu, gw));
    }
    expect(runs[1]).toEqual(runs[0]);
    expect(runs[2]).toEqual(runs[0]);
  });

  test('reads and writes ranges of one buffer', async ({ gpu }) => {
    const shape = shapeOf(3, 5, [12, 16, 32]);
    const sizes = sizesOf(shape);
    const { facts, limits } = gpu;
    const partials = conv3dWeightGradientScratchSize(shape, facts, limits);
    const [x, gy] = [normals(sizes.x, 1), normals(sizes.y, 2)];
    const whole = new Float32Array(sizes.x + sizes.y + 512 + partials);
    whole.set(x);
    whole.set(gy, sizes.x);
    const array = await upload(gpu, whole, 'all');
    const range = (start: number, size: number) => ({ ...array, offset: start * 4, size });
    const gw = range(sizes.x + sizes.y, sizes.weight);
    runDispatches(
      gpu,
      conv3dWeightGradient({
        shape,
        limits,
        facts,
        x: range(0, sizes.x),
        gy: range(sizes.x, sizes.y),
        gw,
        scratch: range(sizes.x + sizes.y + 512, partials),
        accumulate: false,
      }),
    );
    const actual = (await readFloats(gpu, array)).subarray(gw.offset / 4, gw.offset / 4 + gw.size);
    expect(relativeError(actual, conv3dBackwardWeight(shape, x, gy))).toBeLessThan(4e-6);
  });
});
