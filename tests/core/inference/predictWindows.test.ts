import { describe, expect } from 'vitest';
import { type AxisRule, gridTaps } from '@/core/inference/gridTaps';
import { predictWindows, type WindowNetwork } from '@/core/inference/predictWindows';
import { planSlabs } from '@/core/inference/slabPlan';
import { SliceExporter } from '@/core/inference/sliceExporter';
import {
  gaussianImportance,
  mirrorCombinations,
  paddingToPatch,
  windowStarts,
} from '@/core/inference/slidingWindow';
import { WindowAccumulator } from '@/core/inference/windowAccumulator';
import type { LabelSet } from '@/core/interop/labels';
import { allocate, arrayOf, upload } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import { runDispatches } from '@/gpu/dispatch';
import { elementCount, type Zyx } from '@/shared/geometry';
import { randomNormal } from '@/shared/random';
import { test } from '../../support/gpu';

/** A stand-in network that no symmetry hides errors of: class k at voxel i is `x[i] · sin(i + k) + fold`. */
const NETWORK = `
override classes: u32;
override fold: u32;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let n = arrayLength(&x);
  if (id.x >= n) { return; }
  for (var k = 0u; k < classes; k++) { y[k * n + id.x] = x[id.x] * sin(f32(id.x + 7u * k)) + f32(fold); }
}`;

async function standInNetwork(gpu: Gpu, patch: Zyx, classes: number): Promise<WindowNetwork> {
  const size = elementCount(patch);
  const input = arrayOf(await allocate(gpu, size * 4, 'x'), size);
  const output = arrayOf(await allocate(gpu, size * classes * 4, 'y'), size * classes);
  const run = (fold: number) =>
    runDispatches(gpu, [
      {
        label: 'network',
        source: NETWORK,
        entryPoint: 'main',
        constants: { classes, fold },
        bindings: [input, output],
        workgroups: [Math.ceil(size / 64), 1, 1],
      },
    ]);
  return { input, output, foldCount: 2, run };
}

interface Case {
  readonly shape: Zyx;
  readonly patch: Zyx;
  readonly out: Zyx;
  readonly classes: number;
  readonly mirrorAxes: readonly number[];
  /** Small numbers force blocks of rows and several groups of classes. */
  readonly budgetBytes: number;
  readonly bindingLimit: number;
  readonly nearestAxis?: number;
}

const AMPLE = 2 ** 27;
const CASES: readonly Case[] = [
  {
    shape: [9, 10, 11],
    patch: [4, 6, 8],
    out: [9, 10, 11],
    classes: 3,
    mirrorAxes: [],
    budgetBytes: AMPLE,
    bindingLimit: AMPLE,
  },
  {
    shape: [13, 7, 9],
    patch: [5, 4, 3],
    out: [20, 5, 9],
    classes: 2,
    mirrorAxes: [0, 1, 2],
    budgetBytes: AMPLE,
    bindingLimit: AMPLE,
  },
  {
    shape: [3, 5, 4],
    patch: [4, 6, 4],
    out: [7, 9, 8],
    classes: 4,
    mirrorAxes: [1],
    budgetBytes: AMPLE,
    bindingLimit: AMPLE,
  },
  {
    shape: [6, 30, 8],
    patch: [1, 8, 8],
    out: [6, 41, 8],
    classes: 3,
    mirrorAxes: [1, 2],
    budgetBytes: AMPLE,
    bindingLimit: AMPLE,
  },
  {
    shape: [12, 40, 9],
    patch: [6, 8, 7],
    out: [17, 55, 12],
    classes: 5,
    mirrorAxes: [],
    budgetBytes: 40_000,
    bindingLimit: 12_000,
  },
  {
    shape: [12, 40, 9],
    patch: [6, 8, 7],
    out: [31, 22, 9],
    classes: 5,
    mirrorAxes: [2],
    budgetBytes: 30_000,
    bindingLimit: 16_000,
    nearestAxis: 0,
  },
];

