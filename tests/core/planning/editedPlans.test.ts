import { expect, test } from 'vitest';
import { readAnyPlans } from '@/core/planning/anyPlans';
import { checkPlansText } from '@/core/planning/checkPlansText';
import { comparedSections, comparedTexts } from '@/core/planning/comparedSections';
import {
  assertPlansName,
  type ConfigurationEdit,
  checkEdit,
  configurationWith,
  editedPlans,
  editOf,
  freePlansName,
} from '@/core/planning/editPlans';
import { planExperiment } from '@/core/planning/planExperiment';
import { PLANNERS, plannerNamed } from '@/core/planning/planners';
import type { Configuration } from '@/core/planning/plans';
import { axisNames, plansOverview } from '@/core/planning/plansOverview';
import { readPlans } from '@/core/planning/readPlans';
import { plansJson } from '@/core/planning/writePlans';

const intensities = { max: 1, mean: 0, median: 0, min: -1, percentile_00_5: -1, percentile_99_5: 1, std: 1 };

/** Plans of large scans: they have a low resolution and a cascade. */
function cascadePlans(planner = PLANNERS[0]): string {
  const fingerprint = {
    foreground_intensity_properties_per_channel: { 0: intensities },
    median_relative_size_after_cropping: 1,
    shapes_after_crop: Array.from({ length: 20 }, (_, i) => [200 + i, 512, 512]),
    spacings: Array.from({ length: 20 }, () => [1.5, 0.8, 0.8]),
  };
  const dataset = {
    name: 'Dataset001_Test',
    channelNames: ['CT'],
    labelEntries: 3,
    numTraining: 20,
    imageReaderWriter: 'SimpleITKIO',
  };
  return plansJson(planExperiment(fingerprint, dataset, planner));
}

const text = cascadePlans();
const plans = readAnyPlans(text, 'plans.json');

function configuration(name: string, source = text): Configuration {
  return readPlans(source, 'plans.json').configurations[name];
}

function edited(name: string, change: Partial<ConfigurationEdit>): string {
  const one = configuration(name);
  return plansJson(editedPlans(plans, one, { ...editOf(one), ...change }, 'mine'));
}

test('an edit that changes nothing gives the same configurations', () => {
  const one = configuration('3d_fullres');
  expect(configurationWith(one, editOf(one))).toEqual(one);
  const same = editedPlans(plans, one, editOf(one), 'mine');
  expect(same).toEqual({ ...plans, plans_name: 'mine' });
  expect(Object.keys(same)).toEqual(Object.keys(plans));
});

test('only what was changed is written, and what inherits follows', () => {
  const one = configuration('3d_fullres');
  const bigger = one.patchSize.map((size) => size + 64);
  const result = readPlans(edited('3d_fullres', { patchSize: bigger, batchSize: 5 }), 'mine.json');
  expect(result.plansName).toBe('mine');
  expect(result.configurations['3d_fullres']).toEqual({ ...one, patchSize: bigger, batchSize: 5 });
  expect(result.configurations['3d_cascade_fullres'].patchSize).toEqual(bigger);
  expect(result.configurations['2d']).toEqual(configuration('2d'));
});

test('data that would be preprocessed otherwise gets a folder of its own', () => {
  const sameData = readPlans(edited('3d_fullres', { batchSize: 4 }), 'mine.json');
  expect(sameData.configurations['3d_fullres'].dataIdentifier).toBe('nnUNetPlans_3d_fullres');
  const respaced = plansOverview(edited('3d_fullres', { spacing: [3, 1.6, 1.6] }), 'mine.json');
  const [one] = respaced.configurations.filter(({ name }) => name === '3d_fullres');
  expect(one.dataIdentifier).toBe('mine_3d_fullres');
  expect(one.medianShape).toEqual([105, 256, 256]);
});

test('a child that is edited keeps inheriting everything else', () => {
  const result = readAnyPlans(edited('3d_cascade_fullres', { batchSize: 3 }), 'mine.json');
  expect(result.configurations['3d_cascade_fullres']).toEqual({
    inherits_from: '3d_fullres',
    previous_stage: '3d_lowres',
    batch_size: 3,
  });
});

test.each(['ExperimentPlanner', 'nnUNetPlannerResEncM'])('stages of %s can be taken away', (planner) => {
  const source = cascadePlans(plannerNamed(planner));
  const one = configuration('3d_fullres', source);
  const stages = editOf(one).stages.slice(0, -1);
  const document = editedPlans(readAnyPlans(source, 'a'), one, { ...editOf(one), stages }, 'mine');
  const { architecture } = readPlans(plansJson(document), 'mine.json').configurations['3d_fullres'];
  expect(architecture).toEqual({
    ...one.architecture,
    nStages: one.architecture.nStages - 1,
    featuresPerStage: one.architecture.featuresPerStage.slice(0, -1),
    kernelSizes: one.architecture.kernelSizes.slice(0, -1),
    strides: one.architecture.strides.slice(0, -1),
    nConvPerStage: one.architecture.nConvPerStage.slice(0, -1),
    nConvPerStageDecoder: one.architecture.nConvPerStageDecoder.slice(1),
  });
});

