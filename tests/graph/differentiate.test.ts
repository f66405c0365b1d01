import { describe, expect, test } from 'vitest';
import { differentiate } from '@/graph/differentiate';
import { interpret } from '@/graph/interpreter';
import { avgPool } from '@/graph/ops/avgPool';
import { conv3d } from '@/graph/ops/conv3d';
import { leakyRelu } from '@/graph/ops/leakyRelu';
import { input, parameter } from '@/graph/ops/leaves';
import { trainingGraph } from '@/graph/trainingGraph';
import type { Graph } from '@/graph/value';
import type { Architecture } from '@/nn/architecture';
import { buildUNet } from '@/nn/unet';
import { elementCount } from '@/shared/geometry';
import { seededRandom } from '@/shared/random';
import { isotropicUNet, PLAIN_3_STAGES, RESIDUAL_3_STAGES } from '../nn/architectures';

/** Steps of finite differences, and how far an exact f64 gradient may be from them. */
const STEP = 1e-5;
const TOLERANCE = 1e-6;
const PROBES_PER_TENSOR = 3;

function networkOf(architecture: Architecture, patchSize: readonly number[], batch = 2): Graph {
  return buildUNet(architecture, {
    inputChannels: 2,
    outputChannels: 3,
    batch,
    patchSize,
    deepSupervision: true,
  });
}

/** Random numbers for every leaf: parameters, inputs, seeds. */
function feedsOf(leaves: readonly { name: string; shape: readonly number[] }[]): Map<string, Float64Array> {
  const random = seededRandom(7);
  return new Map(
    leaves.map(({ name, shape }) => [
      name,
      Float64Array.from({ length: elementCount(shape) }, () => 0.5 * random.normal()),
    ]),
  );
}

/**
 * Largest error of a gradient against finite differences of Σ seed · output, relative to the tensor's largest gradient.
 * `isTraining`: of the outputs as training computes them, where that is another function.
 */
function worstError(graph: Graph, isTraining = false): number {
  const seeds = graph.outputs.map(({ shape }, i) => input(`seed ${i}`, shape));
  const training = trainingGraph(graph);
  const { of } = differentiate(training, seeds, { ofInputs: true });
  const learned = graph.parameters.filter(({ attributes }) => !attributes.isBuffer);
  const leaves = [...learned, ...graph.inputs];
  const feeds = feedsOf(
    [...graph.parameters, ...graph.inputs, ...seeds].map(({ attributes, shape }) => ({
      name: attributes.name,
      shape,
    })),
  );
  const loss = () => {
    const outputs = interpret((isTraining ? training : graph).outputs, feeds);
    return outputs.reduce((sum, output, i) => {
      const seed = feeds.get(`seed ${i}`) ?? [];
      return sum + output.reduce((part, value, at) => part + value * seed[at], 0);
    }, 0);
  };
  const wanted = leaves.filter((leaf) => of.has(leaf));
  expect(wanted.length).toBe(leaves.length - parametersWithoutUse(graph));
  const gradients = interpret(
    wanted.flatMap((leaf) => of.get(leaf) ?? []),
    feeds,
  );
  const random = seededRandom(3);
  let worst = 0;
  for (const [i, leaf] of wanted.entries()) {
    const data = feeds.get(leaf.attributes.name);
    if (!data) throw new Error(`nothing fed for ${leaf.attributes.name}`);
    const scale = gradients[i].reduce((most, value) => Math.max(most, Math.abs(value)), 1);
    for (let probe = 0; probe < PROBES_PER_TENSOR; probe++) {
      const at = Math.floor(random.uniform() * data.length);
      const kept = data[at];
      data[at] = kept + STEP;
      const above = loss();
      data[at] = kept - STEP;
      const below = loss();
      data[at] = kept;
      worst = Math.max(worst, Math.abs(gradients[i][at] - (above - below) / (2 * STEP)) / scale);
    }
  }
  return worst;
}

/** Parameters that no output depends on. */
function parametersWithoutUse(graph: Graph): number {
  const used = new Set<unknown>();
  const visit = (value: Graph['outputs'][number]): void => {
    if (used.has(value)) return;
    used.add(value);
    value.inputs.forEach(visit);
  };
  graph.outputs.forEach(visit);
  return graph.parameters.filter((value) => !used.has(value)).length;
}

/** The same stages with few channels: the reference is slow. */
function narrow(architecture: Architecture): Architecture {
  return { ...architecture, featuresPerStage: [2, 3, 3] };
}

describe('gradients against finite differences, f64', () => {
  test.each([
    ['plain 3D', isotropicUNet([2, 3]), [6, 4, 4]],
    ['plain 2D', isotropicUNet([3, 4], 2), [6, 10]],
    ['plain, anisotropic', narrow(PLAIN_3_STAGES), [2, 8, 8]],
    ['residual', narrow(RESIDUAL_3_STAGES), [2, 8, 4]],
  ])('%s', (_, architecture, patchSize) => {
    expect(worstError(networkOf(architecture, patchSize, 1))).toBeLessThan(TOLERANCE);
  });

  test.each([
    ['plain 3D', isotropicUNet([2, 3]), [6, 4, 4]],
    ['plain 2D', isotropicUNet([3, 4], 2), [6, 10]],
    ['residual', narrow(RESIDUAL_3_STAGES), [2, 8, 4]],
  ])('batch norm and dropout: %s', (_, architecture, patchSize) => {
    const batchNorm = { momentum: 0.1 };
    for (const of of ['elements', 'channels'] as const) {
      const dropping = { ...architecture, batchNorm, dropout: { probability: 0.2, of } };
      expect(worstError(networkOf(dropping, patchSize), true)).toBeLessThan(TOLERANCE);
    }
  });

  test('stride 2 on odd sizes, an activation of its own, pooling that leaves voxels out', () => {
    const x = input('x', [2, 2, 3, 5, 7]);
    const weight = parameter('weight', [3, 2, 3, 3, 3], 'zeros');
    const bias = parameter('bias', [3], 'zeros');
    const pooled = avgPool(leakyRelu(conv3d(x, weight, bias, [1, 2, 2]), 0.1), [2, 2, 1]);
    expect(worstError({ inputs: [x], parameters: [weight, bias], outputs: [pooled] })).toBeLessThan(
      TOLERANCE,
    );
  });
});
