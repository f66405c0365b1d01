// A traced network as an ONNX file, in operators that onnxruntime's CPU, CUDA and WebGPU providers all run. A transposed
// convolution becomes a 1×1×1 convolution and a voxel shuffle: the WebGPU provider refuses ConvTranspose in 3D.

import type { Architecture } from '@/core/planning/plans';
import { batchNormInputs } from '@/graph/ops/batchNorm';
import type { Graph, NetworkOp, Value } from '@/graph/value';
import { buildUNet, type UNetOptions } from '@/nn/unet';
import { StudioError } from '@/shared/errors';
import { elementCount, formatShape } from '@/shared/geometry';
import type { StateDict, WeightTensor } from './model';
import {
  encodeOnnxModel,
  type OnnxAttribute,
  type OnnxInitializer,
  type OnnxNode,
  type OnnxValueInfo,
} from './onnxProto';

/** ONNX operator set of the file: 17, which every onnxruntime since 1.12 reads. */
const OPSET = 17;

const PRODUCER = 'nnStudio';

/** Name of the network's output; with several heads `logits_0` is the finest. */
export const ONNX_OUTPUT = 'logits';

/** Name of the first size of inputs and outputs: any number of samples. */
const BATCH = 'batch';
/** What the name of a transposed convolution's weight or bias ends in where it is rewritten. */
const POINTWISE = '.pointwise';
/** In a Reshape, a size that stays what it is: the batch. */
const SAME_SIZE = 0;

