import { expect, test } from 'vitest';
import { importModel } from '@/core/interop/importModel';
import type { NnunetModel } from '@/core/interop/model';
import { datasetDocumentOf, plansDocumentOf } from '@/core/interop/modelDocuments';
import { pythonJson } from '@/core/interop/pythonJson';
import { readDatasetJson } from '@/core/interop/readDatasetJson';
import { readPlans } from '@/core/planning/readPlans';
import { plansJson as plansText } from '@/core/planning/writePlans';
import { modelFolderFiles, plansJson, TINY_ARCH_KWARGS, TINY_CONFIGURATION } from '../../support/modelFolder';

async function model(): Promise<NnunetModel> {
  const [imported] = await importModel(modelFolderFiles());
  return imported.model;
}

function withArchitecture(networkClass: string, changes: object) {
  const { n_conv_per_stage, ...kwargs } = TINY_ARCH_KWARGS;
  const isPlain = networkClass === 'PlainConvUNet';
  return {
    ...TINY_CONFIGURATION,
    architecture: {
      network_class_name: `dynamic_network_architectures.architectures.unet.${networkClass}`,
      arch_kwargs: {
        ...kwargs,
        [isPlain ? 'n_conv_per_stage' : 'n_blocks_per_stage']: n_conv_per_stage,
        ...changes,
      },
      _kw_requires_import: [],
    },
  };
}

test.each([
  ['plain', TINY_CONFIGURATION],
  ['residual', withArchitecture('ResidualEncoderUNet', {})],
  [
    'batch norm',
    withArchitecture('PlainConvUNet', {
      norm_op: 'torch.nn.modules.batchnorm.BatchNorm3d',
      norm_op_kwargs: { eps: 1e-4, affine: true, momentum: 0.2 },
    }),
  ],
  [
    'dropout and ReLU',
    withArchitecture('PlainConvUNet', {
      dropout_op: 'torch.nn.modules.dropout.Dropout3d',
      dropout_op_kwargs: { p: 0.3 },
      nonlin: 'torch.nn.ReLU',
      conv_bias: false,
    }),
  ],
  ['a steeper slope', withArchitecture('PlainConvUNet', { nonlin_kwargs: { negative_slope: 0.1 } })],
  [
    'torch resampling',
    {
      ...TINY_CONFIGURATION,
      resampling_fn_data: 'resample_torch_fornnunet',
      resampling_fn_data_kwargs: { is_seg: false, force_separate_z: false },
    },
  ],
])('plans written anew read as they were: %s', async (_, configuration) => {
  const cascade = { inherits_from: '3d_fullres', previous_stage: '3d_fullres' };
  const text = JSON.stringify(plansJson({ '3d_fullres': configuration, '3d_cascade_fullres': cascade }));
  const plans = readPlans(text, 'plans.json');
  const written = plansDocumentOf({
    ...(await model()),
    plans,
    configuration: plans.configurations['3d_fullres'],
  });
  expect(readPlans(plansText(written), 'plans.json')).toEqual(plans);
});

test.each([
  ['labels', { labels: { background: 0, organ: 1, lesion: 2 } }],
  ['an ignore label', { labels: { background: 0, organ: 1, ignore: 2 } }],
  [
    'regions',
    {
      labels: { background: 0, whole: [1, 2], core: [2], ignore: 3 },
      regions_class_order: [1, 2],
    },
  ],
])('a dataset.json written anew reads as it was: %s', async (_, changes) => {
  const json = { channel_names: { 0: 'CT', 1: 'MRI' }, file_ending: '.nrrd', ...changes };
  const dataset = readDatasetJson(JSON.stringify(json), 'dataset.json');
  const written = datasetDocumentOf({ ...(await model()), ...dataset });
  expect(readDatasetJson(pythonJson(written), 'dataset.json')).toEqual({
    ...dataset,
    trainingCaseCount: 0,
  });
});
