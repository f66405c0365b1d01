// A plans file as a person reads it: every configuration with what it inherits, also those that cannot be used here.
import { z } from 'zod';
import { messageOf } from '@/shared/errors';
import { type AnyPlans, readAnyPlans } from './anyPlans';
import type { Configuration } from './plans';
import { readConfigurations } from './readPlans';
import { lastPathComponent, type RawConfiguration, resolveConfiguration } from './resolveConfigurations';

/** One configuration, resolved. What a file leaves out, or has in another form, is `undefined` or empty. */
export interface ConfigurationOverview {
  readonly name: string;
  readonly inheritsFrom: string | undefined;
  readonly previousStage: string | undefined;
  readonly nextStages: readonly string[];
  readonly dataIdentifier: string | undefined;
  readonly batchSize: number | undefined;
  /** Voxels, 2 or 3 axes, in the order of the file; likewise `spacing` (mm) and `medianShape` (voxels at that spacing). */
  readonly patchSize: readonly number[] | undefined;
  readonly spacing: readonly number[] | undefined;
  readonly medianShape: readonly number[] | undefined;
  /** Per channel. */
  readonly normalizationSchemes: readonly string[];
  readonly useMaskForNorm: readonly boolean[];
  /** Name of the function for images, and what it is told. */
  readonly resampling:
    | { readonly name: string; readonly options: Readonly<Record<string, unknown>> }
    | undefined;
  readonly batchDice: boolean | undefined;
  readonly networkClass: string | undefined;
  /** What training and prediction use; missing where {@link ConfigurationOverview.problem} says why. */
  readonly configuration: Configuration | undefined;
  readonly problem: string | undefined;
}

export interface PlansOverview {
  readonly plans: AnyPlans;
  readonly datasetName: string;
  readonly plansName: string;
  readonly plannerName: string | undefined;
  readonly readerName: string | undefined;
  /** Which axis of the images each axis of the network is; `[0, 1, 2]` is z, y, x. */
  readonly transposeForward: readonly number[];
  /** Its inverse. */
  readonly transposeBackward: readonly number[];
  readonly medianSpacing: readonly number[] | undefined;
  readonly medianShape: readonly number[] | undefined;
  readonly channels: number;
  readonly configurations: readonly ConfigurationOverview[];
}

const IDENTITY = [0, 1, 2];
const permutation = z
  .array(z.number())
  .length(3)
  .refine((order) => IDENTITY.every((axis) => order.includes(axis)));
const sizes = z.array(z.number().positive()).min(2).max(3);

/** Reads what there is to see. Throws `BadJson` or `BadPlans` for what is no plans file at all. */
export function plansOverview(text: string, file: string): PlansOverview {
  const plans = readAnyPlans(text, file);
  const { configurations, unusable } = readConfigurations(plans.configurations, file);
  const problems = new Map(Object.entries(unusable).map(([name, error]) => [name, messageOf(error)]));
  const medianSpacing = given(sizes, plans.original_median_spacing_after_transp);
  const medianShape = given(sizes, plans.original_median_shape_after_transp);
  const overviews = Object.keys(plans.configurations).map((name) => {
    const own = plans.configurations[name];
    return {
      ...configurationOverview(
        name,
        resolvedOrOwn(plans, name, file),
        own,
        medianExtent(medianSpacing, medianShape),
      ),
      configuration: configurations[name],
      problem: problems.get(name),
    };
  });
  return {
    plans,
    datasetName: given(z.string(), plans.dataset_name) ?? 'no dataset',
    plansName: plans.plans_name,
    plannerName: given(z.string(), plans.experiment_planner_used),
    readerName: given(z.string(), plans.image_reader_writer),
    ...transposesOf(plans),
    medianSpacing,
    medianShape,
    channels: Math.max(0, ...overviews.map(({ normalizationSchemes }) => normalizationSchemes.length)),
    configurations: overviews,
  };
}

/** The order of axes; none is changed where a file leaves it out, or has something else there. */
export function transposesOf(plans: AnyPlans): Pick<PlansOverview, 'transposeForward' | 'transposeBackward'> {
  const transposeForward = given(permutation, plans.transpose_forward) ?? IDENTITY;
  return { transposeForward, transposeBackward: IDENTITY.map((axis) => transposeForward.indexOf(axis)) };
}

/** Letters of the image axes in the order of the network's, for 2 or 3 of them: `z`, `y`, `x` unless transposed. */
export function axisNames(transposeForward: readonly number[], dimensions: number): readonly string[] {
  return transposeForward.map((axis) => 'zyx'[axis]).slice(3 - dimensions);
}

function configurationOverview(
  name: string,
  resolved: RawConfiguration,
  own: RawConfiguration,
  extent: readonly number[] | undefined,
): Omit<ConfigurationOverview, 'configuration' | 'problem'> {
  const spacing = given(sizes, resolved.spacing);
  const next = resolved.next_stage;
  const functionName = given(z.string(), resolved.resampling_fn_data);
  const isRespaced = own.spacing !== undefined && own.median_image_size_in_voxels === undefined;
  return {
    name,
    inheritsFrom: given(z.string(), own.inherits_from),
    previousStage: given(z.string(), resolved.previous_stage),
    nextStages: typeof next === 'string' ? [next] : (given(z.array(z.string()), next) ?? []),
    dataIdentifier: given(z.string(), resolved.data_identifier),
    batchSize: given(z.number(), resolved.batch_size),
    patchSize: given(sizes, resolved.patch_size),
    spacing,
    medianShape: isRespaced
      ? shapeAt(extent, spacing)
      : (given(sizes, resolved.median_image_size_in_voxels) ?? shapeAt(extent, spacing)),
    normalizationSchemes: given(z.array(z.string()), resolved.normalization_schemes) ?? [],
    useMaskForNorm: given(z.array(z.boolean()), resolved.use_mask_for_norm) ?? [],
    resampling:
      functionName === undefined
        ? undefined
        : {
            name: functionName,
            options: given(z.record(z.string(), z.unknown()), resolved.resampling_fn_data_kwargs) ?? {},
          },
    batchDice: given(z.boolean(), resolved.batch_dice),
    networkClass: networkClassOf(resolved),
  };
}

/** The configuration with what it inherits; its own keys alone where that fails, which is its problem then. */
function resolvedOrOwn(plans: AnyPlans, name: string, file: string): RawConfiguration {
  try {
    return resolveConfiguration(plans.configurations, name, file);
  } catch {
    const own = plans.configurations[name];
    const parent = plans.configurations[String(own.inherits_from)];
    return { ...parent, ...own };
  }
}

function networkClassOf(resolved: RawConfiguration): string | undefined {
  const schema = z.object({ network_class_name: z.string() });
  const name =
    given(schema, resolved.architecture)?.network_class_name ??
    given(z.string(), resolved.network_arch_class_name ?? resolved.UNet_class_name);
  return name === undefined ? undefined : lastPathComponent(name);
}

/** Millimetres of the median case before resampling. */
function medianExtent(
  spacing: readonly number[] | undefined,
  shape: readonly number[] | undefined,
): readonly number[] | undefined {
  return spacing && shape && spacing.map((mm, axis) => mm * shape[axis]);
}

function shapeAt(
  extent: readonly number[] | undefined,
  spacing: readonly number[] | undefined,
): readonly number[] | undefined {
  if (!extent || !spacing) return undefined;
  const first = extent.length - spacing.length;
  return spacing.map((mm, axis) => Math.round(extent[axis + first] / mm));
}

function given<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> | undefined {
  return schema.safeParse(value).data;
}
