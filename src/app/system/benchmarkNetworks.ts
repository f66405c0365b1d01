import type { Architecture } from '@/nn/architecture';

/** A network as a benchmark runs it: one channel in, {@link BENCHMARK_CLASSES} out. */
export interface BenchmarkNetwork {
  readonly name: string;
  readonly architecture: Architecture;
  /** Voxels, slowest axis first. */
  readonly patchSize: readonly number[];
  readonly batch: number;
}

export const BENCHMARK_CLASSES = 3;

/** nnU-Net's PlainConvUNet with two convolutions a stage. */
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

/** nnU-Net's ResidualEncoderUNet with these numbers of blocks in the encoder. */
export function residualUNet(featuresPerStage: readonly number[], blocks: readonly number[]): Architecture {
  return {
    ...plainUNet(3, featuresPerStage),
    networkClass: 'ResidualEncoderUNet',
    nConvPerStage: blocks,
    nConvPerStageDecoder: featuresPerStage.slice(1).map(() => 1),
  };
}

/** What an adapter is measured by, the least work first; from the fourth on, configurations as nnU-Net plans them. */
export const BENCHMARK_NETWORKS: readonly BenchmarkNetwork[] = [
  {
    name: '32×32×32, features 8 to 16',
    architecture: plainUNet(3, [8, 16]),
    patchSize: [32, 32, 32],
    batch: 1,
  },
  {
    name: '32×32×32, features 16 to 128',
    architecture: plainUNet(3, [16, 32, 64, 128]),
    patchSize: [32, 32, 32],
    batch: 1,
  },
  {
    name: '64×64×64, features 16 to 128',
    architecture: plainUNet(3, [16, 32, 64, 128]),
    patchSize: [64, 64, 64],
    batch: 1,
  },
  {
    name: 'hippocampus 3d_fullres: 40×56×40, features 32 to 256',
    architecture: plainUNet(3, [32, 64, 128, 256]),
    patchSize: [40, 56, 40],
    batch: 9,
  },
  {
    name: '96×96×96, features 32 to 320',
    architecture: plainUNet(3, [32, 64, 128, 256, 320]),
    patchSize: [96, 96, 96],
    batch: 2,
  },
  {
    name: '2D 512×512, features 32 to 512',
    architecture: plainUNet(2, [32, 64, 128, 256, 512, 512, 512, 512]),
    patchSize: [512, 512],
    batch: 12,
  },
  {
    name: '128×128×128, features 32 to 320',
    architecture: plainUNet(3, [32, 64, 128, 256, 320, 320]),
    patchSize: [128, 128, 128],
    batch: 2,
  },
  {
    name: 'ResEnc M, 128×128×128, features 32 to 320',
    architecture: residualUNet([32, 64, 128, 256, 320, 320], [1, 3, 4, 6, 6, 6]),
    patchSize: [128, 128, 128],
    batch: 2,
  },
];
