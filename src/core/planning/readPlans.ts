import { z } from 'zod';
import { parseJson, validate } from '@/core/interop/json';
import type { IntensityProperties } from '@/core/preprocessing/normalization/scheme';
import {
  findNormalization,
  type NormalizationScheme,
  normalizationNames,
} from '@/core/preprocessing/normalization/schemes';
import { messageOf, StudioError } from '@/shared/errors';
import type { Configuration, Plans, Resampling } from './plans';
import { PLANS_REMEDY, validatePlans } from './plansFaults';
import { readArchitecture } from './readArchitecture';
import { badPlans, resolveConfiguration } from './resolveConfigurations';

/** Any number, NaN and infinities too: statistics of nothing. */
const statistic = z.custom<number>((value) => typeof value === 'number', 'expected a number');

const intensitiesSchema = z.record(
  z.string(),
  z
    .object({
      mean: statistic,
      std: statistic,
      min: statistic,
      max: statistic,
      median: statistic,
      percentile_00_5: statistic,
      percentile_99_5: statistic,
    })
    .partial(),
);

const axes = z.array(z.int().min(0).max(2)).length(3);

const plansSchema = z.object({
  dataset_name: z.string(),
  plans_name: z.string().default('nnUNetPlans'),
  image_reader_writer: z.string().default('SimpleITKIO'),
  transpose_forward: axes,
  transpose_backward: axes,
  configurations: z.record(z.string(), z.record(z.string(), z.unknown())),
  foreground_intensity_properties_per_channel: intensitiesSchema.optional(),
  foreground_intensity_properties_by_modality: intensitiesSchema.optional(),
});

const resamplingKwargs = z.looseObject({
  is_seg: z.boolean().optional(),
  order: z.int().min(0).max(5).optional(),
  order_z: z.int().min(0).max(5).optional(),
  force_separate_z: z.boolean().nullish(),
  separate_z_anisotropy_threshold: z.number().optional(),
  // Of the torch functions; only their defaults are known here.
  mode: z.literal('linear').optional(),
  aniso_axis_mode: z.literal('nearest-exact').optional(),
});

/** Sizes of 2 or 3 axes. */
const voxels = z.array(z.int().min(1)).min(2).max(3);
const millimetres = z.array(z.number().positive()).min(2).max(3);

const configurationSchema = z.object({
  data_identifier: z.string(),
  batch_size: z.int().min(1),
  patch_size: voxels,
  spacing: millimetres,
  normalization_schemes: z.array(z.string()),
  use_mask_for_norm: z.array(z.boolean()),
  resampling_fn_data: z.string(),
  resampling_fn_data_kwargs: resamplingKwargs,
  resampling_fn_seg: z.string(),
  resampling_fn_seg_kwargs: resamplingKwargs,
  resampling_fn_probabilities: z.string(),
  resampling_fn_probabilities_kwargs: resamplingKwargs,
  architecture: z.unknown(),
  batch_dice: z.boolean().default(false),
  previous_stage: z.string().nullish(),
});

/** What nnU-Net passes to a resampling function that the plans leave out (its default arguments). */
const RESAMPLING_DEFAULTS: Readonly<
  Record<Resampling['functionName'], Omit<Resampling, 'functionName' | 'isSeg'>>
> = {
  resample_data_or_seg_to_shape: {
    order: 3,
    orderZ: 0,
    forceSeparateZ: false,
    separateZAnisotropyThreshold: 3,
  },
  resample_torch_fornnunet: { order: 1, orderZ: 0, forceSeparateZ: null, separateZAnisotropyThreshold: 3 },
  no_resampling_hack: { order: 0, orderZ: 0, forceSeparateZ: false, separateZAnisotropyThreshold: 3 },
};

/**
 * Reads the text of a plans.json of any nnU-Net 2. Configurations that cannot be used here are kept with the reason in
 * `unusableConfigurations`; ask for one with {@link configurationOf}. Throws `BadJson` or `BadPlans`.
 */
export function readPlans(text: string, file: string): Plans {
  const json = validatePlans(plansSchema, parseJson(text, file), file);
  const { configurations, unusable } = readConfigurations(json.configurations, file);
  const [firstProblem] = Object.values(unusable);
  if (firstProblem && Object.keys(configurations).length === 0) throw firstProblem;
  const intensities =
    json.foreground_intensity_properties_per_channel ??
    json.foreground_intensity_properties_by_modality ??
    {};
  const transposeForward = permutation(json.transpose_forward, `${file}: transpose_forward`);
  const transposeBackward = permutation(json.transpose_backward, `${file}: transpose_backward`);
  const inverse = [0, 1, 2].map((axis) => transposeForward.indexOf(axis));
  if (inverse.some((axis, i) => axis !== transposeBackward[i])) {
    throw badPlans(
      `${file}: transpose_backward [${transposeBackward.join(', ')}] does not undo transpose_forward [${transposeForward.join(', ')}]; it would be [${inverse.join(', ')}].`,
    );
  }
  return {
    datasetName: json.dataset_name,
    plansName: json.plans_name,
    imageReaderWriter: json.image_reader_writer,
    transposeForward,
    transposeBackward,
    foregroundIntensityProperties: Object.keys(intensities)
      .sort((a, b) => Number(a) - Number(b))
      .map((channel) => intensityProperties(intensities[channel])),
    configurations,
    ...(firstProblem
      ? {
          unusableConfigurations: Object.fromEntries(
            Object.entries(unusable).map(([k, e]) => [k, messageOf(e)]),
          ),
        }
      : {}),
  };
}