export interface OnnxExportOptions {
  readonly graphName: string;
  /** 2: the file takes `[n, c, y, x]`, and every map of the graph must have depth 1. */
  readonly dimensions: 2 | 3;
  /** Free key and value pairs that travel with the file. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** nnU-Net's network with its weights as the bytes of a `.onnx` file, for inputs of exactly this patch and any batch. */
export function exportUNetToOnnx(
  architecture: Architecture,
  options: UNetOptions,
  weights: StateDict,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const dimensions = options.patchSize.length === 2 ? 2 : 3;
  const graph = buildUNet(architecture, options);
  return exportGraphToOnnx(graph, weights, { graphName: architecture.networkClass, dimensions, metadata });
}

/** Any traced graph as the bytes of a `.onnx` file. Inputs keep their names; outputs are {@link ONNX_OUTPUT}. */
export function exportGraphToOnnx(graph: Graph, weights: StateDict, options: OnnxExportOptions): Uint8Array {
  return exportFoldsToOnnx(graph, new Map([['', weights]]), options);
}

/**
 * A traced graph with several sets of weights, whose outputs are averaged as nnU-Net averages folds: the mean of their
 * logits. Each set's weights keep their names behind the prefix that is its key. Throws `WeightsMismatch`.
 */
export function exportFoldsToOnnx(
  graph: Graph,
  folds: ReadonlyMap<string, StateDict>,
  options: OnnxExportOptions,
): Uint8Array {
  const contents = new FileContents();
  const writers = Array.from(
    folds,
    ([prefix, weights]) => new GraphWriter(contents, weights, options.dimensions, prefix),
  );
  const outputs = graph.outputs.map((value, i) => {
    const name = graph.outputs.length === 1 ? ONNX_OUTPUT : `${ONNX_OUTPUT}_${i}`;
    return meanOutput(contents, writers, value, name);
  });
  const [writer] = writers;
  const inputs = graph.inputs.map(({ attributes: { name }, shape }) => ({
    name,
    shape: anyBatch(writer.fileShape(shape)),
  }));
  const { graphName, metadata = {} } = options;
  return encodeOnnxModel({
    graphName,
    producer: PRODUCER,
    opset: OPSET,
    nodes: contents.nodes,
    initializers: contents.initializers,
    inputs,
    outputs,
    metadata,
  });
}

/** Gives the mean of a value over all sets of weights the name by which callers ask for it. */
function meanOutput(
  contents: FileContents,
  writers: readonly GraphWriter[],
  value: Value,
  name: string,
): OnnxValueInfo {
  const [first, ...others] = writers.map((writer) => writer.nameOf(value));
  const sum = others.reduce((total, each) => contents.node('Add', [total, each]), first);
  const share = Float32Array.of(1 / writers.length);
  const mean =
    others.length === 0
      ? sum
      : contents.node('Mul', [sum, contents.initializer('fold_share', { shape: [1], data: share })]);
  contents.nodes.push({ operator: 'Identity', inputs: [mean], outputs: [name] });
  return { name, shape: anyBatch(writers[0].fileShape(value.shape)) };
}

function anyBatch([, ...sizes]: readonly number[]): readonly (number | string)[] {
  return [BATCH, ...sizes];
}

/** A weight or a shape. */
type OnnxConstant = Pick<OnnxInitializer, 'shape' | 'data'>;

/** Writes one op's nodes and returns the name of its result. */
type OpWriter<Op extends NetworkOp> = (value: Value<Op>, writer: GraphWriter) => string;

const OP_WRITERS: { readonly [Op in NetworkOp]: OpWriter<Op> } = {
  input: ({ attributes }) => attributes.name,

  parameter: (value, writer) => writer.weight(value.attributes.name, writer.tensorOf(value)),

  conv3d: ({ attributes, inputs: [x, weight, bias] }, writer) => {
    const kernel = writer.axes(attributes.kernelSize);
    const padding = kernel.map((size) => (size - 1) / 2);
    return writer.node('Conv', [x, weight, bias].filter(isPresent).map(writer.nameOf), {
      kernel_shape: { ints: kernel },
      strides: { ints: writer.axes(attributes.stride) },
      pads: { ints: [...padding, ...padding] },
    });
  },

  convTranspose3d: ({ attributes, shape, inputs: [x, weight, bias] }, writer) => {
    const pointwise = pointwiseWeight(writer.tensorOf(weight));
    const inputs = [writer.nameOf(x), writer.weight(`${parameterName(weight)}${POINTWISE}`, pointwise)];
    if (bias) {
      const repeated = repeatedBias(writer.tensorOf(bias), elementCount(attributes.stride));
      inputs.push(writer.weight(`${parameterName(bias)}${POINTWISE}`, repeated));
    }
    const blocks = writer.node('Conv', inputs, { kernel_shape: { ints: writer.axes([1, 1, 1]) } });
    return voxelShuffle(writer, blocks, writer.fileShape(x.shape), writer.fileShape(shape));
  },

  instanceNorm: ({ attributes, inputs: [x, weight, bias] }, writer) => {
    const channels = x.shape[1];
    const scale = weight ? writer.nameOf(weight) : writer.filled(channels, 1);
    const shift = bias ? writer.nameOf(bias) : writer.filled(channels, 0);
    return writer.node('InstanceNormalization', [writer.nameOf(x), scale, shift], {
      epsilon: { float: attributes.eps },
    });
  },

  batchNorm: (value, writer) => {
    const { x, running, affine } = batchNormInputs(value);
    const channels = x.shape[1];
    const scale = affine ? writer.nameOf(affine.weight) : writer.filled(channels, 1);
    const shift = affine ? writer.nameOf(affine.bias) : writer.filled(channels, 0);
    const statistics = [running.mean, running.variance].map(writer.nameOf);
    return writer.node('BatchNormalization', [writer.nameOf(x), scale, shift, ...statistics], {
      epsilon: { float: value.attributes.eps },
    });
  },

  dropout: ({ inputs: [x] }, writer) => writer.nameOf(x),

  leakyRelu: ({ attributes, inputs: [x] }, writer) =>
    writer.node('LeakyRelu', [writer.nameOf(x)], { alpha: { float: attributes.negativeSlope } }),

  add: ({ inputs }, writer) => writer.node('Add', inputs.map(writer.nameOf)),

  concatChannels: ({ inputs }, writer) =>
    writer.node('Concat', inputs.map(writer.nameOf), { axis: { int: 1 } }),

  avgPool: ({ attributes, inputs: [x] }, writer) => {
    const block = writer.axes(attributes.stride);
    return writer.node('AveragePool', [writer.nameOf(x)], {
      kernel_shape: { ints: block },
      strides: { ints: block },
    });
  },
};

/** Nodes and constants of the file under construction. */
class FileContents {
  readonly nodes: OnnxNode[] = [];
  private readonly constants = new Map<string, OnnxInitializer>();