test('older plans get an architecture where their network is edited, and lose the keys it replaces', () => {
  const old = {
    plans_name: 'nnUNetPlans',
    dataset_name: 'Dataset001_Old',
    transpose_forward: [0, 1, 2],
    transpose_backward: [0, 1, 2],
    configurations: {
      '2d': {
        ...plans.configurations['2d'],
        architecture: undefined,
        patch_size: [32, 32],
        UNet_class_name: 'PlainConvUNet',
        UNet_base_num_features: 32,
        unet_max_num_features: 512,
        n_conv_per_stage_encoder: [2, 2, 2],
        n_conv_per_stage_decoder: [2, 2],
        num_pool_per_axis: [2, 2],
        pool_op_kernel_sizes: [
          [1, 1],
          [2, 2],
          [2, 2],
        ],
        conv_kernel_sizes: [
          [3, 3],
          [3, 3],
          [3, 3],
        ],
      },
    },
  };
  const source = plansJson(old);
  const one = configuration('2d', source);
  const edit = editOf(one);
  const untouched = editedPlans(readAnyPlans(source, 'old'), one, { ...edit, batchSize: 9 }, 'mine');
  expect(Object.keys(untouched.configurations['2d'])).toContain('UNet_class_name');
  const stages = edit.stages.map((stage) => ({ ...stage, features: stage.features / 2 }));
  const narrow = editedPlans(readAnyPlans(source, 'old'), one, { ...edit, stages }, 'mine');
  expect(Object.keys(narrow.configurations['2d'])).not.toContain('UNet_class_name');
  const result = readPlans(plansJson(narrow), 'mine').configurations['2d'].architecture;
  expect(result).toEqual({ ...one.architecture, featuresPerStage: [16, 32, 64] });
});

test('a patch that does not divide by the strides is refused, with the next that does', () => {
  const edit = editOf(configuration('3d_fullres'));
  expect(checkEdit(edit)).toEqual([]);
  const [problem] = checkEdit({ ...edit, patchSize: [100, 130, 128] });
  expect(problem.message).toMatch(/The patch 100 × 130 × 128 is not a multiple of \d+ × \d+ × \d+/);
  const [shown] = checkEdit({ ...edit, patchSize: [100, 130, 128] }, [1, 2, 0]);
  expect(shown.message).toContain('The patch 100 × 128 × 130 is not a multiple of');
  expect(problem.fix?.edit.patchSize).toEqual([112, 160, 128]);
  expect(problem.fix && checkEdit(problem.fix.edit)).toEqual([]);
});

test('what cannot be a network is refused by name', () => {
  const edit = editOf(configuration('3d_fullres'));
  const [first, second, ...others] = edit.stages;
  const messages = (change: Partial<ConfigurationEdit>) =>
    checkEdit({ ...edit, ...change }).map(({ message }) => message);
  expect(messages({ batchSize: 0 })).toEqual([expect.stringContaining('batch')]);
  expect(messages({ spacing: [1, 0, 1] })).toEqual([expect.stringContaining('0 mm')]);
  expect(messages({ patchSize: [1.5, 2, 3] })).toEqual([expect.stringContaining('whole number')]);
  expect(messages({ stages: [first] })).toContainEqual(expect.stringContaining('two stages'));
  expect(messages({ stages: [{ ...first, stride: [2, 2, 2] }, second, ...others] })).toEqual([
    expect.stringContaining('Stage 1 must have stride 1'),
  ]);
  expect(messages({ stages: [first, { ...second, kernelSize: [2, 3, 3] }, ...others] })).toEqual([
    expect.stringContaining('Stage 2: kernels'),
  ]);
  expect(messages({ stages: [first, { ...second, features: Number.NaN }, ...others] })).toEqual([
    expect.stringContaining('Stage 2 needs a whole number of features'),
  ]);
  const [single] = checkEdit({ ...edit, patchSize: [32, 32, 32], stages: edit.stages.map(halving) });
  expect(single.message).toContain('single voxel');
  expect(single.fix?.edit.patchSize).toEqual([64, 32, 32]);
});

function halving(stage: ConfigurationEdit['stages'][number], i: number): ConfigurationEdit['stages'][number] {
  return { ...stage, stride: i === 0 ? [1, 1, 1] : [2, 2, 2] };
}

test('new plans never take a name that is taken, or that a planner writes', () => {
  expect(() => assertPlansName('mine', ['other'])).not.toThrow();
  expect(() => assertPlansName('nnUNetPlans', [])).toThrow(/ExperimentPlanner writes/);
  expect(() => assertPlansName('mine', ['mine'])).toThrow(/already/);
  expect(() => assertPlansName('', [])).toThrow(/need a name/);
  expect(() => assertPlansName('a/b', [])).toThrow(/file name/);
  expect(freePlansName('nnUNetPlans', [])).toBe('nnUNetPlans_edited');
  expect(freePlansName('nnUNetPlans_edited', ['nnUNetPlans_edited'])).toBe('nnUNetPlans_edited2');
});

