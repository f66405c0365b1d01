// Configurations of a plans file as nnU-Net resolves them, still under their JSON keys: inheritance followed, and the
// network keys of older files turned into `architecture`.
import { StudioError } from '@/shared/errors';

export type RawConfiguration = Readonly<Record<string, unknown>>;

/** Network keys before `architecture`; they go when it comes. */
export const OLD_NETWORK_KEYS = [
  'UNet_class_name',
  'network_arch_class_name',
  'UNet_base_num_features',
  'n_conv_per_stage_encoder',
  'n_conv_per_stage_decoder',
  'num_pool_per_axis',
  'pool_op_kernel_sizes',
  'conv_kernel_sizes',
  'unet_max_num_features',
  'network_arch_init_kwargs',
  'network_arch_init_kwargs_req_import',
  'arch_kwargs',
] as const;

/**
 * One configuration with what it inherits and with an `architecture`. The child's keys win, whole: nested objects are
 * not merged. `inherits_from` stays, as in nnU-Net's `PlansManager._internal_resolve_configuration_inheritance`.
 */
export function resolveConfiguration(
  configurations: Readonly<Record<string, RawConfiguration>>,
  name: string,
  file: string,
): RawConfiguration {
  return withArchitecture(inherited(configurations, name, file, []), `${file}, configuration ${name}`);
}

function inherited(
  configurations: Readonly<Record<string, RawConfiguration>>,
  name: string,
  file: string,
  children: readonly string[],
): RawConfiguration {
  if (!Object.hasOwn(configurations, name)) {
    const from = children.length ? ` (which ${children.at(-1)} inherits from)` : '';
    throw badPlans(
      `${file} has no configuration ${name}${from}; it has ${Object.keys(configurations).join(', ')}.`,
    );
  }
  if (children.includes(name)) {
    throw badPlans(`${file}: configurations inherit from each other: ${[...children, name].join(' → ')}.`);
  }
  const own = configurations[name];
  if (own.inherits_from === undefined) return own;
  const parent = inherited(configurations, String(own.inherits_from), file, [...children, name]);
  return { ...parent, ...own };
}

function withArchitecture(configuration: RawConfiguration, where: string): RawConfiguration {
  if (configuration.architecture !== undefined) return configuration;
  const className = configuration.network_arch_class_name ?? configuration.UNet_class_name;
  if (typeof className !== 'string') throw badPlans(`${where} names no network.`);
  const kept = Object.entries(configuration).filter(([key]) => !OLD_NETWORK_KEYS.some((old) => old === key));
  const keywords = configuration.network_arch_init_kwargs ?? configuration.arch_kwargs;
  const architecture =
    keywords === undefined
      ? architectureFromOldKeys(configuration, lastPathComponent(className), where)
      : { network_class_name: className, arch_kwargs: keywords };
  return { ...Object.fromEntries(kept), architecture };
}

/** Where nnU-Net's conversion says its classes are. The second module is gone; only the last component counts. */
const CLASS_PATHS: Readonly<Record<string, string>> = {
  PlainConvUNet: 'dynamic_network_architectures.architectures.unet.PlainConvUNet',
  ResidualEncoderUNet: 'dynamic_network_architectures.architectures.residual_unet.ResidualEncoderUNet',
};

/** Follows the conversion in nnU-Net's `ConfigurationManager.__init__`. */
function architectureFromOldKeys(
  configuration: RawConfiguration,
  className: string,
  where: string,
): RawConfiguration {
  if (!Object.hasOwn(CLASS_PATHS, className)) throw unsupportedArchitecture(className, where);
  const required = (key: string): unknown => {
    const value = configuration[key];
    if (value === undefined || value === null) throw badPlans(`${where} has no ${key}.`);
    return value;
  };
  const numbers = (key: string): number[] => {
    const value = required(key);
    if (!Array.isArray(value)) throw badPlans(`${where}: ${key} is not a list.`);
    return value;
  };
  const stages = numbers('n_conv_per_stage_encoder');
  const [base, maximum] = [
    Number(required('UNet_base_num_features')),
    Number(required('unet_max_num_features')),
  ];
  const dimensions = numbers('patch_size').length;
  return {
    network_class_name: CLASS_PATHS[className],
    arch_kwargs: {
      n_stages: stages.length,
      features_per_stage: stages.map((_, stage) => Math.min(base * 2 ** stage, maximum)),
      conv_op: `torch.nn.modules.conv.Conv${dimensions}d`,
      kernel_sizes: required('conv_kernel_sizes'),
      strides: required('pool_op_kernel_sizes'),
      [className === 'ResidualEncoderUNet' ? 'n_blocks_per_stage' : 'n_conv_per_stage']: stages,
      n_conv_per_stage_decoder: required('n_conv_per_stage_decoder'),
      conv_bias: true,
      norm_op: `torch.nn.modules.instancenorm.InstanceNorm${dimensions}d`,
      norm_op_kwargs: { eps: 1e-5, affine: true },
      dropout_op: null,
      dropout_op_kwargs: null,
      nonlin: 'torch.nn.LeakyReLU',
      nonlin_kwargs: { inplace: true },
    },
    _kw_requires_import: ['conv_op', 'norm_op', 'dropout_op', 'nonlin'],
  };
}

export function lastPathComponent(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1);
}

export function badPlans(what: string): StudioError {
  return new StudioError(
    'BadPlans',
    what,
    'Correct the plans file, or take the one that the planner or the training wrote.',
  );
}

export function unsupportedArchitecture(network: string, where: string): StudioError {
  return new StudioError(
    'UnsupportedArchitecture',
    `${where} uses the network ${network}, which is not supported.`,
    'Supported are PlainConvUNet and ResidualEncoderUNet, as the planners of nnU-Net make them.',
  );
}
