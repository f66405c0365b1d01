// nnU-Net's two networks, traced. Names of parameters are those of its state_dict (each tensor once, no aliases).

import { add } from '@/graph/ops/add';
import { avgPool } from '@/graph/ops/avgPool';
import { batchNorm } from '@/graph/ops/batchNorm';
import { concatChannels } from '@/graph/ops/concatChannels';
import { conv3d } from '@/graph/ops/conv3d';
import { convTranspose3d } from '@/graph/ops/convTranspose3d';
import { dropout } from '@/graph/ops/dropout';
import { instanceNorm } from '@/graph/ops/instanceNorm';
import { leakyRelu } from '@/graph/ops/leakyRelu';
import { buffer, input, parameter } from '@/graph/ops/leaves';
import type { Graph, Initialisation, Value } from '@/graph/value';
import { elementCount, type Zyx } from '@/shared/geometry';
import type { Architecture } from './architecture';

export interface UNetOptions {
  readonly inputChannels: number;
  /** Heads' channels: one per label, or per region. */
  readonly outputChannels: number;
  readonly batch: number;
  /** 2 or 3 entries, voxels. */
  readonly patchSize: readonly number[];
  /** All heads as outputs, finest first, instead of the finest alone. */
  readonly deepSupervision: boolean;
}

/** Name of the graph's one input, `[n, inputChannels, z, y, x]`. */
export const UNET_INPUT = 'x';

/**
 * Traces the network. 2D networks become 3D ones of depth 1.
 *
 * Follows DNA's `PlainConvUNet` and `ResidualEncoderUNet`; every head's parameters are there whether or not it is an
 * output, as in the state_dict.
 */
export function buildUNet(architecture: Architecture, options: UNetOptions): Graph {
  const parameters = new Map<string, Value<'parameter'>>();
  const layers = layersOf(architecture, (name, shape, initialisation, make = parameter) => {
    const made = make(name, shape, initialisation);
    parameters.set(name, made);
    return made;
  });
  const x = input(UNET_INPUT, [options.batch, options.inputChannels, ...toZyx(options.patchSize)]);
  const encode = architecture.networkClass === 'PlainConvUNet' ? plainEncoder : residualEncoder;
  const heads = decoder(architecture, layers, encode(architecture, layers, x), options);
  return {
    inputs: [x],
    parameters: inOptimiserOrder([...parameters.values()]),
    outputs: options.deepSupervision ? heads : heads.slice(0, 1),
  };
}

/** 2 entries get a leading 1. */
export function toZyx(sizes: readonly number[]): Zyx {
  if (sizes.length === 2) return [1, sizes[0], sizes[1]];
  if (sizes.length === 3) return [sizes[0], sizes[1], sizes[2]];
  throw new Error(`sizes must have 2 or 3 entries, got [${sizes.join(', ')}]`);
}

type DeclareParameter = (
  name: string,
  shape: readonly number[],
  initialisation: Initialisation,
  make?: typeof parameter,
) => Value<'parameter'>;

interface ConvUnit {
  readonly prefix: string;
  readonly features: number;
  readonly kernelSize: Zyx;
  readonly stride: Zyx;
  readonly hasBias: boolean;
  readonly hasActivation: boolean;
  /** Start as zero, so that a residual block starts as the identity. */
  readonly startsAtZero?: boolean;
}

/** The layers both networks are made of. */
interface Layers {
  convUnit(x: Value, unit: ConvUnit): Value;
  activation(x: Value): Value;
  upsample(x: Value, prefix: string, features: number, stride: Zyx): Value;
  head(x: Value, prefix: string, channels: number): Value;
}

const ONE: Zyx = [1, 1, 1];