/** The definition: every window, view and fold summed in f64 over the whole volume. */
function referenceLogits(data: Float32Array, { shape, patch, classes, mirrorAxes }: Case): Float64Array[] {
  const padding = paddingToPatch(shape, patch);
  const starts = windowStarts(padding.paddedShape, patch, 0.5);
  const importance = gaussianImportance(patch);
  const size = elementCount(patch);
  const sums = Array.from({ length: classes }, () => new Float64Array(elementCount(shape)));
  const weights = new Float64Array(elementCount(shape));
  const views = mirrorCombinations(mirrorAxes);
  for (const z of starts[0])
    for (const y of starts[1])
      for (const x of starts[2]) {
        for (let i = 0; i < size; i++) {
          const at = [
            Math.floor(i / (patch[1] * patch[2])),
            Math.floor(i / patch[2]) % patch[1],
            i % patch[2],
          ];
          const p = [z, y, x].map((start, axis) => start + at[axis] - padding.before[axis]);
          if (p.some((v, axis) => v < 0 || v >= shape[axis])) continue;
          const voxel = (p[0] * shape[1] + p[1]) * shape[2] + p[2];
          weights[voxel] += importance[i];
          for (const axes of views) {
            const seen = at.map((v, axis) => (axes.includes(axis) ? patch[axis] - 1 - v : v));
            const j = (seen[0] * patch[1] + seen[1]) * patch[2] + seen[2];
            for (let k = 0; k < classes; k++) {
              const logit = data[voxel] * Math.sin(j + 7 * k) + 0.5; // mean of folds 0 and 1
              sums[k][voxel] += (importance[i] * logit) / views.length;
            }
          }
        }
      }
  return sums.map((sum) => sum.map((value, voxel) => value / weights[voxel]));
}

function rulesOf(nearestAxis: number | undefined): [AxisRule, AxisRule, AxisRule] {
  const rule = (axis: number) => (axis === nearestAxis ? 'nearest' : 'linear');
  return [rule(0), rule(1), rule(2)];
}

function resample(volume: Float64Array, { shape, out, nearestAxis }: Case): Float64Array {
  const [z, y, x] = gridTaps(shape, out, [0, 0, 0], rulesOf(nearestAxis));
  const result = new Float64Array(elementCount(out));
  const line = (a: number, b: number, k: number) => {
    const row = (a * shape[1] + b) * shape[2];
    return volume[row + x.lower[k]] * (1 - x.weight[k]) + volume[row + x.upper[k]] * x.weight[k];
  };
  const slice = (a: number, j: number, k: number) =>
    line(a, y.lower[j], k) * (1 - y.weight[j]) + line(a, y.upper[j], k) * y.weight[j];
  let n = 0;
  for (let i = 0; i < out[0]; i++)
    for (let j = 0; j < out[1]; j++)
      for (let k = 0; k < out[2]; k++) {
        result[n++] = slice(z.lower[i], j, k) * (1 - z.weight[i]) + slice(z.upper[i], j, k) * z.weight[i];
      }
  return result;
}

function labelSet(classes: number, hasRegions: boolean): LabelSet {
  const labels = Array.from({ length: classes }, (_, k) => k);
  return {
    allLabels: labels,
    hasRegions,
    foregroundRegions: hasRegions ? labels.map((k) => [k + 1]) : [],
    regionsClassOrder: hasRegions ? labels.map((k) => k + 1) : [],
    ignoreLabel: undefined,
    outputChannels: classes,
    names: new Map(),
  };
}

