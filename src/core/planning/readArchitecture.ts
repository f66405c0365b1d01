import { z } from 'zod';
import { validate } from '@/core/interop/json';
import type { DropoutOptions } from '@/kernels/dropout.reference';
import { BATCH_NORM_MOMENTUM } from '@/nn/architecture';
import type { Architecture } from './plans';
import { PLANS_REMEDY } from './plansFaults';
import { lastPathComponent, unsupportedArchitecture } from './resolveConfigurations';

const size = z.int().min(1);
/** One number for all stages, or one per stage. */
const perStage = z.union([size, z.array(size).min(1)]);
/** One number, one per stage, or one per stage and axis. */
const perStageAndAxis = z.union([size, z.array(z.union([size, z.array(size).min(2).max(3)])).min(1)]);
const keywords = z.record(z.string(), z.unknown()).nullish();

const architectureSchema = z.object({
  network_class_name: z.string(),
  arch_kwargs: z.looseObject({
    n_stages: size,
    features_per_stage: perStage,
    conv_op: z.string(),
    kernel_sizes: perStageAndAxis,
    strides: perStageAndAxis,
    n_conv_per_stage: perStage.optional(),
    n_blocks_per_stage: perStage.optional(),
    n_conv_per_stage_decoder: perStage,
    conv_bias: z.boolean().default(false),
    norm_op: z.string().nullish(),
    norm_op_kwargs: keywords,
    dropout_op: z.string().nullish(),
    dropout_op_kwargs: keywords,
    nonlin: z.string().nullish(),
    nonlin_kwargs: keywords,
  }),
});

type ArchKwargs = z.output<typeof architectureSchema>['arch_kwargs'];

/** Further arguments of the two classes, with the values that change nothing. */
const NEUTRAL_ARGUMENTS: ReadonlyMap<string, readonly unknown[]> = new Map<string, readonly unknown[]>([
  ['deep_supervision', [true, false, null]],
  ['nonlin_first', [false]],
  ['pool', ['conv']],
  ['block', ['dynamic_network_architectures.building_blocks.residual.BasicBlockD', null]],
  ['bottleneck_channels', [null]],
  ['stem_channels', [null]],
  ['stochastic_depth_p', [0]],
  ['squeeze_excitation', [false]],
]);

/**
 * `architecture` of a resolved configuration. `where` names the file and configuration. Throws
 * `UnsupportedArchitecture` for networks, layers and options that this project has no graph for, `BadPlans` for
 * malformed ones.
 */
export function readArchitecture(json: unknown, where: string): Architecture {
  const className =
    z.object({ network_class_name: z.string() }).safeParse(json).data?.network_class_name ?? '';
  const networkClass = lastPathComponent(className);
  if (className && networkClass !== 'PlainConvUNet' && networkClass !== 'ResidualEncoderUNet') {
    throw unsupportedArchitecture(className, where);
  }
  const { arch_kwargs: args } = validate(
    architectureSchema,
    json,
    `${where}, architecture`,
    'BadPlans',
    PLANS_REMEDY,
  );
  const dimensions = dimensionsOf(args, where);
  const isPlain = networkClass === 'PlainConvUNet';
  const nConvPerStage = isPlain ? args.n_conv_per_stage : args.n_blocks_per_stage;
  if (nConvPerStage === undefined) {
    throw unsupportedArchitecture(
      `${className} without ${isPlain ? 'n_conv_per_stage' : 'n_blocks_per_stage'}`,
      where,
    );
  }
  assertKnownArguments(args, className, where);
  const stages = args.n_stages;
  return {
    networkClass: isPlain ? 'PlainConvUNet' : 'ResidualEncoderUNet',
    nStages: stages,
    featuresPerStage: spread(args.features_per_stage, stages, 'features_per_stage', where),
    kernelSizes: spreadAxes(args.kernel_sizes, stages, dimensions, 'kernel_sizes', where),
    strides: spreadAxes(args.strides, stages, dimensions, 'strides', where),
    nConvPerStage: spread(nConvPerStage, stages, 'n_conv_per_stage', where),
    nConvPerStageDecoder: spread(
      args.n_conv_per_stage_decoder,
      stages - 1,
      'n_conv_per_stage_decoder',
      where,
    ),
    convBias: args.conv_bias,
    ...normOf(args, dimensions, where),
    negativeSlope: negativeSlopeOf(args, where),
    ...dropoutOf(args, where),
  };
}

function dimensionsOf({ conv_op }: ArchKwargs, where: string): 2 | 3 {
  const name = lastPathComponent(conv_op);
  if (name === 'Conv2d') return 2;
  if (name === 'Conv3d') return 3;
  throw unsupportedArchitecture(`with ${conv_op}`, where);
}

