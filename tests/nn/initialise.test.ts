import { describe, expect, test } from 'vitest';
import { initialise, kaimingStd } from '@/nn/initialise';
import { buildUNet } from '@/nn/unet';
import { RESIDUAL_3_STAGES } from './architectures';

const { parameters } = buildUNet(RESIDUAL_3_STAGES, {
  inputChannels: 1,
  outputChannels: 3,
  batch: 1,
  patchSize: [8, 16, 16],
  deepSupervision: true,
});

function tensor(seed: number, name: string): Float32Array {
  const found = initialise(parameters, seed).get(name);
  if (!found) throw new Error(`no ${name}`);
  return found.data;
}

describe('initialise', () => {
  test('draws convolutions with Kaiming deviation', () => {
    const weight = tensor(1, 'encoder.stages.2.blocks.1.conv1.conv.weight');
    const std = Math.sqrt(weight.reduce((sum, value) => sum + value * value, 0) / weight.length);
    expect(std / Math.sqrt(2 / 1.0001 / (128 * 27))).toBeCloseTo(1, 2);
  });

  test('counts the outputs of a transposed convolution as its fan-in, as torch does', () => {
    expect(kaimingStd([128, 64, 2, 2, 2])).toBeCloseTo(0.0625, 4);
  });

  test('starts residual blocks as the identity, other norms at 1 and biases at 0', () => {
    expect(tensor(1, 'encoder.stages.1.blocks.0.conv2.norm.weight').every((value) => value === 0)).toBe(true);
    expect(tensor(1, 'encoder.stages.1.blocks.0.conv1.norm.weight').every((value) => value === 1)).toBe(true);
    expect(tensor(1, 'decoder.transpconvs.0.bias').every((value) => value === 0)).toBe(true);
  });

  test('gives the same weights for the same seed, others for another', () => {
    const name = 'decoder.seg_layers.0.weight';
    expect(tensor(7, name)).toEqual(tensor(7, name));
    expect(tensor(8, name)).not.toEqual(tensor(7, name));
  });
});
