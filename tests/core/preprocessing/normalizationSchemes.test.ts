// What adding a scheme gives: a dummy on the list is planned, read, described and applied, with no other file touched.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { planConfiguration } from '@/core/planning/planConfiguration';
import { plannerNamed } from '@/core/planning/planners';
import { configurationOf, readPlans } from '@/core/planning/readPlans';
import type { NormalizationDefinition } from '@/core/preprocessing/normalization/scheme';
import { NORMALIZATION_SCHEMES } from '@/core/preprocessing/normalization/schemes';
import { preprocessCase } from '@/core/preprocessing/preprocessCase';
import { plansJson, TINY_CONFIGURATION } from '../../support/modelFolder';

const DUMMY: NormalizationDefinition = {
  name: 'HalvedNormalization',
  label: 'Halved',
  help: 'Divided by 2',
  channelName: 'halved',
  canUseMask: true,
  needsIntensities: true,
  normalize: (channel) => {
    for (let i = 0; i < channel.length; i++) channel[i] /= 2;
  },
};
const LIST: NormalizationDefinition[] = NORMALIZATION_SCHEMES as unknown as NormalizationDefinition[];

describe('the list of normalisation schemes', () => {
  test.each(['name', 'label', 'help', 'channelName'] as const)('no two have the same %s', (key) => {
    const values = NORMALIZATION_SCHEMES.map((scheme) => scheme[key]);
    expect(new Set(values).size).toBe(values.length);
  });

  test('docs/onnx.md names them all', () => {
    const page = readFileSync('docs/onnx.md', 'utf8');
    for (const { name } of NORMALIZATION_SCHEMES) expect(page).toContain(`\`${name}\``);
  });

  test('channel names are compared in lower case', () => {
    for (const { channelName } of NORMALIZATION_SCHEMES) expect(channelName).toBe(channelName.toLowerCase());
  });
});

describe('a scheme that is added to the list', () => {
  beforeAll(() => {
    LIST.push(DUMMY);
  });
  afterAll(() => {
    LIST.pop();
  });

  test('is chosen by its channel name, in whatever case, and normalises within the mask', () => {
    const configuration = planConfiguration({
      name: '3d_fullres',
      planner: plannerNamed('ExperimentPlanner'),
      plansName: 'nnUNetPlans',
      preprocessorName: 'DefaultPreprocessor',
      gpuMemoryTargetGb: 8,
      channelNames: ['HALVED', 'MRI'],
      outputs: 2,
      useMaskForNorm: true,
      spacing: [1, 1, 1],
      medianShape: [32, 32, 32],
      voxelsInDataset: 32 ** 3,
    });
    expect(configuration).toMatchObject({
      normalization_schemes: [DUMMY.name, 'ZScoreNormalization'],
      use_mask_for_norm: [true, true],
    });
  });

  test('is read from plans, and applied to a case', async () => {
    const plans = readPlans(
      JSON.stringify(
        plansJson({ '3d_fullres': { ...TINY_CONFIGURATION, normalization_schemes: [DUMMY.name] } }),
      ),
      'plans.json',
    );
    const configuration = configurationOf(plans, '3d_fullres', 'plans.json');
    const voxels = new Float32Array(8 ** 3).fill(6);
    const { data } = await preprocessCase({
      image: {
        data: voxels,
        channels: 1,
        shape: [8, 8, 8],
        spacing: [configuration.spacing[0], configuration.spacing[1], configuration.spacing[2]],
        geometry: { format: 'picture', kind: 'png' },
        warnings: [],
      },
      plans,
      configuration,
    });
    expect(new Set(data)).toEqual(new Set([3]));
  });

  test('is taken from the JSON of a foreign network', async () => {
    const { readNetworkDescription } = await import('@/core/interop/foreignNetwork');
    const text = JSON.stringify({
      version: 1,
      name: 'a',
      channels: ['MRI'],
      spacing: null,
      patch_size: [8, 8],
      labels: { background: 0, a: 1 },
      normalization: DUMMY.name,
    });
    expect(readNetworkDescription(text, 'a.json').normalization).toBe(DUMMY.name);
  });

  test('has its words in the studio, and its form asks for what it needs', async () => {
    const { schemeName } = await import('@/ui/components/planFormats');
    expect(schemeName(DUMMY.name)).toBe('Halved');
    const { networkFormError, startNetworkForm } = await import('@/ui/models/networkForm');
    const facts = {
      dimensions: 2 as const,
      channels: 1,
      classes: 2,
      patchSize: [8, 8],
      layout: 'NCYX',
      activation: 'none' as const,
    };
    const scheme = LIST[LIST.length - 1].name as (typeof NORMALIZATION_SCHEMES)[number]['name'];
    expect(networkFormError({ ...startNetworkForm('a.onnx', facts), scheme }, facts)).toContain(
      'Halved normalisation needs mean',
    );
  });
});