function assertKnownArguments(args: ArchKwargs, className: string, where: string): void {
  for (const [key, value] of Object.entries(args)) {
    if (Object.hasOwn(architectureSchema.shape.arch_kwargs.shape, key)) continue;
    if (NEUTRAL_ARGUMENTS.get(key)?.includes(value)) continue;
    // The stem has as many features as the first stage unless told otherwise.
    if (key === 'stem_channels' && value === spreadFirst(args.features_per_stage)) continue;
    throw unsupportedArchitecture(
      `${lastPathComponent(className)} with ${key} = ${JSON.stringify(value)}`,
      where,
    );
  }
}

function spreadFirst(values: number | readonly number[]): number {
  return typeof values === 'number' ? values : values[0];
}

function normOf(
  { norm_op, norm_op_kwargs }: ArchKwargs,
  dimensions: number,
  where: string,
): Pick<Architecture, 'normEps' | 'normAffine' | 'batchNorm'> {
  const name = lastPathComponent(norm_op ?? 'none');
  const isBatchNorm = name === `BatchNorm${dimensions}d`;
  if (!isBatchNorm && name !== `InstanceNorm${dimensions}d`) {
    throw unsupportedArchitecture(`with the normalisation ${norm_op ?? 'none'}`, where);
  }
  const tracking = norm_op_kwargs?.track_running_stats ?? isBatchNorm;
  if (tracking !== isBatchNorm) {
    const what = isBatchNorm ? 'without' : 'with';
    throw unsupportedArchitecture(`with ${norm_op} ${what} running statistics`, where);
  }
  // torch's defaults. What instance norm does with its momentum is nothing, as it tracks no statistics.
  const { eps = 1e-5, affine = isBatchNorm, momentum = BATCH_NORM_MOMENTUM } = norm_op_kwargs ?? {};
  const isKnown = typeof eps === 'number' && typeof affine === 'boolean';
  if (!isKnown || (isBatchNorm && typeof momentum !== 'number')) {
    throw unsupportedArchitecture(
      `with the normalisation arguments ${JSON.stringify(norm_op_kwargs)}`,
      where,
    );
  }
  const batchNorm = isBatchNorm && typeof momentum === 'number' ? { batchNorm: { momentum } } : {};
  return { normEps: eps, normAffine: affine, ...batchNorm };
}

/** torch's dropout modules by what they drop. `Dropout2d` and `Dropout3d` differ in nothing but what they warn of. */
const DROPOUTS: ReadonlyMap<string, DropoutOptions['of']> = new Map([
  ['Dropout', 'elements'],
  ['Dropout2d', 'channels'],
  ['Dropout3d', 'channels'],
]);

function dropoutOf(
  { dropout_op, dropout_op_kwargs }: ArchKwargs,
  where: string,
): Pick<Architecture, 'dropout'> {
  if (!dropout_op) return {};
  const of = DROPOUTS.get(lastPathComponent(dropout_op));
  const probability = dropout_op_kwargs?.p ?? 0.5;
  if (!of || typeof probability !== 'number' || probability < 0 || probability > 1) {
    throw unsupportedArchitecture(`with ${dropout_op} ${JSON.stringify(dropout_op_kwargs ?? {})}`, where);
  }
  return { dropout: { probability, of } };
}

function negativeSlopeOf({ nonlin, nonlin_kwargs }: ArchKwargs, where: string): number {
  const name = lastPathComponent(nonlin ?? 'none');
  if (name === 'ReLU') return 0;
  const slope = nonlin_kwargs?.negative_slope ?? 0.01;
  if (name === 'LeakyReLU' && typeof slope === 'number') return slope;
  throw unsupportedArchitecture(`with the activation ${nonlin ?? 'none'}`, where);
}

function spread(
  values: number | readonly number[],
  count: number,
  key: string,
  where: string,
): readonly number[] {
  const list = typeof values === 'number' ? Array.from({ length: count }, () => values) : values;
  if (list.length !== count) throw badLength(key, list.length, count, where);
  return list;
}

function spreadAxes(
  values: number | readonly (number | readonly number[])[],
  count: number,
  dimensions: number,
  key: string,
  where: string,
): readonly (readonly number[])[] {
  const list = typeof values === 'number' ? Array.from({ length: count }, () => values) : values;
  if (list.length !== count) throw badLength(key, list.length, count, where);
  return list.map((entry) => spread(entry, dimensions, key, where));
}

function badLength(key: string, found: number, expected: number, where: string): Error {
  return unsupportedArchitecture(`with ${found} entries in ${key} where ${expected} belong`, where);
}
