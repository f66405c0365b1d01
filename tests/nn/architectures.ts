import type { Architecture } from '@/nn/architecture';

const SHARED = { convBias: true, normEps: 1e-5, normAffine: true, negativeSlope: 0.01 } as const;

/** The worked example of nnU-Net's naming: three stages, the first step anisotropic. */
export const PLAIN_3_STAGES: Architecture = {
  ...SHARED,
  networkClass: 'PlainConvUNet',
  nStages: 3,
  featuresPerStage: [32, 64, 128],
  kernelSizes: [
    [1, 3, 3],
    [3, 3, 3],
    [3, 3, 3],
  ],
  strides: [
    [1, 1, 1],
    [1, 2, 2],
    [2, 2, 2],
  ],
  nConvPerStage: [2, 2, 2],
  nConvPerStageDecoder: [2, 2],
};

/** The same with residual blocks. */
export const RESIDUAL_3_STAGES: Architecture = {
  ...PLAIN_3_STAGES,
  networkClass: 'ResidualEncoderUNet',
  nConvPerStage: [1, 3, 4],
  nConvPerStageDecoder: [1, 1],
};

/** Stages with these features, all kernels 3 and strides 2 along `axes` axes. */
export function isotropicUNet(featuresPerStage: readonly number[], axes = 3): Architecture {
  const nStages = featuresPerStage.length;
  return {
    ...SHARED,
    networkClass: 'PlainConvUNet',
    nStages,
    featuresPerStage,
    kernelSizes: featuresPerStage.map(() => Array(axes).fill(3)),
    strides: featuresPerStage.map((_, stage) => Array(axes).fill(stage === 0 ? 1 : 2)),
    nConvPerStage: Array(nStages).fill(2),
    nConvPerStageDecoder: Array(nStages - 1).fill(2),
  };
}
