// Changing plans by hand: what may be changed, what is wrong with a change, and the document that comes out.

import type { NormalizationScheme } from '@/core/preprocessing/normalization/schemes';
import { StudioError } from '@/shared/errors';
import { formatNetworkXyz, formatShape } from '@/shared/geometry';
import type { AnyPlans } from './anyPlans';
import { nextFittingPatch, patchDivisor } from './patchCheck';
import { PLANNERS } from './planners';
import type { Configuration } from './plans';
import { OLD_NETWORK_KEYS, type RawConfiguration, resolveConfiguration } from './resolveConfigurations';

/** What a person may change of a configuration, every list in the order of the file. */
export interface ConfigurationEdit {
  readonly batchSize: number;
  readonly patchSize: readonly number[];
  /** mm. */
  readonly spacing: readonly number[];
  readonly normalizationSchemes: readonly NormalizationScheme[];
  readonly useMaskForNorm: readonly boolean[];
  readonly batchDice: boolean;
  readonly stages: readonly StageEdit[];
}

/** One stage, finest first. */
export interface StageEdit {
  readonly features: number;
  /** From the stage above; ones for the first. */
  readonly stride: readonly number[];
  readonly kernelSize: readonly number[];
  /** Convolutions, or residual blocks, of the encoder. */
  readonly convs: number;
  /** Convolutions of the decoder; the last stage has none. */
  readonly decoderConvs: number;
}

type EditField = 'patchSize' | 'batchSize' | 'spacing' | 'stages';

/** Why an edit is refused, and the nearest one that is not. */
export interface EditProblem {
  readonly field: EditField;
  readonly message: string;
  readonly fix?: { readonly label: string; readonly edit: ConfigurationEdit };
}

/** A configuration as it is, to start from. */
export function editOf({ architecture, ...configuration }: Configuration): ConfigurationEdit {
  return {
    batchSize: configuration.batchSize,
    patchSize: configuration.patchSize,
    spacing: configuration.spacing,
    normalizationSchemes: configuration.normalizationSchemes,
    useMaskForNorm: configuration.useMaskForNorm,
    batchDice: configuration.batchDice,
    stages: architecture.strides.map((stride, stage) => ({
      features: architecture.featuresPerStage[stage],
      stride,
      kernelSize: architecture.kernelSizes[stage],
      convs: architecture.nConvPerStage[stage],
      decoderConvs: architecture.nConvPerStageDecoder[architecture.nStages - 2 - stage] ?? 0,
    })),
  };
}

/** The configuration with the edit in place, as what it costs is asked of. */
export function configurationWith(configuration: Configuration, edit: ConfigurationEdit): Configuration {
  const { stages, ...others } = edit;
  return {
    ...configuration,
    ...others,
    architecture: {
      ...configuration.architecture,
      nStages: stages.length,
      featuresPerStage: stages.map(({ features }) => features),
      strides: stages.map(({ stride }) => stride),
      kernelSizes: stages.map(({ kernelSize }) => kernelSize),
      nConvPerStage: stages.map(({ convs }) => convs),
      nConvPerStageDecoder: decoderConvs(stages),
    },
  };
}

/**
 * Everything that keeps an edit from being used; empty where it can be. With the `transposeBackward` of the plans the messages
 * have sizes as people read them, x × y × z; without it in the order of the file, for those who look at the file.
 */
export function checkEdit(
  edit: ConfigurationEdit,
  transposeBackward?: readonly number[],
): readonly EditProblem[] {
  const sizes = (values: readonly number[]) =>
    transposeBackward ? formatNetworkXyz(values, transposeBackward) : formatShape(values);
  const problems: EditProblem[] = [];
  const refuse = (field: EditField, message: string) => problems.push({ field, message });
  if (!isCount(edit.batchSize)) refuse('batchSize', 'The batch needs a whole number of samples, 1 or more.');
  if (!edit.spacing.every((mm) => mm > 0 && Number.isFinite(mm))) {
    refuse('spacing', 'Every spacing must be more than 0 mm.');
  }
  problems.push(...stageProblems(edit));
  if (!edit.patchSize.every(isCount)) {
    refuse('patchSize', 'Every edge of the patch must be a whole number of voxels, 1 or more.');
  } else if (problems.every(({ field }) => field !== 'stages')) problems.push(...patchProblems(edit, sizes));
  return problems;
}

function stageProblems({ stages }: ConfigurationEdit): EditProblem[] {
  const problems: EditProblem[] = [];
  const refuse = (message: string) => problems.push({ field: 'stages', message });
  if (stages.length < 2) refuse('A U needs two stages or more.');
  if (stages[0]?.stride.some((step) => step !== 1)) {
    refuse('Stage 1 must have stride 1: its output is the segmentation, at full size.');
  }
  for (const [i, stage] of stages.entries()) {
    const name = `Stage ${i + 1}`;
    if (!isCount(stage.features)) refuse(`${name} needs a whole number of features, 1 or more.`);
    if (!stage.stride.every(isCount)) refuse(`${name}: strides are whole numbers, 1 or more.`);
    if (!stage.kernelSize.every((size) => isCount(size) && size % 2 === 1)) {
      refuse(`${name}: kernels have odd sizes (1, 3, 5 …), so that they have a centre.`);
    }
    if (!isCount(stage.convs)) refuse(`${name} needs one convolution or block, or more.`);
    if (i < stages.length - 1 && !isCount(stage.decoderConvs)) {
      refuse(`${name} needs one convolution in the decoder, or more.`);
    }
  }
  return problems;
}