function layersOf(architecture: Architecture, declare: DeclareParameter): Layers {
  const activation = (x: Value) => leakyRelu(x, architecture.negativeSlope);
  const biasOf = (prefix: string, features: number) => declare(`${prefix}.bias`, [features], 'zeros');
  const runningOf = (prefix: string, features: number) => ({
    mean: declare(`${prefix}.running_mean`, [features], 'zeros', buffer),
    variance: declare(`${prefix}.running_var`, [features], 'ones', buffer),
    batchCount: declare(`${prefix}.num_batches_tracked`, [], 'zeros', buffer),
  });
  const { normEps: eps, batchNorm: ofBatches, dropout: dropping } = architecture;
  return {
    activation,
    convUnit(x, { prefix, features, kernelSize, stride, hasBias, hasActivation, startsAtZero }) {
      const shape = [features, x.shape[1], ...kernelSize];
      const weight = declare(`${prefix}.conv.weight`, shape, 'kaimingNormal');
      const bias = hasBias ? biasOf(`${prefix}.conv`, features) : undefined;
      const affine = architecture.normAffine
        ? {
            weight: declare(`${prefix}.norm.weight`, [features], startsAtZero ? 'zeros' : 'ones'),
            bias: biasOf(`${prefix}.norm`, features),
          }
        : undefined;
      const convolved = conv3d(x, weight, bias, stride);
      const input = dropping && hasActivation ? dropout(convolved, dropping) : convolved;
      const y = ofBatches
        ? batchNorm(input, runningOf(`${prefix}.norm`, features), affine, { eps, ...ofBatches })
        : instanceNorm(input, affine, eps);
      return hasActivation ? activation(y) : y;
    },
    upsample(x, prefix, features, stride) {
      const weight = declare(`${prefix}.weight`, [x.shape[1], features, ...stride], 'kaimingNormal');
      const bias = architecture.convBias ? biasOf(prefix, features) : undefined;
      return convTranspose3d(x, weight, bias);
    },
    head(x, prefix, channels) {
      const weight = declare(`${prefix}.weight`, [channels, x.shape[1], 1, 1, 1], 'kaimingNormal');
      return conv3d(x, weight, biasOf(prefix, channels));
    },
  };
}

interface StackedConvs {
  readonly prefix: string;
  readonly count: number;
  readonly features: number;
  readonly kernelSize: Zyx;
  readonly stride: Zyx;
}

/** `count` conv units, the first with the stride. */
function stackedConvs(architecture: Architecture, layers: Layers, x: Value, stack: StackedConvs): Value {
  let y = x;
  for (let i = 0; i < stack.count; i++) {
    y = layers.convUnit(y, {
      prefix: `${stack.prefix}.convs.${i}`,
      features: stack.features,
      kernelSize: stack.kernelSize,
      stride: i === 0 ? stack.stride : ONE,
      hasBias: architecture.convBias,
      hasActivation: true,
    });
  }
  return y;
}

/** Output of every stage, finest first; the last is the bottleneck. */
function plainEncoder(architecture: Architecture, layers: Layers, x: Value): Value[] {
  const skips: Value[] = [];
  for (let stage = 0; stage < architecture.nStages; stage++) {
    skips.push(
      stackedConvs(architecture, layers, skips.at(-1) ?? x, {
        prefix: `encoder.stages.${stage}.0`,
        count: architecture.nConvPerStage[stage],
        features: architecture.featuresPerStage[stage],
        kernelSize: toZyx(architecture.kernelSizes[stage]),
        stride: toZyx(architecture.strides[stage]),
      }),
    );
  }
  return skips;
}

/** As {@link plainEncoder}, with a stem and residual blocks. */
function residualEncoder(architecture: Architecture, layers: Layers, x: Value): Value[] {
  const skips: Value[] = [];
  let y = stackedConvs(architecture, layers, x, {
    prefix: 'encoder.stem',
    count: 1,
    features: architecture.featuresPerStage[0],
    kernelSize: toZyx(architecture.kernelSizes[0]),
    stride: ONE,
  });
  for (let stage = 0; stage < architecture.nStages; stage++) {
    for (let block = 0; block < architecture.nConvPerStage[stage]; block++) {
      y = residualBlock(architecture, layers, y, {
        prefix: `encoder.stages.${stage}.blocks.${block}`,
        features: architecture.featuresPerStage[stage],
        kernelSize: toZyx(architecture.kernelSizes[stage]),
        stride: block === 0 ? toZyx(architecture.strides[stage]) : ONE,
      });
    }
    skips.push(y);
  }
  return skips;
}

