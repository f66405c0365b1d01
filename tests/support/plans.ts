import type { Configuration, Plans, Resampling } from '@/core/planning/plans';

/** nnU-Net's default resampling of images (order 3) or of labels and logits (order 1). */
export function defaultResampling(order: number, isSeg = false): Resampling {
  return {
    functionName: 'resample_data_or_seg_to_shape',
    isSeg,
    order,
    orderZ: 0,
    forceSeparateZ: null,
    separateZAnisotropyThreshold: 3,
  };
}

/** A one-channel z-score configuration with nnU-Net's default resampling. */
export function testConfiguration(changes: Partial<Configuration> = {}): Configuration {
  return {
    name: '3d_fullres',
    dataIdentifier: 'nnUNetPlans_3d_fullres',
    batchSize: 2,
    patchSize: [8, 16, 16],
    spacing: [1, 1, 1],
    normalizationSchemes: ['ZScoreNormalization'],
    useMaskForNorm: [false],
    resamplingData: defaultResampling(3),
    resamplingSeg: defaultResampling(1, true),
    resamplingProbabilities: defaultResampling(1),
    architecture: {
      networkClass: 'PlainConvUNet',
      nStages: 2,
      featuresPerStage: [8, 16],
      kernelSizes: [
        [3, 3, 3],
        [3, 3, 3],
      ],
      strides: [
        [1, 1, 1],
        [2, 2, 2],
      ],
      nConvPerStage: [2, 2],
      nConvPerStageDecoder: [2],
      convBias: true,
      normEps: 1e-5,
      normAffine: true,
      negativeSlope: 0.01,
    },
    batchDice: false,
    previousStage: undefined,
    ...changes,
  };
}

/** Plans around one configuration. */
export function testPlans(changes: Partial<Plans> = {}): Plans {
  const configuration = testConfiguration();
  return {
    datasetName: 'Dataset001_Test',
    plansName: 'nnUNetPlans',
    imageReaderWriter: 'SimpleITKIO',
    transposeForward: [0, 1, 2],
    transposeBackward: [0, 1, 2],
    foregroundIntensityProperties: [],
    configurations: { [configuration.name]: configuration },
    ...changes,
  };
}