function patchProblems(edit: ConfigurationEdit, sizes: (values: readonly number[]) => string): EditProblem[] {
  const strides = edit.stages.map(({ stride }) => stride);
  const divisor = patchDivisor(strides);
  const fitting = nextFittingPatch(edit.patchSize, strides);
  const use = (patchSize: readonly number[]) => ({
    label: `Use ${sizes(patchSize)}`,
    edit: { ...edit, patchSize },
  });
  if (fitting.some((size, axis) => size !== edit.patchSize[axis])) {
    const message = `The patch ${sizes(edit.patchSize)} is not a multiple of ${sizes(divisor)}, by which the network pools. The next size that fits is ${sizes(fitting)}.`;
    return [{ field: 'patchSize', message, fix: use(fitting) }];
  }
  if (edit.patchSize.some((size, axis) => size !== divisor[axis])) return [];
  const axis = edit.patchSize.indexOf(Math.max(...edit.patchSize));
  const larger = edit.patchSize.map((size, i) => (i === axis ? 2 * size : size));
  const message =
    'The coarsest stage would see a single voxel, and instance normalisation makes that 0 whatever it was.';
  return [{ field: 'patchSize', message, fix: use(larger) }];
}

/** Throws `BadPlansName` where new plans cannot be called so: names are file names, and none is given twice. */
export function assertPlansName(name: string, taken: readonly string[]): void {
  const refuse = (what: string, remedy: string): never => {
    throw new StudioError('BadPlansName', what, remedy);
  };
  if (!/^[A-Za-z0-9][\w.-]*$/.test(name)) {
    refuse(
      name === '' ? 'The new plans need a name.' : `${name} cannot be a file name everywhere.`,
      'Use letters, digits, _ - and a dot, and start with a letter or digit.',
    );
  }
  const planner = PLANNERS.find(({ plansName }) => plansName === name);
  if (planner) {
    refuse(`${name} is the name under which ${planner.name} writes.`, 'Choose a name of your own.');
  }
  if (taken.includes(name)) refuse(`There are plans named ${name} already.`, 'Choose another name.');
}

/** A free name for plans made from others. */
export function freePlansName(base: string, taken: readonly string[]): string {
  const stem = `${base.replace(/_edited\d*$/, '')}_edited`;
  for (let i = 1; ; i++) {
    const name = i === 1 ? stem : `${stem}${i}`;
    if (!taken.includes(name)) return name;
  }
}

/**
 * Plans under a new name with one configuration changed. Only changed keys are written, so inheritance stays as it is.
 * Where the preprocessed data would differ (spacing, normalisation) it gets a folder of its own; otherwise the new plans
 * share the folder of the old ones.
 */
export function editedPlans(
  plans: AnyPlans,
  configuration: Configuration,
  edit: ConfigurationEdit,
  plansName: string,
): AnyPlans {
  const { name } = configuration;
  const own = plans.configurations[name];
  const before = editOf(configuration);
  const resolved = resolveConfiguration(plans.configurations, name, plans.plans_name);
  const isChanged = (key: keyof ConfigurationEdit) =>
    JSON.stringify(before[key]) !== JSON.stringify(edit[key]);
  const changes: Record<string, unknown> = {};
  if (isChanged('batchSize')) changes.batch_size = edit.batchSize;
  if (isChanged('patchSize')) changes.patch_size = edit.patchSize;
  if (isChanged('batchDice')) changes.batch_dice = edit.batchDice;
  if (isChanged('normalizationSchemes')) changes.normalization_schemes = edit.normalizationSchemes;
  if (isChanged('useMaskForNorm')) changes.use_mask_for_norm = edit.useMaskForNorm;
  if (isChanged('spacing')) {
    changes.spacing = edit.spacing;
    const median = medianAt(resolved.median_image_size_in_voxels, before.spacing, edit.spacing);
    if (median) changes.median_image_size_in_voxels = median;
  }
  const isPreprocessedAnew = ['spacing', 'normalizationSchemes', 'useMaskForNorm'] as const;
  if (isPreprocessedAnew.some(isChanged)) changes.data_identifier = `${plansName}_${name}`;
  const kept = isChanged('stages')
    ? Object.entries(own).filter(([key]) => !OLD_NETWORK_KEYS.some((old) => old === key))
    : Object.entries(own);
  if (isChanged('stages')) changes.architecture = architectureWith(resolved, configuration, edit.stages);
  return {
    ...plans,
    plans_name: plansName,
    configurations: { ...plans.configurations, [name]: { ...Object.fromEntries(kept), ...changes } },
  };
}

function architectureWith(
  resolved: RawConfiguration,
  { architecture: { networkClass } }: Configuration,
  stages: readonly StageEdit[],
): RawConfiguration {
  const architecture = asRecord(resolved.architecture);
  const convs = networkClass === 'PlainConvUNet' ? 'n_conv_per_stage' : 'n_blocks_per_stage';
  return {
    ...architecture,
    arch_kwargs: {
      ...asRecord(architecture.arch_kwargs),
      n_stages: stages.length,
      features_per_stage: stages.map(({ features }) => features),
      kernel_sizes: stages.map(({ kernelSize }) => kernelSize),
      strides: stages.map(({ stride }) => stride),
      [convs]: stages.map((stage) => stage.convs),
      n_conv_per_stage_decoder: decoderConvs(stages),
    },
  };
}

/** In the file's order: from the bottom of the U. */
function decoderConvs(stages: readonly StageEdit[]): readonly number[] {
  return stages
    .slice(0, -1)
    .map((stage) => stage.decoderConvs)
    .reverse();
}

function medianAt(
  median: unknown,
  before: readonly number[],
  after: readonly number[],
): readonly number[] | undefined {
  if (!Array.isArray(median)) return undefined;
  return median.map((size, axis) => Math.round((Number(size) * before[axis]) / after[axis]));
}

function asRecord(value: unknown): RawConfiguration {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function isCount(value: number): boolean {
  return Number.isInteger(value) && value >= 1;
}
