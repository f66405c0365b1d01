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

export interface OnnxExportOptions {
  readonly graphName: string;
  /** 2: the file takes `[n, c, y, x]`, and every map of the graph must have depth 1. */
  readonly dimensions: 2 | 3;
  /** Free key and value pairs that travel with the file. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** nnU-Net's network with its weights as the bytes of a `.onnx` file, for inputs of exactly this batch and patch. */
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
  const writer = new GraphWriter(weights, options.dimensions);
  const outputs = graph.outputs.map((value, i) =>
    writer.output(value, graph.outputs.length === 1 ? ONNX_OUTPUT : `${ONNX_OUTPUT}_${i}`),
  );
  const inputs = graph.inputs.map(({ attributes: { name }, shape }) => ({
    name,
    shape: writer.fileShape(shape),
  }));
  const { nodes, initializers } = writer;
  const { graphName, metadata = {} } = options;
  return encodeOnnxModel({
    graphName,
    producer: PRODUCER,
    opset: OPSET,
    nodes,
    initializers,
    inputs,
    outputs,
    metadata,
  });
}

/** A weight or a shape. */
type OnnxConstant = Pick<OnnxInitializer, 'shape' | 'data'>;

/** Writes one op's nodes and returns the name of its result. */
type OpWriter<Op extends NetworkOp> = (value: Value<Op>, writer: GraphWriter) => string;

const OP_WRITERS: { readonly [Op in NetworkOp]: OpWriter<Op> } = {
  input: ({ attributes }) => attributes.name,

  parameter: (value, writer) => writer.initializer(value.attributes.name, writer.tensorOf(value)),

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
    const inputs = [writer.nameOf(x), writer.initializer(`${parameterName(weight)}.pointwise`, pointwise)];
    if (bias) {
      const repeated = repeatedBias(writer.tensorOf(bias), elementCount(attributes.stride));
      inputs.push(writer.initializer(`${parameterName(bias)}.pointwise`, repeated));
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

/** Nodes and constants of the file under construction, and which name stands for which value. */
class GraphWriter {
  readonly nodes: OnnxNode[] = [];
  private readonly names = new Map<Value, string>();
  private readonly constants = new Map<string, OnnxInitializer>();
  private readonly weights: StateDict;
  private readonly dimensions: 2 | 3;

  constructor(weights: StateDict, dimensions: 2 | 3) {
    this.weights = weights;
    this.dimensions = dimensions;
  }

  get initializers(): readonly OnnxInitializer[] {
    return [...this.constants.values()];
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

  node(
    operator: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
  ): string {
    const output = `${operator}_${this.nodes.length}`;
    this.nodes.push({ operator, inputs, outputs: [output], attributes });
    return output;
  }

  /** Gives a value the name by which callers ask for it. */
  output(value: Value, name: string): OnnxValueInfo {
    this.nodes.push({ operator: 'Identity', inputs: [this.nameOf(value)], outputs: [name] });
    return { name, shape: this.fileShape(value.shape) };
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

  initializer(name: string, { shape, data }: OnnxConstant): string {
    this.constants.set(name, { name, shape, data });
    return name;
  }

  filled(length: number, value: number): string {
    const data = new Float32Array(length).fill(value);
    return this.initializer(`filled_${value}_${length}`, { shape: [length], data });
  }

  reshape(x: string, shape: readonly number[]): string {
    const data = BigInt64Array.from(shape, (size) => BigInt(size));
    return this.node('Reshape', [
      x,
      this.initializer(`shape_${shape.join('_')}`, { shape: [shape.length], data }),
    ]);
  }
}

/** `[n, c · k…, z, y, x]` → `[n, c, z · kz, y · ky, x · kx]`: a block's voxels move from channels into space. */
function voxelShuffle(
  writer: GraphWriter,
  blocks: string,
  from: readonly number[],
  to: readonly number[],
): string {
  const [batch, channels, ...outer] = to;
  const inner = from.slice(2);
  const rank = inner.length;
  const block = outer.map((size, axis) => size / inner[axis]);
  const split = writer.reshape(blocks, [batch, channels, ...block, ...inner]);
  const permutation = [0, 1, ...inner.flatMap((_, axis) => [2 + rank + axis, 2 + axis])];
  return writer.reshape(writer.node('Transpose', [split], { perm: { ints: permutation } }), to);
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
