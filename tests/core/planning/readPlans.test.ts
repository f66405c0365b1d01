import { describe, expect, test } from 'vitest';
import { configurationOf, readPlans } from '@/core/planning/readPlans';
import { plansJson, TINY_ARCH_KWARGS, TINY_CONFIGURATION } from '../../support/modelFolder';

const named = (name: string) => expect.objectContaining({ name });
const read = (configurations: Readonly<Record<string, unknown>>, changes: object = {}) =>
  readPlans(JSON.stringify({ ...plansJson(configurations), ...changes }), 'plans.json');
const withArguments = (changes: object, className = 'x.y.PlainConvUNet') => ({
  ...TINY_CONFIGURATION,
  architecture: { network_class_name: className, arch_kwargs: { ...TINY_ARCH_KWARGS, ...changes } },
});
const architectureOf = (changes: object, className?: string) =>
  read({ '3d_fullres': withArguments(changes, className) }).configurations['3d_fullres'].architecture;

/** The same network under the keys of nnU-Net 2.0 to 2.4. */
const { architecture: _, ...WITHOUT_ARCHITECTURE } = TINY_CONFIGURATION;
const OLD_NETWORK_KEYS = {
  UNet_class_name: 'PlainConvUNet',
  UNet_base_num_features: 4,
  unet_max_num_features: 6,
  n_conv_per_stage_encoder: [2, 2],
  n_conv_per_stage_decoder: [2],
  num_pool_per_axis: [0, 1, 1],
  pool_op_kernel_sizes: TINY_ARCH_KWARGS.strides,
  conv_kernel_sizes: TINY_ARCH_KWARGS.kernel_sizes,
};

describe('a current plans file', () => {
  test('arrives in full', () => {
    const plans = readPlans(JSON.stringify(plansJson()), 'plans.json');
    expect(plans.datasetName).toBe('Dataset001_Tiny');
    expect(plans.foregroundIntensityProperties).toEqual([
      { mean: 1, std: 2, min: -9, max: 9, median: 1, percentile005: -5, percentile995: 5 },
    ]);
    const configuration = configurationOf(plans, '3d_fullres', 'plans.json');
    expect(configuration).toMatchObject({
      name: '3d_fullres',
      dataIdentifier: 'nnUNetPlans_3d_fullres',
      patchSize: [4, 16, 16],
      spacing: [3, 1, 1],
      useMaskForNorm: [false],
      batchDice: false,
      previousStage: undefined,
    });
    expect(configuration.resamplingSeg).toEqual({
      functionName: 'resample_data_or_seg_to_shape',
      isSeg: true,
      order: 1,
      orderZ: 0,
      forceSeparateZ: null,
      separateZAnisotropyThreshold: 3,
    });
    expect(configuration.architecture).toEqual({
      networkClass: 'PlainConvUNet',
      nStages: 2,
      featuresPerStage: [4, 6],
      kernelSizes: TINY_ARCH_KWARGS.kernel_sizes,
      strides: TINY_ARCH_KWARGS.strides,
      nConvPerStage: [2, 2],
      nConvPerStageDecoder: [2],
      convBias: true,
      normEps: 1e-5,
      normAffine: true,
      negativeSlope: 0.01,
    });
  });

  test('the class counts, not its module', () => {
    const changes = { n_blocks_per_stage: [1, 3], n_conv_per_stage: undefined };
    const architecture = architectureOf(changes, 'a.module.that.is.gone.ResidualEncoderUNet');
    expect(architecture.networkClass).toBe('ResidualEncoderUNet');
    expect(architecture.nConvPerStage).toEqual([1, 3]);
  });

  test('one number stands for all stages', () => {
    const architecture = architectureOf({
      kernel_sizes: 3,
      n_conv_per_stage: 2,
      n_conv_per_stage_decoder: 1,
    });
    expect(architecture.kernelSizes).toEqual([
      [3, 3, 3],
      [3, 3, 3],
    ]);
    expect(architecture.nConvPerStage).toEqual([2, 2]);
    expect(architecture.nConvPerStageDecoder).toEqual([1]);
  });

  test('ReLU is a slope of 0; the slope of LeakyReLU may be given', () => {
    expect(architectureOf({ nonlin: 'torch.nn.ReLU' }).negativeSlope).toBe(0);
    expect(architectureOf({ nonlin_kwargs: { negative_slope: 0.2 } }).negativeSlope).toBe(0.2);
  });

  test("arguments left out take torch's defaults, not nnU-Net's", () => {
    expect(architectureOf({ norm_op_kwargs: undefined })).toMatchObject({ normEps: 1e-5, normAffine: false });
  });

  test('batch norm, with torch’s defaults or its own numbers', () => {
    const norm_op = 'torch.nn.modules.batchnorm.BatchNorm3d';
    expect(architectureOf({ norm_op, norm_op_kwargs: undefined })).toMatchObject({
      normEps: 1e-5,
      normAffine: true,
      batchNorm: { momentum: 0.1 },
    });
    const norm_op_kwargs = { eps: 1e-3, affine: false, momentum: 0.2, track_running_stats: true };
    expect(architectureOf({ norm_op, norm_op_kwargs })).toMatchObject({
      normEps: 1e-3,
      normAffine: false,
      batchNorm: { momentum: 0.2 },
    });
    expect(architectureOf({})).not.toHaveProperty('batchNorm');
  });

  test.each([
    ['torch.nn.Dropout3d', { p: 0.2, inplace: true }, { probability: 0.2, of: 'channels' }],
    ['torch.nn.modules.dropout.Dropout2d', { p: 0 }, { probability: 0, of: 'channels' }],
    ['torch.nn.Dropout', {}, { probability: 0.5, of: 'elements' }],
    ['torch.nn.Dropout', null, { probability: 0.5, of: 'elements' }],
  ])('%s %o', (dropout_op, dropout_op_kwargs, dropout) => {
    expect(architectureOf({ dropout_op, dropout_op_kwargs }).dropout).toEqual(dropout);
  });

  test('a bare NaN is a number', () => {
    const text = JSON.stringify(plansJson())
      .replace('"std":2', '"std":NaN')
      .replace('"max":9', '"max":-Infinity');
    const [properties] = readPlans(text, 'plans.json').foregroundIntensityProperties;
    expect([properties.std, properties.max]).toEqual([Number.NaN, Number.NEGATIVE_INFINITY]);
  });

  test('more than ten channels keep their order', () => {
    const channels = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [i, { mean: i }]));
    const plans = read(
      { '2d': TINY_CONFIGURATION },
      { foreground_intensity_properties_per_channel: channels },
    );
    expect(plans.foregroundIntensityProperties.map(({ mean }) => mean)).toEqual(
      Object.keys(channels).map(Number),
    );
  });
});

