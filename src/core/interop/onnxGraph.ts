// Foreign ONNX networks translated to our graph, so that our kernels run them: as far as every operator is known here.

import { add } from '@/graph/ops/add';
import { avgPool } from '@/graph/ops/avgPool';
import { batchNorm } from '@/graph/ops/batchNorm';
import { concatChannels } from '@/graph/ops/concatChannels';
import { conv3d } from '@/graph/ops/conv3d';
import { convTranspose3d } from '@/graph/ops/convTranspose3d';
import { instanceNorm } from '@/graph/ops/instanceNorm';
import { leakyRelu } from '@/graph/ops/leakyRelu';
import { buffer, input, parameter } from '@/graph/ops/leaves';
import { type Graph, type Initialisation, topologicalOrder, type Value } from '@/graph/value';
import { UNET_INPUT } from '@/nn/unet';
import { elementCount, type Zyx } from '@/shared/geometry';
import type { StateDict, WeightTensor } from './model';
import { fromPointwise, oncePerBlock } from './onnxExport';
import type { ReadAttribute, ReadNode, ReadOnnxModel, ReadTensor } from './onnxReader';

/** A network of ours, and the weights that go with it. */
export interface TranslatedNetwork {
  /** One input, {@link UNET_INPUT}, `[1, c, z, y, x]`; one output, logits `[1, k, z, y, x]`. */
  readonly graph: Graph;
  readonly weights: StateDict;
  /** What the file applies to the logits at the very end; the graph leaves it out. */
  readonly activation: 'none' | 'softmax' | 'sigmoid';
}

/** An operator, or a way to use one, that our graph does not have; the message names it. */
export class UnknownOperator extends Error {}

/**
 * Translates a network that takes `[1, channels, patchSize]` (2 or 3 sizes) with channels first. Throws
 * {@link UnknownOperator} with the first operator that is not known here.
 */
export function graphFromOnnx(
  onnx: ReadOnnxModel,
  channels: number,
  patchSize: readonly number[],
): TranslatedNetwork {
  return new Translator(onnx, patchSize.length).translate(channels, patchSize);
}

/** A convolution's voxel blocks, on their way from channels into space (`voxelShuffle` in onnxExport.ts). */
interface Blocks {
  /** The 1×1×1 convolution that made them. */
  readonly conv: Value<'conv3d'>;
  readonly block: readonly number[];
  /** Whether the blocks' axes lie between those of the map. */
  readonly isInterleaved: boolean;
}

type Known =
  | { readonly kind: 'map'; readonly value: Value }
  | { readonly kind: 'constant'; readonly tensor: ReadTensor }
  | { readonly kind: 'blocks'; readonly blocks: Blocks };

type NodeTranslator = (node: Node) => Known;

/** Ends of the network that are no part of the graph. */
const ACTIVATIONS: Readonly<Record<string, TranslatedNetwork['activation']>> = {
  Softmax: 'softmax',
  Sigmoid: 'sigmoid',
};

class Translator {
  private readonly onnx: ReadOnnxModel;
  private readonly rank: number;
  private readonly known = new Map<string, Known>();
  private readonly parameters = new Map<string, Value<'parameter'>>();
  private readonly weights = new Map<string, WeightTensor>();

  constructor(onnx: ReadOnnxModel, rank: number) {
    this.onnx = onnx;
    this.rank = rank;
    for (const { name, ...tensor } of onnx.initializers) this.known.set(name, { kind: 'constant', tensor });
  }

  translate(channels: number, patchSize: readonly number[]): TranslatedNetwork {
    const { inputs, outputs, nodes } = this.onnx;
    if (inputs.length !== 1) throw new UnknownOperator(`${inputs.length} inputs`);
    if (outputs.length !== 1) throw new UnknownOperator(`${outputs.length} outputs`);
    const size = patchSize.length === 2 ? [1, ...patchSize] : patchSize;
    const x = input(UNET_INPUT, [1, channels, ...size]);
    this.known.set(inputs[0].name, { kind: 'map', value: x });

    const { last, activation } = this.end(outputs[0].name);
    for (const node of neededFor(last, nodes)) {
      this.known.set(node.outputs[0], this.translateNode(node));
    }
    const output = this.known.get(last);
    if (output?.kind !== 'map') throw new UnknownOperator('an output that no operator computes');
    const used = new Set(topologicalOrder([output.value]));
    const parameters = [...this.parameters.values()].filter((value) => used.has(value));
    const weights = new Map(
      parameters.map((value) => [value.attributes.name, this.weightsNamed(value.attributes.name)]),
    );
    return { graph: { inputs: [x], parameters, outputs: [output.value] }, weights, activation };
  }

