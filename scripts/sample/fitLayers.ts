// Fits a U-Net without gradients, layer by layer: each convolution is handed what the layers before it make of the
// training windows, and part of its filters become the linear predictors of the labels from there (ridge regression);
// the rest stays random. Each layer starts from the better guess, and the wider view, of the one before.
import type { WeightTensor } from '@/core/interop/model';
import { readFloats } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import { planGraph } from '@/graph/plan';
import { compileProgram } from '@/graph/program';
import { featureMapOf, type Graph, topologicalOrder, type Value } from '@/graph/value';
import { initialise } from '@/nn/initialise';
import { UNET_INPUT } from '@/nn/unet';
import { elementCount, type Zyx } from '@/shared/geometry';
import { type Random, seededRandom } from '@/shared/random';
import { RidgeSums } from './ridge';
import { softmaxRegression } from './softmaxRegression';

/** One training window of the network's patch size. */
export interface TrainingWindow {
  /** `[c, z, y, x]`, normalised. */
  readonly data: Float32Array;
  /** `[z, y, x]`. */
  readonly labels: Uint8Array;
}

export interface FitOptions {
  readonly classes: number;
  readonly seed: number;
  readonly onLayer?: (name: string) => void;
}

/** Ridge penalty, as a share of the features' mean energy. */
const PENALTY = 3e-3;
/** Voxels per window that a layer is fitted on, at most half of those it has. */
const SAMPLES_PER_WINDOW = 1000;
/** Share of them drawn class by class; the others come from anywhere. */
const BALANCED_SHARE = 0.5;
/** Filters per layer that stay random. */
const RANDOM_FILTERS = 2;
/** Spread of the norms' biases: where on its range each filter bends. */
const BIAS_SPREAD = 0.5;
/** Voxels per window that a head is fitted on, from anywhere: it must know how rare each label is. */
const HEAD_SAMPLES_PER_WINDOW = 4000;

/** The fitted parameters of `graph`, under their names, each of the graph's shape. */
export async function fitLayers(
  gpu: Gpu,
  graph: Graph,
  windows: readonly TrainingWindow[],
  { classes, seed, onLayer }: FitOptions,
): Promise<Map<string, WeightTensor>> {
  const random = seededRandom(seed);
  const weights = new Map(initialise(graph.parameters, seed));
  for (const [name, { data, shape }] of weights) {
    if (name.endsWith('.norm.bias'))
      weights.set(name, { shape, data: data.map(() => BIAS_SPREAD * random.normal()) });
    if (/transpconvs\.\d+\.weight$/.test(name)) weights.set(name, { shape, data: nearestNeighbour(shape) });
  }
  for (const value of topologicalOrder(graph.outputs)) {
    if (value.op !== 'conv3d') continue;
    const layer = layerOf(value);
    onLayer?.(layer.name);
    const features = await evaluate(gpu, graph, value.inputs[0], weights, windows);
    const shares = windows.map(({ labels }) => labelShares(labels, layer, classes));
    if (layer.isHead) setHead(weights, layer, fitHead(layer, features, shares, classes, random), classes);
    else setFilters(weights, layer, fitLayer(layer, features, shares, classes, random), classes);
  }
  return weights;
}

/** Every output channel copies the input channel of its number, at each of the voxels that one becomes. */
function nearestNeighbour(shape: readonly number[]): Float32Array {
  const [, outChannels] = shape;
  const kernel = elementCount(shape.slice(2));
  const data = new Float32Array(elementCount(shape));
  for (let c = 0; c < outChannels; c++)
    data.fill(1, (c * outChannels + c) * kernel, (c * outChannels + c + 1) * kernel);
  return data;
}

interface Layer {
  /** Of its weight. */
  readonly name: string;
  readonly isHead: boolean;
  readonly inputChannels: number;
  readonly outputChannels: number;
  readonly inputSize: Zyx;
  readonly outputSize: Zyx;
  readonly kernelSize: Zyx;
  readonly stride: Zyx;
}

