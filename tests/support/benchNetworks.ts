// Networks that the benchmarks run.
import type { Architecture } from '@/nn/architecture';

export interface BenchNetwork {
  readonly name: string;
  readonly architecture: Architecture;
  readonly patchSize: readonly number[];
  /** Takes minutes on a software adapter. */
  readonly isLarge: boolean;
}

export function plainUNet(rank: 2 | 3, featuresPerStage: readonly number[]): Architecture {
  const nStages = featuresPerStage.length;
  const stages = Array.from({ length: nStages }, (_, stage) => stage);
  return {
    networkClass: 'PlainConvUNet',
    nStages,
    featuresPerStage,
    kernelSizes: stages.map(() => Array(rank).fill(3)),
    strides: stages.map((stage) => Array(rank).fill(stage === 0 ? 1 : 2)),
    nConvPerStage: stages.map(() => 2),
    nConvPerStageDecoder: stages.slice(1).map(() => 2),
    convBias: true,
    normEps: 1e-5,
    normAffine: true,
    negativeSlope: 0.01,
  };
}

export function residualUNet(featuresPerStage: readonly number[], blocks: readonly number[]): Architecture {
  return {
    ...plainUNet(3, featuresPerStage),
    networkClass: 'ResidualEncoderUNet',
    nConvPerStage: blocks,
    nConvPerStageDecoder: featuresPerStage.slice(1).map(() => 1),
  };
}

export const NETWORKS: readonly BenchNetwork[] = [
  {
    name: '3D U-Net, features 16 to 128',
    architecture: plainUNet(3, [16, 32, 64, 128]),
    patchSize: [64, 64, 64],
    isLarge: false,
  },
  {
    name: '2D U-Net, features 32 to 512',
    architecture: plainUNet(2, [32, 64, 128, 256, 512, 512, 512]),
    patchSize: [512, 512],
    isLarge: false,
  },
  {
    name: 'ResEnc U-Net, features 32 to 256',
    architecture: residualUNet([32, 64, 128, 256], [1, 3, 4, 6]),
    patchSize: [64, 64, 64],
    isLarge: false,
  },
  {
    name: '3D U-Net, features 32 to 320',
    architecture: plainUNet(3, [32, 64, 128, 256, 320, 320]),
    patchSize: [128, 128, 128],
    isLarge: true,
  },
];
