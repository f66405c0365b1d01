// What planning and differentiation must know of every op besides how it is computed. An op that is missing here does not
// compile.
import type { OpName } from './value';

/** How a value is stored where feature maps are 16-bit floats. */
type ValueStorage =
  /** As feature maps are. */
  | 'featureMap'
  /** In 32 bits always: what is fed, statistics and sums over feature maps, gradients of parameters. */
  | 'f32'
  /** As a feature map where all inputs are, else in 32 bits: sums of sums keep their digits. */
  | 'asInputs'
  /** In no tensor: the op only writes parameters, or stands for what the program itself holds. */
  | 'nowhere';

export interface OpTraits {
  readonly storage: ValueStorage;
  /** Whether its steps add to what they wrote for the micro-batches before, or write nothing: gradients of parameters must. */
  readonly accumulates: boolean;
}

const FEATURE_MAP: OpTraits = { storage: 'featureMap', accumulates: false };
const F32: OpTraits = { storage: 'f32', accumulates: false };
const NOWHERE: OpTraits = { storage: 'nowhere', accumulates: false };
const PARAMETER_GRADIENT: OpTraits = { storage: 'f32', accumulates: true };

export const OP_TRAITS: Readonly<Record<OpName, OpTraits>> = {
  input: F32,
  parameter: F32,
  conv3d: FEATURE_MAP,
  convTranspose3d: FEATURE_MAP,
  instanceNorm: FEATURE_MAP,
  batchNorm: FEATURE_MAP,
  dropout: FEATURE_MAP,
  leakyRelu: FEATURE_MAP,
  add: { storage: 'asInputs', accumulates: false },
  concatChannels: FEATURE_MAP,
  avgPool: FEATURE_MAP,
  normStatistics: F32,
  batchMoments: F32,
  batchNormStatistics: F32,
  batchNormGradientMeans: F32,
  batchNormUpdate: NOWHERE,
  dropoutApply: FEATURE_MAP,
  stepControl: NOWHERE,
  normApply: FEATURE_MAP,
  normGradientSums: F32,
  normInputGradient: FEATURE_MAP,
  normAffineGradient: PARAMETER_GRADIENT,
  leakyReluGradient: FEATURE_MAP,
  avgPoolGradient: FEATURE_MAP,
  conv3dInputGradient: FEATURE_MAP,
  conv3dWeightGradient: PARAMETER_GRADIENT,
  convTranspose3dInputGradient: FEATURE_MAP,
  convTranspose3dWeightGradient: PARAMETER_GRADIENT,
  channelSum: PARAMETER_GRADIENT,
  zeroGradient: PARAMETER_GRADIENT,
  lossGradient: FEATURE_MAP,
};
