import type { Architecture } from '@/nn/architecture';
import { product } from '@/shared/numeric';

/** The parts of a network that its memory estimate depends on. */
export type EstimatedNetwork = Pick<
  Architecture,
  'networkClass' | 'featuresPerStage' | 'strides' | 'nConvPerStage' | 'nConvPerStageDecoder'
>;

/**
 * nnU-Net's stand-in for a network's memory: how many values its convolutions and heads put out for one patch.
 * `outputs`: channels of the full-resolution head.
 *
 * Follows DNA's `compute_conv_feature_map_size` of both networks, with deep supervision off.
 */
export function featureMapSize(
  network: EstimatedNetwork,
  patchSize: readonly number[],
  outputs: number,
): number {
  const { featuresPerStage: features, strides, nConvPerStage, nConvPerStageDecoder, networkClass } = network;
  const voxels = voxelsPerStage(patchSize, strides);
  const last = features.length - 1;
  let total = outputs * voxels[0];
  for (let stage = 0; stage <= last; stage++) {
    const map = features[stage] * voxels[stage];
    if (networkClass === 'PlainConvUNet') {
      total += nConvPerStage[stage] * map;
      continue;
    }
    const channelsBefore = features[Math.max(stage - 1, 0)];
    const hasSkipConv = channelsBefore !== features[stage] || strides[stage].some((stride) => stride !== 1);
    total += 2 * nConvPerStage[stage] * map + (hasSkipConv ? map : 0);
  }
  if (networkClass === 'ResidualEncoderUNet') total += features[0] * product(patchSize);
  for (let stage = 0; stage < last; stage++) {
    total += (nConvPerStageDecoder[last - 1 - stage] + 1) * features[stage] * voxels[stage];
  }
  return total;
}

function voxelsPerStage(patchSize: readonly number[], strides: readonly (readonly number[])[]): number[] {
  let size = patchSize;
  return strides.map((stride) => {
    size = size.map((edge, axis) => Math.floor(edge / stride[axis]));
    return product(size);
  });
}