function layerOf(value: Value<'conv3d'>): Layer {
  const [x, weight] = value.inputs;
  if (weight.op !== 'parameter') throw new Error('a convolution without a parameter cannot be fitted');
  const { channels, size } = featureMapOf(x, 'fitLayers');
  const output = featureMapOf(value, 'fitLayers');
  const name = weight.attributes.name;
  return {
    name,
    isHead: name.includes('seg_layers'),
    inputChannels: channels,
    outputChannels: output.channels,
    inputSize: size,
    outputSize: output.size,
    ...value.attributes,
  };
}

/** `value` of the network for every window, `[c, z, y, x]`. */
async function evaluate(
  gpu: Gpu,
  graph: Graph,
  value: Value,
  weights: ReadonlyMap<string, WeightTensor>,
  windows: readonly TrainingWindow[],
): Promise<Float32Array[]> {
  if (value.op === 'input') return windows.map(({ data }) => data);
  const program = await compileProgram(gpu, planGraph({ ...graph, outputs: [value] }, gpu));
  try {
    program.setParameters(weights);
    const results: Float32Array[] = [];
    for (const { data } of windows) {
      const input = program.inputs.get(UNET_INPUT);
      if (!input) throw new Error('the network has no input');
      gpu.device.queue.writeBuffer(input.buffer, input.offset ?? 0, data as Float32Array<ArrayBuffer>);
      program.run();
      results.push(await readFloats(gpu, program.outputs[0]));
    }
    return results;
  } finally {
    program.destroy();
  }
}

/**
 * Weights `[features + 1, classes]` that predict the labels at the layer's output from what it sees; the last row is
 * the intercept. `shares` as {@link labelShares} gives them, per window.
 */
function fitLayer(
  layer: Layer,
  features: readonly Float32Array[],
  shares: readonly Float64Array[],
  classes: number,
  random: Random,
): Float64Array {
  const size = layer.inputChannels * elementCount(layer.kernelSize) + 1;
  const sums = new RidgeSums(size, classes);
  const row = new Float64Array(size);
  for (const [i, targets] of shares.entries()) {
    for (const voxel of drawVoxels(targets, classes, random)) {
      gather(features[i], layer, voxel, row);
      sums.add(row, targets.subarray(voxel * classes, (voxel + 1) * classes));
    }
  }
  return sums.solve(PENALTY);
}

/** As {@link fitLayer}, but for probabilities: each voxel counts as the label that fills most of it. */
function fitHead(
  layer: Layer,
  features: readonly Float32Array[],
  shares: readonly Float64Array[],
  classes: number,
  random: Random,
): Float64Array {
  const rows: Float64Array[] = [];
  const labels: number[] = [];
  for (const [i, targets] of shares.entries()) {
    const voxels = targets.length / classes;
    for (let n = 0; n < Math.min(HEAD_SAMPLES_PER_WINDOW, voxels); n++) {
      const voxel = Math.floor(voxels * random.uniform());
      const row = new Float64Array(layer.inputChannels + 1);
      gather(features[i], layer, voxel, row);
      rows.push(row);
      const target = targets.subarray(voxel * classes, (voxel + 1) * classes);
      labels.push(target.indexOf(Math.max(...target)));
    }
  }
  return softmaxRegression(rows, labels, classes);
}

/** Share of each label in each voxel of the layer's output grid, `[voxel, class]`. */
function labelShares(labels: Uint8Array, { outputSize }: Layer, classes: number): Float64Array {
  const voxels = elementCount(outputSize);
  const factor = Math.cbrt(labels.length / voxels);
  const [, height, width] = outputSize.map((size) => size * factor);
  const shares = new Float64Array(voxels * classes);
  const weight = voxels / labels.length;
  for (let i = 0; i < labels.length; i++) {
    const z = Math.floor(i / (height * width) / factor);
    const y = Math.floor((Math.floor(i / width) % height) / factor);
    const x = Math.floor((i % width) / factor);
    shares[((z * outputSize[1] + y) * outputSize[2] + x) * classes + labels[i]] += weight;
  }
  return shares;
}