test('a text is checked whole, with paths', () => {
  expect(checkPlansText(text, 'plans.json')).toEqual({ plansName: 'nnUNetPlans', problems: [] });
  expect(checkPlansText('{', 'plans.json').problems).toEqual([expect.stringContaining('not valid JSON')]);
  const change = (path: string, value: unknown) => {
    const document = JSON.parse(text);
    document.configurations['3d_fullres'][path] = value;
    return checkPlansText(JSON.stringify(document), 'plans.json').problems;
  };
  expect(change('batch_size', 'two')).toContainEqual(
    expect.stringMatching(/configuration 3d_fullres: batch_size: /),
  );
  expect(change('patch_size', [100, 128, 128])).toContainEqual(
    expect.stringMatching(/configurations\.3d_fullres: The patch 100 × 128 × 128 is not a multiple/),
  );
  const document = JSON.parse(text);
  document.transpose_forward = [0, 1];
  expect(checkPlansText(JSON.stringify(document), 'plans.json').problems).toContainEqual(
    expect.stringContaining('transpose_forward'),
  );
});

test('an overview shows what cannot be used beside what can', () => {
  const document = JSON.parse(text);
  document.transpose_forward = [2, 0, 1];
  document.configurations['3d_lowres'].architecture.network_class_name = 'somewhere.OtherNet';
  const overview = plansOverview(JSON.stringify(document), 'plans.json');
  const byName = new Map(overview.configurations.map((one) => [one.name, one]));
  expect(byName.get('3d_lowres')).toMatchObject({ networkClass: 'OtherNet', configuration: undefined });
  expect(byName.get('3d_lowres')?.problem).toContain('OtherNet');
  expect(byName.get('3d_lowres')?.patchSize).toHaveLength(3);
  expect(byName.get('3d_cascade_fullres')).toMatchObject({
    inheritsFrom: '3d_fullres',
    previousStage: '3d_lowres',
    problem: undefined,
    medianShape: byName.get('3d_fullres')?.medianShape,
  });
  expect(axisNames(overview.transposeForward, 3)).toEqual(['x', 'z', 'y']);
  expect(axisNames(overview.transposeForward, 2)).toEqual(['z', 'y']);
});

test('inheritance and file format are no differences; values are', () => {
  const document = JSON.parse(text);
  const { '3d_fullres': parent } = document.configurations;
  document.configurations['3d_cascade_fullres'] = {
    ...parent,
    inherits_from: '3d_fullres',
    previous_stage: '3d_lowres',
    batch_size: 7,
  };
  const sections = comparedSections(plans, readAnyPlans(JSON.stringify(document), 'b'));
  const differing = sections.flatMap(({ title, fields }) =>
    fields.filter(({ differs }) => differs).map(({ path, a, b }) => ({ title, path, a, b })),
  );
  expect(differing).toEqual([
    { title: '3d_cascade_fullres', path: 'batch_size', a: parent.batch_size, b: 7 },
  ]);
});

test('sizes are compared as x, y, z of the image, whatever the order of each file', () => {
  const turned = JSON.parse(text);
  // The same network on axes in the order x, z, y.
  const turn = ([z, y, x]: readonly unknown[]) => [x, z, y];
  turned.transpose_forward = [2, 0, 1];
  turned.transpose_backward = [1, 2, 0];
  for (const key of ['original_median_spacing_after_transp', 'original_median_shape_after_transp']) {
    turned[key] = turn(turned[key]);
  }
  for (const one of Object.values<Record<string, unknown>>(turned.configurations)) {
    for (const key of ['patch_size', 'spacing', 'median_image_size_in_voxels']) {
      const value = one[key];
      if (Array.isArray(value) && value.length === 3) one[key] = turn(value);
    }
  }
  const fields = comparedSections(plans, readAnyPlans(JSON.stringify(turned), 'b')).flatMap((section) =>
    section.fields.map((field) => ({ ...field, title: section.title })),
  );
  const of = (title: string, path: string) =>
    fields.find((field) => field.title === title && field.path === path);
  expect(of('plans', 'transpose_forward')).toMatchObject({ a: [0, 1, 2], b: [2, 0, 1], differs: true });
  const shape = plans.original_median_shape_after_transp;
  expect(of('plans', 'original_median_shape_after_transp')).toMatchObject({
    a: Array.isArray(shape) && shape.toReversed(),
    differs: false,
    isXyz: true,
  });
  for (const path of ['patch_size', 'spacing', 'median_image_size_in_voxels']) {
    expect(of('3d_fullres', path)).toMatchObject({ differs: false, isXyz: true });
  }
});

test('a comparison with a file that is no plans says so', () => {
  const mine = { text, fileName: 'nnUNetPlans.json' };
  expect(comparedTexts(mine, mine).sections.length).toBeGreaterThan(1);
  expect(comparedTexts(mine, { text: '{"configurations": 3}', fileName: 'other.json' })).toEqual({
    sections: [],
    problem: expect.stringContaining('other.json'),
  });
});
