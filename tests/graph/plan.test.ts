import { describe, expect, test } from 'vitest';
import { type MemoryRequest, memoryLowerBound, planMemory } from '@/graph/memoryPlan';
import { conv3d } from '@/graph/ops/conv3d';
import { instanceNorm } from '@/graph/ops/instanceNorm';
import { leakyRelu } from '@/graph/ops/leakyRelu';
import { input, parameter } from '@/graph/ops/leaves';
import { planGraph } from '@/graph/plan';
import { planTrainingStep, type TrainingSetup } from '@/graph/trainingProgram';
import type { Graph, Value } from '@/graph/value';
import { diceAndCrossEntropyLoss } from '@/kernels/losses/lossOptions';
import { NNUNET_CLIP_NORM, NNUNET_SGD } from '@/kernels/optimisers/optimiserOptions';
import type { Architecture } from '@/nn/architecture';
import { buildUNet } from '@/nn/unet';
import { seededRandom } from '@/shared/random';
import { isotropicUNet, RESIDUAL_3_STAGES } from '../nn/architectures';
import { plannedDevice } from '../support/plannedDevice';

/** Binding limits that every WebGPU device has. */
const DEVICE = plannedDevice({ maxStorageBufferBindingSize: 2 ** 27 });

function request(
  bytes: number,
  firstStep: number,
  lastStep: number,
  steps = [firstStep, lastStep],
): MemoryRequest {
  return { bytes, firstStep, lastStep, steps: new Set(steps) };
}

/** Requests of which `a` and `b` may not overlap in one buffer, or not share one, but do. */
function conflicts(requests: readonly MemoryRequest[]): string[] {
  const { placements, slotBytes } = planMemory(requests);
  const found: string[] = [];
  for (const [i, a] of requests.entries()) {
    const { slot, offset } = placements[i];
    if (offset % 256 !== 0 || offset + a.bytes > slotBytes[slot]) found.push(`${i} out of place`);
    for (let j = 0; j < i; j++) {
      const b = requests[j];
      const other = placements[j];
      const isTogether = a.firstStep <= b.lastStep && b.firstStep <= a.lastStep && slot === other.slot;
      const overlaps = offset < other.offset + b.bytes && other.offset < offset + a.bytes;
      const sharesStep = [...a.steps].some((step) => b.steps.has(step));
      if (isTogether && (overlaps || sharesStep)) found.push(`${i} and ${j}`);
    }
  }
  return found;
}

describe('planMemory', () => {
  test('reuses the memory of a dead tensor', () => {
    expect(planMemory([request(1000, 0, 1), request(900, 2, 3)]).slotBytes).toEqual([1024]);
  });

  test('never lets tensors of one step share a buffer', () => {
    const { placements } = planMemory([
      request(4096, 0, 1),
      request(100, 3, 9, [5]),
      request(100, 5, 9, [5]),
    ]);
    expect(placements[0].slot).toBe(placements[1].slot);
    expect(placements[2].slot).not.toBe(placements[1].slot);
  });

  test('keeps tensors of random programs apart', () => {
    const random = seededRandom(3);
    const below = (n: number) => Math.floor(random.uniform() * n);
    for (let round = 0; round < 30; round++) {
      const requests = Array.from({ length: 25 }, () => {
        const first = below(20);
        const last = first + below(8);
        return request(1 + below(5000), first, last, [first, last, first + below(last - first + 1)]);
      });
      expect(conflicts(requests)).toEqual([]);
    }
  });

  // A third tensor of a coarse level cannot go beside the first two: it is bound with each. That costs up to a sixth.
  test('comes within a fifth of the lower bound for whole networks', () => {
    const cases = [
      { architecture: isotropicUNet([32, 64, 128, 256, 320, 320]), patchSize: [128, 128, 128] },
      { architecture: RESIDUAL_3_STAGES, patchSize: [32, 128, 128] },
      { architecture: isotropicUNet([32, 64, 128, 256, 512, 512, 512, 512], 2), patchSize: [512, 512] },
    ];
    for (const { architecture, patchSize } of cases) {
      for (const deepSupervision of [false, true]) {
        const options = { inputChannels: 1, outputChannels: 3, batch: 2, patchSize, deepSupervision };
        const { bytes, requests } = planGraph(buildUNet(architecture, options), DEVICE);
        expect(bytes.temporaries / memoryLowerBound(requests)).toBeLessThan(1.2);
      }
    }
  });
});