  /** The value that logits are, and what the file makes of them. */
  private end(output: string): { last: string; activation: TranslatedNetwork['activation'] } {
    const node = this.onnx.nodes.find(({ outputs }) => outputs.includes(output));
    const activation = node && ACTIVATIONS[node.operator];
    if (!node || !activation) return { last: output, activation: 'none' };
    if (activation === 'softmax') {
      const axis = integerOf(node.attributes.get('axis'), this.onnx.opset < 13 ? 1 : -1);
      if (axis !== 1) throw new UnknownOperator(`Softmax over axis ${axis}`);
    }
    return { last: node.inputs[0], activation };
  }

  private translateNode(node: ReadNode): Known {
    const translate = node.domain === '' ? TRANSLATORS.get(node.operator) : undefined;
    if (!translate) {
      throw new UnknownOperator(node.domain ? `${node.domain}.${node.operator}` : node.operator);
    }
    try {
      return translate(new Node(node, this));
    } catch (error) {
      // The graph's own checks: a shape that it has no use for.
      if (error instanceof UnknownOperator || !(error instanceof Error)) throw error;
      throw new UnknownOperator(`${node.operator} (${error.message})`);
    }
  }

  lookUp(name: string): Known | undefined {
    return this.known.get(name);
  }

  get dimensions(): number {
    return this.rank;
  }

  weightsNamed(name: string): WeightTensor {
    const tensor = this.weights.get(name);
    if (!tensor) throw new Error(`onnxGraph: ${name} has no weights`);
    return tensor;
  }

  /** A learned tensor under a name of its own. */
  declare(name: string, tensor: WeightTensor, initialisation: Initialisation, make = parameter): Value {
    const known = this.parameters.get(name);
    if (known && known.shape.join() === tensor.shape.join()) return known;
    const unique = known ? `${name} ${tensor.shape.join('x')}` : name;
    const value = make(unique, tensor.shape, initialisation);
    this.parameters.set(unique, value);
    this.weights.set(unique, tensor);
    return value;
  }
}

/** The operators that a value depends on, in the file's order, which has each behind its inputs. */
function neededFor(output: string, nodes: readonly ReadNode[]): readonly ReadNode[] {
  const wanted = new Set([output]);
  const needed: ReadNode[] = [];
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((name) => wanted.has(name))) continue;
    needed.unshift(node);
    for (const name of node.inputs) wanted.add(name);
  }
  return needed;
}

/** One operator with its inputs as far as they are known. */
class Node {
  readonly source: ReadNode;
  readonly translator: Translator;

  constructor(source: ReadNode, translator: Translator) {
    this.source = source;
    this.translator = translator;
  }

  /** The feature map of an input. */
  map(index: number): Value {
    const known = this.input(index);
    if (known?.kind === 'map') return known.value;
    throw this.unknown(known?.kind === 'constant' ? 'of a constant' : 'of something that is no feature map');
  }

  input(index: number): Known | undefined {
    const name = this.source.inputs.at(index);
    return name ? this.translator.lookUp(name) : undefined;
  }

  constant(index: number): ReadTensor | undefined {
    const name = this.source.inputs.at(index);
    if (!name) return undefined;
    const known = this.translator.lookUp(name);
    if (known?.kind === 'constant') return known.tensor;
    throw this.unknown('with computed weights');
  }

  /** The weights of an input, f32. */
  weights(index: number): WeightTensor {
    const tensor = this.constant(index);
    if (!tensor) throw this.unknown('without weights');
    return floatTensor(tensor);
  }

  /** An input's weights as a parameter of that shape. */
  declared(index: number, tensor: WeightTensor, start: Initialisation, make = parameter): Value {
    return this.translator.declare(this.source.inputs[index], tensor, start, make);
  }

  attribute(name: string): ReadAttribute | undefined {
    return this.source.attributes.get(name);
  }

  integers(name: string, otherwise: readonly number[]): readonly number[] {
    const value = this.attribute(name);
    return value && 'ints' in value ? value.ints : otherwise;
  }

  float(name: string, otherwise: number): number {
    const value = this.attribute(name);
    return value && 'float' in value ? value.float : otherwise;
  }

  /** Sizes along the map's axes as z, y, x. */
  zyx(sizes: readonly number[]): Zyx {
    if (sizes.length !== this.translator.dimensions) throw this.unknown(`with ${sizes.length} axes`);
    return sizes.length === 2 ? [1, sizes[0], sizes[1]] : [sizes[0], sizes[1], sizes[2]];
  }

  ones(): readonly number[] {
    return Array.from({ length: this.translator.dimensions }, () => 1);
  }

  unknown(how: string): UnknownOperator {
    return new UnknownOperator(`${this.source.operator} ${how}`);
  }
}

const map = (value: Value): Known => ({ kind: 'map', value });