  get initializers(): readonly OnnxInitializer[] {
    return [...this.constants.values()];
  }

  node(
    operator: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
  ): string {
    const output = `${operator}_${this.nodes.length}`;
    this.nodes.push({ operator, inputs, outputs: [output], attributes });
    return output;
  }

  initializer(name: string, { shape, data }: OnnxConstant): string {
    this.constants.set(name, { name, shape, data });
    return name;
  }
}

/** Writes a graph with one set of weights, and keeps which name in the file stands for which value. */
class GraphWriter {
  readonly node: FileContents['node'];
  private readonly contents: FileContents;
  private readonly names = new Map<Value, string>();
  private readonly weights: StateDict;
  private readonly dimensions: 2 | 3;
  private readonly prefix: string;

  constructor(contents: FileContents, weights: StateDict, dimensions: 2 | 3, prefix: string) {
    this.contents = contents;
    this.weights = weights;
    this.dimensions = dimensions;
    this.prefix = prefix;
    this.node = contents.node.bind(contents);
  }

  /** The name of a value in the file; writes it, and what it is made of, where that has not been done. */
  readonly nameOf = (value: Value): string => {
    const known = this.names.get(value);
    if (known !== undefined) return known;
    if (!isNetworkOp(value)) throw new Error(`onnxExport: ${value.op} is no part of a network`);
    const write = OP_WRITERS[value.op] as OpWriter<NetworkOp>;
    const name = write(value, this);
    this.names.set(value, name);
    return name;
  };

  /** The z, y, x entries that the file's rank keeps. */
  axes(sizes: readonly number[]): readonly number[] {
    return sizes.slice(3 - this.dimensions);
  }

  /** A shape of the graph (two leading axes, then z, y, x) at the file's rank; a vector stays. */
  fileShape(shape: readonly number[]): readonly number[] {
    if (this.dimensions === 3 || shape.length !== 5) return shape;
    if (shape[2] !== 1)
      throw new Error(`onnx: [${shape.join(', ')}] has depth, so it cannot be written as 2D`);
    return withoutDepth(shape);
  }

  /** The weights of a parameter at the file's rank. Throws `WeightsMismatch` where they are missing or misshaped. */
  tensorOf(parameter: Value): WeightTensor {
    const name = parameterName(parameter);
    const tensor = this.weights.get(name);
    if (!tensor || !isShapeOf(tensor, parameter)) {
      const found = tensor ? `have the shape ${formatShape(tensor.shape)}` : 'are missing';
      throw new StudioError(
        'WeightsMismatch',
        `The weights of ${name} ${found}; the network needs ${formatShape(parameter.shape)}.`,
        'Export the model with the plans that it was trained with.',
      );
    }
    return { shape: this.fileShape(parameter.shape), data: tensor.data };
  }

  /** A constant of this set of weights. */
  weight(name: string, tensor: WeightTensor): string {
    return this.contents.initializer(`${this.prefix}${name}`, tensor);
  }

  filled(length: number, value: number): string {
    const data = new Float32Array(length).fill(value);
    return this.contents.initializer(`filled_${value}_${length}`, { shape: [length], data });
  }

