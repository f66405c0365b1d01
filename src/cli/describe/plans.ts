import type { Architecture, Configuration, Plans } from '@/core/planning/plans';
import { axisNames } from '@/core/planning/plansOverview';
import { xyzConfiguration } from '@/core/planning/xyzConfiguration';
import { xyzOfNetwork } from '@/shared/geometry';
import { formatNumber, formatRows, formatSizes, type Row } from './table';

/** What planning decided, one block a configuration. */
export function describePlans(plans: Plans): readonly string[] {
  const rows: Row[] = [
    ['dataset', plans.datasetName],
    ['reader', plans.imageReaderWriter],
    ['axes of the network', axisNames(plans.transposeForward, 3).join(', ')],
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
    ...Object.values(plans.configurations).flatMap((one) => describeConfiguration(one, plans)),
    ...Object.entries(plans.unusableConfigurations ?? {}).map(
      ([name, reason]) => `Configuration ${name} cannot be used here: ${reason}`,
    ),
  ];
}

/** Sizes, kernels and strides are x × y × z of the image; the pairs of a 2D configuration those of its slices. */
export function describeConfiguration(
  configuration: Configuration,
  { transposeForward, transposeBackward }: Plans,
): readonly string[] {
  const { name, patchSize, spacing, batchSize, normalizationSchemes, architecture, previousStage } =
    xyzConfiguration(configuration, transposeBackward);
  const axes = xyzOfNetwork(axisNames(transposeForward, patchSize.length), transposeBackward).join(', ');
  const rows: Row[] = [
    [`patch (${axes})`, `${formatSizes(patchSize)} voxels`],
    [`spacing (${axes})`, `${formatSizes(spacing)} mm`],
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