describe('parameters', () => {
  const graph = ((): Graph => {
    const x = input('x', [1, 4, 4, 4, 4]);
    const weights = [0, 1, 2].map((i) => parameter(`${i}.weight`, [4, 4, 3, 3, 3], 'kaimingNormal'));
    const outputs = weights.reduce<readonly Value[]>(
      ([map], weight) => [leakyRelu(instanceNorm(conv3d(map, weight, undefined), undefined), 0.01)],
      [x],
    );
    return { inputs: [x], parameters: weights, outputs };
  })();

  test('constants are stored once, behind what has a name', () => {
    const { parameters, parameterPlacements, parameterBufferBytes } = planGraph(graph, DEVICE);
    const isConstant = parameters.map(({ source }) => 'constant' in source);
    expect(isConstant.filter(Boolean)).toHaveLength(2);
    expect(parameterPlacements.map(({ buffer }) => buffer)).toEqual(isConstant.map(Number));
    expect(parameterBufferBytes[1]).toBe(2 * 256);
  });
});

describe('planTrainingStep', () => {
  const PLAIN = isotropicUNet([32, 64, 128, 256, 320, 320]);
  const RESENC_M: Architecture = {
    ...PLAIN,
    networkClass: 'ResidualEncoderUNet',
    nConvPerStage: [1, 3, 4, 6, 6, 6],
    nConvPerStageDecoder: [1, 1, 1, 1, 1],
  };

  function planned(architecture: Architecture, patchSize: readonly number[], batch: number) {
    const options = { inputChannels: 1, outputChannels: 3, batch, patchSize, deepSupervision: true };
    const graph = buildUNet(architecture, options);
    const setup: TrainingSetup = {
      graph,
      loss: diceAndCrossEntropyLoss({ batchDice: false, ignoreLabel: undefined }),
      headWeights: graph.outputs.map((_, head) => (head === graph.outputs.length - 1 ? 0 : 0.5 ** head)),
      optimiser: NNUNET_SGD,
      clipNorm: NNUNET_CLIP_NORM,
      lossScaling: undefined,
    };
    return planTrainingStep(setup, plannedDevice());
  }

  test('keeps of a plain stage what its convolutions wrote, and one map more', () => {
    const map = 4 * 2 * 32 * 128 ** 3;
    const { plan } = planned(PLAIN, [128, 128, 128], 2);
    const fine = plan.requests.filter(({ bytes }) => bytes === map);
    expect(memoryLowerBound(fine) / map).toBe(5);
  });

  test.each([
    ['a plain U-Net, 128³', PLAIN, [128, 128, 128], 2, 3.65],
    ['a plain U-Net, 64³', isotropicUNet([32, 64, 128, 256]), [64, 64, 64], 2, 0.48],
    ['a 2D U-Net', isotropicUNet([32, 64, 128, 256, 512, 512, 512, 512], 2), [512, 512], 12, 3.95],
    ['ResEnc M', RESENC_M, [128, 128, 128], 2, 6.1],
  ])('%s needs little more than its lower bound', (_, architecture, patchSize, batch, gib) => {
    const { plan, bytes } = planned(architecture, patchSize, batch);
    expect(bytes.temporaries / memoryLowerBound(plan.requests)).toBeLessThan(1.01);
    expect(bytes.peak / 2 ** 30).toBeLessThan(gib);
  });
});

describe('planGraph', () => {
  const options = {
    inputChannels: 1,
    outputChannels: 3,
    batch: 1,
    patchSize: [16, 16, 16],
    deepSupervision: false,
  };

  test('runs norm, sum and activation as one step, and reads skips in place', () => {
    const plain = planGraph(buildUNet(isotropicUNet([4, 8]), options), DEVICE);
    // 4 encoder and 2 decoder units, the upsampling, the head; the first decoder convolution reads two sources.
    expect(plain.steps.map(({ op }) => op)).toEqual([
      ...Array(4).fill(['conv3d', 'instanceNorm']).flat(),
      'convTranspose3d',
      ...['conv3d', 'conv3d', 'instanceNorm', 'conv3d', 'instanceNorm', 'conv3d'],
    ]);
    const residual = planGraph(buildUNet(RESIDUAL_3_STAGES, options), DEVICE);
    const ops = new Set(residual.steps.map(({ op }) => op));
    expect(ops).toEqual(new Set(['conv3d', 'instanceNorm', 'avgPool', 'convTranspose3d']));
  });

  test('counts two operations per multiply-add of every convolution', () => {
    const fine = 2 * 27 * 16 ** 3 * (1 * 4 + 4 * 4 + 8 * 4 + 4 * 4);
    const coarse = 2 * 27 * 8 ** 3 * (4 * 8 + 8 * 8);
    const upsampling = 2 * 16 ** 3 * 8 * 4;
    const head = 2 * 16 ** 3 * 4 * 3;
    expect(planGraph(buildUNet(isotropicUNet([4, 8]), options), DEVICE).flops).toBe(
      fine + coarse + upsampling + head,
    );
  });
});
