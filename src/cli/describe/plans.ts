import type { Architecture, Configuration, Plans } from '@/core/planning/plans';
import { formatNumber, formatRows, formatSizes, type Row } from './table';

/** What planning decided, one block a configuration. */
export function describePlans(plans: Plans): readonly string[] {
  const rows: Row[] = [
    ['dataset', plans.datasetName],
    ['reader', plans.imageReaderWriter],
    ['axes of the network', plans.transposeForward.join(', ')],
    ...plans.foregroundIntensityProperties.map(
      ({ mean, std, percentile005, percentile995 }, channel): Row => [
        `foreground, channel ${channel}`,
        `mean ${formatNumber(mean)}, std ${formatNumber(std)}, 0.5 to 99.5 %: ${formatNumber(percentile005)} to ${formatNumber(percentile995)}`,
      ],
    ),
  ];
  return [
    `Plans ${plans.plansName}`,
    ...formatRows(rows, '  '),
    ...Object.values(plans.configurations).flatMap(describeConfiguration),
    ...Object.entries(plans.unusableConfigurations ?? {}).map(
      ([name, reason]) => `Configuration ${name} cannot be used here: ${reason}`,
    ),
  ];
}

export function describeConfiguration(configuration: Configuration): readonly string[] {
  const { name, patchSize, spacing, batchSize, normalizationSchemes, architecture, previousStage } =
    configuration;
  const rows: Row[] = [
    ['patch', `${formatSizes(patchSize)} voxels`],
    ['spacing', `${formatSizes(spacing)} mm`],
    ['batch size', String(batchSize)],
    ['normalisation', normalizationSchemes.join(', ')],
    ...architectureRows(architecture),
    ...(previousStage ? [['previous stage', previousStage] as const] : []),
  ];
  return [`Configuration ${name}`, ...formatRows(rows, '  ')];
}

function architectureRows(architecture: Architecture): readonly Row[] {
  return [
    ['network', `${architecture.networkClass}, ${architecture.nStages} stages`],
    ['features', architecture.featuresPerStage.join(' ')],
    ['kernels', architecture.kernelSizes.map((kernel) => kernel.join('×')).join(' ')],
    ['strides', architecture.strides.map((stride) => stride.join('×')).join(' ')],
    [
      architecture.networkClass === 'PlainConvUNet' ? 'convolutions' : 'blocks',
      `${architecture.nConvPerStage.join(' ')}, decoder ${architecture.nConvPerStageDecoder.join(' ')}`,
    ],
  ];
}