const TRANSLATORS: ReadonlyMap<string, NodeTranslator> = new Map<string, NodeTranslator>([
  ['Conv', translateConv],
  ['ConvTranspose', translateConvTranspose],
  ['InstanceNormalization', translateInstanceNorm],
  ['BatchNormalization', translateBatchNorm],
  ['LeakyRelu', (node) => map(leakyRelu(node.map(0), node.float('alpha', 0.01)))],
  ['Relu', (node) => map(leakyRelu(node.map(0), 0))],
  ['PRelu', translatePRelu],
  ['Add', (node) => map(add(node.map(0), node.map(1)))],
  ['Concat', translateConcat],
  ['AveragePool', translateAveragePool],
  ['Identity', passOn],
  ['Dropout', passOn],
  ['Constant', translateConstant],
  ['Reshape', translateReshape],
  ['Transpose', translateTranspose],
]);

function passOn(node: Node): Known {
  const known = node.input(0);
  if (!known) throw node.unknown('of nothing');
  return known;
}

function translateConstant(node: Node): Known {
  const value = node.attribute('value');
  if (value && 'tensor' in value) return { kind: 'constant', tensor: value.tensor };
  throw node.unknown('of a kind that is no tensor');
}

function translateConv(node: Node): Known {
  const x = node.map(0);
  const weight = node.weights(1);
  const kernel = node.zyx(weight.shape.slice(2));
  const stride = node.zyx(node.integers('strides', node.ones()));
  expectPlainConvolution(node);
  expectPadding(
    node,
    kernel.map((size) => (size - 1) / 2),
    stride,
  );
  if (kernel.some((size) => size % 2 === 0)) throw node.unknown('with an even kernel');
  const shape = [weight.shape[0], weight.shape[1], ...kernel];
  const w = node.declared(1, { ...weight, shape }, 'kaimingNormal');
  const bias = node.constant(2) && node.declared(2, node.weights(2), 'zeros');
  return map(conv3d(x, w, bias, stride));
}

function translateConvTranspose(node: Node): Known {
  const x = node.map(0);
  const weight = node.weights(1);
  const kernel = node.zyx(weight.shape.slice(2));
  const stride = node.zyx(node.integers('strides', node.ones()));
  expectPlainConvolution(node);
  expectPadding(node, [0, 0, 0], stride);
  if (node.integers('output_padding', []).some((size) => size !== 0) || node.attribute('output_shape')) {
    throw node.unknown('with padding of its output');
  }
  if (kernel.some((size, axis) => size !== stride[axis])) {
    throw node.unknown(`with a kernel of ${kernel.join(' × ')} and steps of ${stride.join(' × ')}`);
  }
  const shape = [weight.shape[0], weight.shape[1], ...kernel];
  const w = node.declared(1, { ...weight, shape }, 'kaimingNormal');
  const bias = node.constant(2) && node.declared(2, node.weights(2), 'zeros');
  return map(convTranspose3d(x, w, bias));
}

function expectPlainConvolution(node: Node): void {
  const dilations = node.integers('dilations', node.ones());
  if (dilations.some((step) => step !== 1)) throw node.unknown(`with dilations ${dilations.join(' × ')}`);
  const group = integerOf(node.attribute('group'), 1);
  if (group !== 1) throw node.unknown(`in ${group} groups`);
}

/** `wanted`: what our operator pads on both sides, z, y, x. */
function expectPadding(node: Node, wanted: readonly number[], stride: readonly number[]): void {
  const auto = node.attribute('auto_pad');
  const mode = auto && 'string' in auto ? auto.string : 'NOTSET';
  if (mode === 'VALID' && wanted.every((size) => size === 0)) return;
  if (mode.startsWith('SAME') && stride.every((step) => step === 1)) return;
  if (mode !== 'NOTSET') throw node.unknown(`with padding ${mode}`);
  const pads = node.integers(
    'pads',
    [...node.ones(), ...node.ones()].map(() => 0),
  );
  const rank = pads.length / 2;
  const [before, after] = [pads.slice(0, rank), pads.slice(rank)];
  const ofAxes = wanted.slice(3 - rank);
  if (ofAxes.every((size, axis) => before[axis] === size && after[axis] === size)) return;
  throw node.unknown(`with padding ${pads.join(', ')}`);
}

function translateInstanceNorm(node: Node): Known {
  const affine = {
    weight: node.declared(1, node.weights(1), 'ones'),
    bias: node.declared(2, node.weights(2), 'zeros'),
  };
  return map(instanceNorm(node.map(0), affine, node.float('epsilon', 1e-5)));
}