/** Every configuration, or why it cannot be used here. Throws nothing of what is wrong with one of them. */
export function readConfigurations(
  all: Readonly<Record<string, Record<string, unknown>>>,
  file: string,
): { configurations: Record<string, Configuration>; unusable: Record<string, StudioError> } {
  const configurations: Record<string, Configuration> = {};
  const unusable: Record<string, StudioError> = {};
  for (const name of Object.keys(all)) {
    try {
      configurations[name] = readConfiguration(all, name, file);
    } catch (error) {
      if (!(error instanceof StudioError)) throw error;
      unusable[name] = error;
    }
  }
  return { configurations, unusable };
}

/** The configuration of that name, or an error that says why it cannot be used or which there are. */
export function configurationOf(plans: Plans, name: string, file: string): Configuration {
  if (Object.hasOwn(plans.configurations, name)) return plans.configurations[name];
  const unusable = new Map(Object.entries(plans.unusableConfigurations ?? {}));
  const reason = unusable.get(name);
  if (reason) throw new StudioError('UnsupportedArchitecture', reason);
  throw badPlans(
    `${file} has no configuration ${name}; it has ${Object.keys(plans.configurations).join(', ') || 'none'}.`,
  );
}

function readConfiguration(
  all: Readonly<Record<string, Record<string, unknown>>>,
  name: string,
  file: string,
): Configuration {
  const where = `${file}, configuration ${name}`;
  const json = validate(
    configurationSchema,
    resolveConfiguration(all, name, file),
    where,
    'BadPlans',
    PLANS_REMEDY,
  );
  const architecture = readArchitecture(json.architecture, where);
  const dimensions = json.patch_size.length;
  const kernelAxes = architecture.kernelSizes[0].length;
  if (json.spacing.length !== dimensions || kernelAxes !== dimensions) {
    throw badPlans(
      `${where}: patch_size, spacing and the network's kernels differ in their number of axes (${dimensions}, ${json.spacing.length} and ${kernelAxes}).`,
    );
  }
  if (json.use_mask_for_norm.length !== json.normalization_schemes.length) {
    throw badPlans(
      `${where}: normalization_schemes has ${json.normalization_schemes.length} entries and use_mask_for_norm ${json.use_mask_for_norm.length}; both have one for each channel.`,
    );
  }
  return {
    name,
    dataIdentifier: json.data_identifier,
    batchSize: json.batch_size,
    patchSize: json.patch_size,
    spacing: json.spacing,
    normalizationSchemes: json.normalization_schemes.map((scheme) => normalizationScheme(scheme, where)),
    useMaskForNorm: json.use_mask_for_norm,
    resamplingData: resampling(json.resampling_fn_data, json.resampling_fn_data_kwargs, where),
    resamplingSeg: resampling(json.resampling_fn_seg, json.resampling_fn_seg_kwargs, where),
    resamplingProbabilities: resampling(
      json.resampling_fn_probabilities,
      json.resampling_fn_probabilities_kwargs,
      where,
    ),
    architecture,
    batchDice: json.batch_dice,
    previousStage: json.previous_stage ?? undefined,
  };
}

function normalizationScheme(name: string, where: string): NormalizationScheme {
  const scheme = findNormalization(name);
  if (scheme) return scheme.name;
  throw new StudioError(
    'UnsupportedPlans',
    `${where} normalises with ${name}, which is not known here.`,
    `Known are ${normalizationNames().join(', ')}.`,
  );
}

function resampling(
  functionName: string,
  kwargs: z.output<typeof resamplingKwargs>,
  where: string,
): Resampling {
  if (!isResamplingFunction(functionName)) {
    throw new StudioError(
      'UnsupportedPlans',
      `${where} resamples with ${functionName}, which is not known here.`,
      `Known are ${Object.keys(RESAMPLING_DEFAULTS).join(', ')}.`,
    );
  }
  const defaults = RESAMPLING_DEFAULTS[functionName];
  return {
    functionName,
    isSeg: kwargs.is_seg ?? false,
    order: kwargs.order ?? defaults.order,
    orderZ: kwargs.order_z ?? defaults.orderZ,
    forceSeparateZ: kwargs.force_separate_z === undefined ? defaults.forceSeparateZ : kwargs.force_separate_z,
    separateZAnisotropyThreshold:
      kwargs.separate_z_anisotropy_threshold ?? defaults.separateZAnisotropyThreshold,
  };
}

function isResamplingFunction(name: string): name is Resampling['functionName'] {
  return Object.hasOwn(RESAMPLING_DEFAULTS, name);
}

function permutation(order: readonly number[], where: string): readonly [number, number, number] {
  if (new Set(order).size !== 3)
    throw badPlans(
      `${where}: [${order.join(', ')}] is not a permutation of the axes; each of 0, 1, 2 comes once.`,
    );
  return [order[0], order[1], order[2]];
}

/** A value the file lacks is NaN: only CT normalisation reads them, and it would show. */
function intensityProperties(json: z.output<typeof intensitiesSchema>[string]): IntensityProperties {
  return {
    mean: json.mean ?? Number.NaN,
    std: json.std ?? Number.NaN,
    min: json.min ?? Number.NaN,
    max: json.max ?? Number.NaN,
    median: json.median ?? Number.NaN,
    percentile005: json.percentile_00_5 ?? Number.NaN,
    percentile995: json.percentile_99_5 ?? Number.NaN,
  };
}