describe('inheritance', () => {
  test("follows parents; the child's keys win whole", () => {
    const { configurations } = read({
      base: TINY_CONFIGURATION,
      middle: { inherits_from: 'base', batch_size: 7, resampling_fn_data_kwargs: { order: 1 } },
      '3d_cascade_fullres': { inherits_from: 'middle', previous_stage: '3d_lowres' },
    });
    expect(configurations['3d_cascade_fullres']).toMatchObject({
      name: '3d_cascade_fullres',
      batchSize: 7,
      previousStage: '3d_lowres',
      patchSize: [4, 16, 16],
      resamplingData: { order: 1, forceSeparateZ: false },
    });
  });

  test.each([
    ['a cycle', { a: { inherits_from: 'b' }, b: { inherits_from: 'a' } }, 'a → b → a'],
    [
      'a parent that is not there',
      { a: { inherits_from: 'b' } },
      'no configuration b (which a inherits from)',
    ],
    ['a parent of Object.prototype', { a: { inherits_from: 'constructor' } }, 'no configuration constructor'],
  ])('%s is refused', (_, configurations, message) => {
    expect(() => read(configurations)).toThrow(named('BadPlans'));
    expect(() => read(configurations)).toThrow(message);
  });
});

describe('older network keys', () => {
  const current = architectureOf({});

  test('nnU-Net 2.0 to 2.4', () => {
    const { configurations } = read({ '3d_fullres': { ...WITHOUT_ARCHITECTURE, ...OLD_NETWORK_KEYS } });
    expect(configurations['3d_fullres'].architecture).toEqual(current);
  });

  test('residual encoders count blocks', () => {
    const { configurations } = read({
      '3d_fullres': { ...WITHOUT_ARCHITECTURE, ...OLD_NETWORK_KEYS, UNet_class_name: 'ResidualEncoderUNet' },
    });
    expect(configurations['3d_fullres'].architecture).toEqual({
      ...current,
      networkClass: 'ResidualEncoderUNet',
    });
  });

  test('network_arch_class_name in place of UNet_class_name, inherited or own', () => {
    const { configurations } = read({
      '3d_fullres': { ...WITHOUT_ARCHITECTURE, ...OLD_NETWORK_KEYS },
      '3d_fullres_resenc': {
        inherits_from: '3d_fullres',
        network_arch_class_name: 'ResidualEncoderUNet',
        n_conv_per_stage_encoder: [1, 3],
      },
    });
    expect(configurations['3d_fullres_resenc'].architecture).toMatchObject({
      networkClass: 'ResidualEncoderUNet',
      nConvPerStage: [1, 3],
    });
  });

  test.each(['network_arch_init_kwargs', 'arch_kwargs'])('network_arch_class_name with %s', (key) => {
    const { configurations } = read({
      '3d_fullres': {
        ...WITHOUT_ARCHITECTURE,
        network_arch_class_name: 'PlainConvUNet',
        [key]: TINY_ARCH_KWARGS,
      },
    });
    expect(configurations['3d_fullres'].architecture).toEqual(current);
  });

  test('foreground_intensity_properties_by_modality', () => {
    const plans = read(
      { '3d_fullres': TINY_CONFIGURATION },
      {
        foreground_intensity_properties_per_channel: undefined,
        foreground_intensity_properties_by_modality: { 0: { mean: 4 } },
      },
    );
    expect(plans.foregroundIntensityProperties[0].mean).toBe(4);
  });

  test('a missing key is named', () => {
    const old = { ...WITHOUT_ARCHITECTURE, ...OLD_NETWORK_KEYS, unet_max_num_features: undefined };
    expect(() => read({ '3d_fullres': old })).toThrow(/3d_fullres has no unet_max_num_features/);
  });
});