function translateBatchNorm(node: Node): Known {
  const count: WeightTensor = { shape: [], data: Float32Array.of(0) };
  const running = {
    mean: node.declared(3, node.weights(3), 'zeros', buffer),
    variance: node.declared(4, node.weights(4), 'ones', buffer),
    batchCount: node.translator.declare('batches', count, 'zeros', buffer),
  };
  const affine = {
    weight: node.declared(1, node.weights(1), 'ones'),
    bias: node.declared(2, node.weights(2), 'zeros'),
  };
  const options = { eps: node.float('epsilon', 1e-5), momentum: 0.1 };
  return map(batchNorm(node.map(0), running, affine, options));
}

/** One slope for all channels. */
function translatePRelu(node: Node): Known {
  const { data } = node.weights(1);
  if (data.some((slope) => slope !== data[0])) throw node.unknown('with a slope per channel');
  return map(leakyRelu(node.map(0), data[0]));
}

function translateConcat(node: Node): Known {
  const axis = integerOf(node.attribute('axis'), 1);
  const maps = node.source.inputs.map((_, i) => node.map(i));
  if (axis !== 1 && axis !== -1 - node.translator.dimensions) {
    throw node.unknown(`along axis ${axis}`);
  }
  return map(maps.reduce((joined, each) => concatChannels(joined, each)));
}

function translateAveragePool(node: Node): Known {
  const kernel = node.zyx(node.integers('kernel_shape', node.ones()));
  const stride = node.zyx(node.integers('strides', node.ones()));
  expectPadding(node, [0, 0, 0], kernel);
  if (integerOf(node.attribute('ceil_mode'), 0) !== 0) throw node.unknown('that rounds up');
  if (kernel.some((size, axis) => size !== stride[axis])) throw node.unknown('over blocks that overlap');
  return map(avgPool(node.map(0), stride));
}

/** The two ends of a voxel shuffle: channels apart into blocks, and blocks joined with space. */
function translateReshape(node: Node): Known {
  const known = node.input(0);
  const target = Array.from(node.constant(1)?.data ?? [], Number);
  const rank = node.translator.dimensions;
  if (known?.kind === 'map' && known.value.op === 'conv3d' && target.length === 2 + 2 * rank) {
    const conv = known.value;
    const [, channels] = conv.shape;
    const block = target.slice(2, 2 + rank);
    const isPointwise =
      elementCount(conv.attributes.kernelSize) === 1 && elementCount(conv.attributes.stride) === 1;
    if (isPointwise && target[1] * elementCount(block) === channels) {
      return { kind: 'blocks', blocks: { conv, block, isInterleaved: false } };
    }
  }
  if (known?.kind === 'blocks' && known.blocks.isInterleaved && target.length === 2 + rank) {
    return map(shuffled(node, known.blocks));
  }
  throw node.unknown('other than of voxel blocks');
}

function translateTranspose(node: Node): Known {
  const known = node.input(0);
  const rank = node.translator.dimensions;
  const wanted = [0, 1, ...Array.from({ length: rank }, (_, axis) => [2 + rank + axis, 2 + axis]).flat()];
  const order = node.integers('perm', []);
  if (known?.kind === 'blocks' && !known.blocks.isInterleaved && order.join() === wanted.join()) {
    return { kind: 'blocks', blocks: { ...known.blocks, isInterleaved: true } };
  }
  throw node.unknown('other than of voxel blocks');
}

/** A pointwise convolution and a voxel shuffle as the transposed convolution that they are. */
function shuffled(node: Node, { conv, block }: Blocks): Value {
  const [x, weight, bias] = conv.inputs as readonly (Value | undefined)[];
  const stride = node.zyx(block);
  const outChannels = conv.shape[1] / elementCount(block);
  if (weight?.op !== 'parameter' || !x) throw node.unknown('of computed weights');
  const shape = [x.shape[1], outChannels, ...stride];
  const data = fromPointwise(node.translator.weightsNamed(weight.attributes.name).data, shape);
  const w = node.translator.declare(`${weight.attributes.name} as blocks`, { shape, data }, 'kaimingNormal');
  if (!bias) return convTranspose3d(x, w, undefined);
  if (bias.op !== 'parameter') throw node.unknown('of computed weights');
  const all = node.translator.weightsNamed(bias.attributes.name).data;
  const once = oncePerBlock(all, outChannels);
  const blockVoxels = elementCount(block);
  if (all.some((value, i) => value !== once[Math.floor(i / blockVoxels)])) {
    throw node.unknown('with a bias that differs within a block');
  }
  const name = `${bias.attributes.name} as blocks`;
  return convTranspose3d(x, w, node.translator.declare(name, { shape: [outChannels], data: once }, 'zeros'));
}

function floatTensor({ shape, data }: ReadTensor): WeightTensor {
  return { shape, data: data instanceof Float32Array ? data : Float32Array.from(data, Number) };
}

function integerOf(value: ReadAttribute | undefined, otherwise: number): number {
  return value && 'int' in value ? value.int : otherwise;
}