  reshape(x: string, shape: readonly number[]): string {
    const data = BigInt64Array.from(shape, (size) => BigInt(size));
    const name = `shape_${shape.join('_')}`;
    return this.node('Reshape', [x, this.contents.initializer(name, { shape: [shape.length], data })]);
  }
}

/** `[n, c · k…, z, y, x]` → `[n, c, z · kz, y · ky, x · kx]`: a block's voxels move from channels into space. */
function voxelShuffle(
  writer: GraphWriter,
  blocks: string,
  from: readonly number[],
  to: readonly number[],
): string {
  const [, channels, ...outer] = to;
  const inner = from.slice(2);
  const rank = inner.length;
  const block = outer.map((size, axis) => size / inner[axis]);
  const split = writer.reshape(blocks, [SAME_SIZE, channels, ...block, ...inner]);
  const permutation = [0, 1, ...inner.flatMap((_, axis) => [2 + rank + axis, 2 + axis])];
  return writer.reshape(writer.node('Transpose', [split], { perm: { ints: permutation } }), [
    SAME_SIZE,
    channels,
    ...outer,
  ]);
}

/** `[in, out, k…]` of a transposed convolution as `[out · k…, in, 1…]` of a convolution, out slowest. */
function pointwiseWeight({ shape, data }: WeightTensor): WeightTensor {
  const [inChannels, outChannels, ...kernel] = shape;
  const rows = outChannels * elementCount(kernel);
  const transposed = new Float32Array(data.length);
  for (let input = 0; input < inChannels; input++) {
    for (let row = 0; row < rows; row++) transposed[row * inChannels + input] = data[input * rows + row];
  }
  return { shape: [rows, inChannels, ...kernel.map(() => 1)], data: transposed };
}

/**
 * The weights of a file that {@link exportFoldsToOnnx} wrote, for one set: `prefix` is its key there. What the file has
 * no use for (heads that only training has) is not among them. `expected`: names and shapes of the network.
 */
export function weightsOfExport(
  initializers: readonly OnnxInitializer[],
  prefix: string,
  expected: ReadonlyMap<string, readonly number[]>,
): StateDict {
  const found = new Map(initializers.map((each) => [each.name, each]));
  const weights = new Map<string, WeightTensor>();
  for (const [name, shape] of expected) {
    const plain = found.get(`${prefix}${name}`);
    const rewritten = found.get(`${prefix}${name}${POINTWISE}`);
    if (plain?.data instanceof Float32Array) weights.set(name, { shape: plain.shape, data: plain.data });
    else if (rewritten?.data instanceof Float32Array) {
      const data =
        shape.length === 1 ? oncePerBlock(rewritten.data, shape[0]) : fromPointwise(rewritten.data, shape);
      weights.set(name, { shape, data });
    }
  }
  return weights;
}

/** Undoes {@link pointwiseWeight}: to `shape`, `[in, out, k…]`. */
export function fromPointwise(data: Float32Array, shape: readonly number[]): Float32Array {
  const inChannels = shape[0];
  const rows = data.length / inChannels;
  const weight = new Float32Array(data.length);
  for (let input = 0; input < inChannels; input++) {
    for (let row = 0; row < rows; row++) weight[input * rows + row] = data[row * inChannels + input];
  }
  return weight;
}

/** Undoes {@link repeatedBias}: one value for each of the channels. */
export function oncePerBlock(data: Float32Array, channels: number): Float32Array {
  const blockVoxels = data.length / channels;
  return Float32Array.from({ length: channels }, (_, i) => data[i * blockVoxels]);
}

/** Each channel's bias once for every voxel of its block. */
function repeatedBias({ data }: WeightTensor, blockVoxels: number): WeightTensor {
  const length = data.length * blockVoxels;
  return {
    shape: [length],
    data: Float32Array.from({ length }, (_, i) => data[Math.floor(i / blockVoxels)]),
  };
}

function parameterName(value: Value): string {
  if (value.op !== 'parameter') throw new Error(`onnx: weights must be parameters, found ${value.op}`);
  return value.attributes.name;
}

/** A 2D network's weights may come as 2D or as 3D of depth 1. */
function isShapeOf(tensor: WeightTensor, { shape }: Value): boolean {
  const accepted = shape.length === 5 && shape[2] === 1 ? [shape, withoutDepth(shape)] : [shape];
  return (
    tensor.data.length === elementCount(shape) && accepted.some((each) => each.join() === tensor.shape.join())
  );
}

function withoutDepth([first, second, , ...plane]: readonly number[]): readonly number[] {
  return [first, second, ...plane];
}

function isPresent(value: Value | undefined): value is Value {
  return value !== undefined;
}

function isNetworkOp(value: Value): value is Value<NetworkOp> {
  return value.op in OP_WRITERS;
}