describe('what has no counterpart here is named', () => {
  test.each([
    ['an unknown network', {}, 'my.nets.SwinUNETR'],
    ['batch normalisation of images', { norm_op: 'torch.nn.modules.batchnorm.BatchNorm2d' }, undefined],
    [
      'batch normalisation by cumulative averages',
      { norm_op: 'torch.nn.BatchNorm3d', norm_op_kwargs: { momentum: null } },
      undefined,
    ],
    [
      'batch normalisation without running statistics',
      { norm_op: 'torch.nn.BatchNorm3d', norm_op_kwargs: { track_running_stats: false } },
      undefined,
    ],
    ['no normalisation', { norm_op: null }, undefined],
    ['running statistics', { norm_op_kwargs: { track_running_stats: true } }, undefined],
    ['another dropout', { dropout_op: 'torch.nn.AlphaDropout' }, undefined],
    ['no probability', { dropout_op: 'torch.nn.Dropout3d', dropout_op_kwargs: { p: 2 } }, undefined],
    ['another activation', { nonlin: 'torch.nn.GELU' }, undefined],
    ['1D convolutions', { conv_op: 'torch.nn.modules.conv.Conv1d' }, undefined],
    ['max pooling', { pool: 'max' }, undefined],
    ['an option from elsewhere', { use_attention_gates: true }, undefined],
    ['too few strides', { strides: [[1, 1, 1]] }, undefined],
    ['residual blocks without their number', { n_conv_per_stage: 2 }, 'x.ResidualEncoderUNet'],
  ])('%s', (_, changes, className) => {
    const act = () => architectureOf(changes, className);
    expect(act).toThrow(named('UnsupportedArchitecture'));
    expect(act).toThrow(/plans\.json, configuration 3d_fullres.*PlainConvUNet and ResidualEncoderUNet/);
  });

  test('options that change nothing are fine', () => {
    const neutral = { deep_supervision: true, nonlin_first: false, pool: 'conv', stem_channels: 4 };
    expect(architectureOf(neutral)).toEqual(architectureOf({}));
  });

  test.each([
    ['normalization_schemes', ['HistogramNormalization'], 'HistogramNormalization'],
    ['resampling_fn_data', 'my_resampling', 'my_resampling'],
  ])('%s', (key, value, message) => {
    const act = () => read({ '3d_fullres': { ...TINY_CONFIGURATION, [key]: value } });
    expect(act).toThrow(named('UnsupportedPlans'));
    expect(act).toThrow(message);
  });

  test('one such configuration does not keep the others out', () => {
    const plans = read({
      '3d_fullres': TINY_CONFIGURATION,
      custom: withArguments({}, 'my.nets.SwinUNETR'),
    });
    expect(Object.keys(plans.configurations)).toEqual(['3d_fullres']);
    expect(() => configurationOf(plans, 'custom', 'plans.json')).toThrow(named('UnsupportedArchitecture'));
    expect(() => configurationOf(plans, 'custom', 'plans.json')).toThrow('my.nets.SwinUNETR');
    expect(() => configurationOf(plans, '2d', 'plans.json')).toThrow('it has 3d_fullres');
    expect(() => configurationOf(plans, 'constructor', 'plans.json')).toThrow(named('BadPlans'));
  });
});

describe('malformed files', () => {
  test.each([
    ['not JSON', '{"configurations": ', 'BadJson', 'plans.json is not valid JSON'],
    ['a list', '[]', 'BadPlans', 'the file as a whole'],
    ['no configurations', '{"dataset_name": "a"}', 'BadPlans', 'configurations'],
  ])('%s', (_, text, name, message) => {
    expect(() => readPlans(text, 'plans.json')).toThrow(named(name));
    expect(() => readPlans(text, 'plans.json')).toThrow(message);
  });

  test.each([
    ['patch_size', [0, 16, 16], 'patch_size[0]'],
    ['spacing', [1, 0, 1], 'spacing[1]'],
    ['spacing', [1, 1], 'number of axes'],
    ['batch_size', 'two', 'batch_size'],
    ['resampling_fn_data_kwargs', { mode: 'area' }, 'resampling_fn_data_kwargs.mode'],
  ])('a bad %s is named with its place', (key, value, message) => {
    const act = () => read({ '3d_fullres': { ...TINY_CONFIGURATION, [key]: value } });
    expect(act).toThrow(named('BadPlans'));
    expect(act).toThrow(message);
  });

  test('a transpose must be a permutation', () => {
    expect(() => read({ '3d_fullres': TINY_CONFIGURATION }, { transpose_forward: [0, 0, 1] })).toThrow(
      'permutation',
    );
  });
});