async function predict(gpu: Gpu, data: Float32Array, c: Case, hasRegions: boolean) {
  const padding = paddingToPatch(c.shape, c.patch);
  const starts = windowStarts(padding.paddedShape, c.patch, 0.5);
  const taps = gridTaps(c.shape, c.out, padding.before, rulesOf(c.nearestAxis));
  const plan = planSlabs({
    paddedShape: padding.paddedShape,
    patchSize: c.patch,
    starts,
    rowTaps: taps[1],
    classes: c.classes,
    bindingLimit: c.bindingLimit,
    budgetBytes: c.budgetBytes,
  });
  const network = await standInNetwork(gpu, c.patch, c.classes);
  const importance = await upload(gpu, gaussianImportance(c.patch), 'importance');
  const accumulator = await WindowAccumulator.create(gpu, {
    plan,
    paddedShape: padding.paddedShape,
    patchSize: c.patch,
    logits: network.output,
    importance,
    classes: c.classes,
  });
  const labels = labelSet(c.classes, hasRegions);
  const exporter = await SliceExporter.create(
    gpu,
    { plan, taps, outShape: c.out, width: padding.paddedShape[2], labels },
    accumulator,
  );
  const segmentation = new Uint32Array(elementCount(c.out)).fill(99);
  const logits = Array.from({ length: c.classes }, () => new Float32Array(elementCount(c.out)));
  let next = 0;
  await predictWindows(gpu, {
    data,
    channels: 1,
    shape: c.shape,
    patchSize: c.patch,
    padding,
    starts,
    mirrorAxes: c.mirrorAxes,
    plan,
    network,
    accumulator,
    onSlices: async (block, end) => {
      if (next === c.out[0]) next = 0;
      let last = next;
      while (last < c.out[0] && taps[0].upper[last] < end) last++;
      for (const chunk of exporter.chunks(block, next, last)) {
        const place = (values: ArrayLike<number>, into: Uint32Array | Float32Array) => {
          for (let i = 0; i < values.length; i++) {
            const perSlice = chunk.size[1] * chunk.size[2];
            const z = chunk.start[0] + Math.floor(i / perSlice);
            into[z * c.out[1] * c.out[2] + chunk.start[1] * c.out[2] + (i % perSlice)] = values[i];
          }
        };
        place(await exporter.labelsOf(block, chunk), segmentation);
        for (let k = 0; k < c.classes; k++) place(await exporter.logitsOf(block, chunk, k), logits[k]);
      }
      next = last;
    },
  });
  accumulator.destroy();
  exporter.destroy();
  return { plan, segmentation, logits };
}

describe.each(CASES)('windows over $shape by $patch to $out, budget $budgetBytes', (c) => {
  const data = randomNormal(elementCount(c.shape), 3);
  const reference = referenceLogits(data, c).map((volume) => resample(volume, c));

  test('logits on the case grid equal the definition', async ({ gpu }) => {
    const { plan, logits } = await predict(gpu, data, c, false);
    if (c.budgetBytes < AMPLE) {
      expect(plan.blocks.length).toBeGreaterThan(1);
      expect(plan.classesPerGroup).toBeLessThan(c.classes);
    }
    const worst = Math.max(...logits.map((volume, k) => maxDifference(volume, reference[k])));
    expect(worst).toBeLessThan(2e-5);
  });

  test('labels are the argmax, and the regions rule, of those logits', async ({ gpu }) => {
    const byArgmax = await predict(gpu, data, c, false);
    const byRegions = await predict(gpu, data, c, true);
    const isClear = (i: number) => {
      const sorted = reference.map((volume) => volume[i]).sort((a, b) => b - a);
      return sorted[0] - sorted[1] > 1e-4 && reference.every((volume) => Math.abs(volume[i]) > 1e-4);
    };
    let compared = 0;
    for (let i = 0; i < byArgmax.segmentation.length; i++) {
      if (!isClear(i)) continue;
      compared++;
      const values = reference.map((volume) => volume[i]);
      expect(byArgmax.segmentation[i]).toBe(values.indexOf(Math.max(...values)));
      expect(byRegions.segmentation[i]).toBe(values.findLastIndex((value) => value > 0) + 1);
    }
    expect(compared).toBeGreaterThan(0.5 * byArgmax.segmentation.length);
  });
});

function maxDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let worst = 0;
  for (let i = 0; i < a.length; i++) worst = Math.max(worst, Math.abs(a[i] - b[i]));
  return worst;
}