/** Voxels to fit on: some of every label that is there, some from anywhere. */
function drawVoxels(shares: Float64Array, classes: number, random: Random): number[] {
  const voxels = shares.length / classes;
  const members = Array.from({ length: classes }, (): number[] => []);
  for (let voxel = 0; voxel < voxels; voxel++) {
    for (let k = 0; k < classes; k++) if (shares[voxel * classes + k] >= 0.5) members[k].push(voxel);
  }
  const present = members.filter(({ length }) => length > 0);
  const below = (count: number) => Math.floor(count * random.uniform());
  return Array.from({ length: Math.min(SAMPLES_PER_WINDOW, voxels >> 1) }, () => {
    if (random.uniform() > BALANCED_SHARE) return below(voxels);
    const candidates = present[below(present.length)];
    return candidates[below(candidates.length)];
  });
}

/** What the convolution sees at an output voxel, `[c, kz, ky, kx]`, then 1. */
function gather(features: Float32Array, layer: Layer, voxel: number, row: Float64Array): void {
  const { inputChannels, inputSize, outputSize, kernelSize, stride } = layer;
  const [depth, height, width] = inputSize;
  const start = (index: number, axis: number) => index * stride[axis] - (kernelSize[axis] - 1) / 2;
  const z0 = start(Math.floor(voxel / (outputSize[1] * outputSize[2])), 0);
  const y0 = start(Math.floor(voxel / outputSize[2]) % outputSize[1], 1);
  const x0 = start(voxel % outputSize[2], 2);
  let at = 0;
  for (let c = 0; c < inputChannels; c++) {
    for (let z = z0; z < z0 + kernelSize[0]; z++) {
      for (let y = y0; y < y0 + kernelSize[1]; y++) {
        for (let x = x0; x < x0 + kernelSize[2]; x++) {
          const isInside = z >= 0 && z < depth && y >= 0 && y < height && x >= 0 && x < width;
          row[at++] = isInside ? features[((c * depth + z) * height + y) * width + x] : 0;
        }
      }
    }
  }
  row[at] = 1;
}

function setHead(
  weights: Map<string, WeightTensor>,
  layer: Layer,
  solution: Float64Array,
  classes: number,
): void {
  const { inputChannels } = layer;
  const weightOf = (feature: number, k: number) => solution[feature * classes + k];
  const weight = Float32Array.from({ length: classes * inputChannels }, (_, i) =>
    weightOf(i % inputChannels, Math.floor(i / inputChannels)),
  );
  const bias = Float32Array.from({ length: classes }, (_, k) => weightOf(inputChannels, k));
  weights.set(layer.name, { shape: [classes, inputChannels, 1, 1, 1], data: weight });
  weights.set(layer.name.replace(/weight$/, 'bias'), { shape: [classes], data: bias });
}

/** The first filters predict each label but background, once rising and once falling, as the activation cuts one side. */
function setFilters(
  weights: Map<string, WeightTensor>,
  layer: Layer,
  solution: Float64Array,
  classes: number,
): void {
  const current = weights.get(layer.name);
  if (!current) throw new Error(`no weights named ${layer.name}`);
  const data = current.data.slice();
  const size = layer.inputChannels * elementCount(layer.kernelSize);
  const fitted = Math.min(2 * (classes - 1), layer.outputChannels - RANDOM_FILTERS);
  for (let filter = 0; filter < fitted; filter++) {
    const k = 1 + (filter >> 1);
    const sign = filter % 2 ? -1 : 1;
    for (let i = 0; i < size; i++) data[filter * size + i] = sign * solution[i * classes + k];
  }
  weights.set(layer.name, { shape: current.shape, data });
}