/** DNA's `BasicBlockD`: two conv units, plus the input (pooled where strided, projected where channels change). */
function residualBlock(
  architecture: Architecture,
  layers: Layers,
  x: Value,
  block: {
    readonly prefix: string;
    readonly features: number;
    readonly kernelSize: Zyx;
    readonly stride: Zyx;
  },
): Value {
  const { prefix, features, kernelSize, stride } = block;
  const shared = { features, kernelSize, hasBias: architecture.convBias };
  const first = layers.convUnit(x, { ...shared, prefix: `${prefix}.conv1`, stride, hasActivation: true });
  const second = layers.convUnit(first, {
    ...shared,
    prefix: `${prefix}.conv2`,
    stride: ONE,
    hasActivation: false,
    startsAtZero: true,
  });
  const isStrided = stride.some((step) => step !== 1);
  const pooled = isStrided ? avgPool(x, stride) : x;
  const skip =
    x.shape[1] === features
      ? pooled
      : layers.convUnit(pooled, {
          prefix: `${prefix}.skip.${isStrided ? 1 : 0}`,
          features,
          kernelSize: ONE,
          stride: ONE,
          hasBias: false,
          hasActivation: false,
        });
  return layers.activation(add(second, skip));
}

/** Heads, finest first. */
function decoder(
  architecture: Architecture,
  layers: Layers,
  skips: readonly Value[],
  { outputChannels }: UNetOptions,
): Value[] {
  const heads: Value[] = [];
  let y = skips[skips.length - 1];
  for (let step = 0; step < architecture.nStages - 1; step++) {
    const stage = architecture.nStages - 2 - step;
    const features = architecture.featuresPerStage[stage];
    const stride = toZyx(architecture.strides[stage + 1]);
    const upsampled = layers.upsample(y, `decoder.transpconvs.${step}`, features, stride);
    expectMatchingSkip(upsampled, skips[stage], stage);
    y = stackedConvs(architecture, layers, concatChannels(upsampled, skips[stage]), {
      prefix: `decoder.stages.${step}`,
      count: architecture.nConvPerStageDecoder[step],
      features,
      kernelSize: toZyx(architecture.kernelSizes[stage]),
      stride: ONE,
    });
    heads.unshift(layers.head(y, `decoder.seg_layers.${step}`, outputChannels));
  }
  return heads;
}

function expectMatchingSkip(upsampled: Value, skip: Value, stage: number): void {
  const [expected, found] = [upsampled.shape.slice(2), skip.shape.slice(2)];
  if (expected.some((size, axis) => size !== found[axis])) {
    throw new Error(
      `buildUNet: stage ${stage} has maps of [${found.join(', ')}], but upsampling brings [${expected.join(', ')}]; the patch must be divisible by the product of the strides`,
    );
  }
}

/** Groups of the state_dict, in its order; within a group parameters keep the order of tracing. */
const PARAMETER_GROUPS = ['encoder.', 'decoder.stages.', 'decoder.transpconvs.', 'decoder.seg_layers.'];

/** nnU-Net's optimiser order, which is the state_dict's order of distinct tensors; buffers are where that has them. */
function inOptimiserOrder(parameters: readonly Value<'parameter'>[]): Value<'parameter'>[] {
  return PARAMETER_GROUPS.flatMap((group) =>
    parameters.filter(({ attributes }) => attributes.name.startsWith(group)),
  );
}

/** Number of learned values. */
export function countParameters(graph: Graph): number {
  const learned = graph.parameters.filter(({ attributes }) => !attributes.isBuffer);
  return learned.reduce((sum, { shape }) => sum + elementCount(shape), 0);
}
