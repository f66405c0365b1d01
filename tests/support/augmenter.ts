import type { Sample } from '@/core/augmentation/applyAugmentation';
import { planAugmenter } from '@/core/augmentation/augmenterMemory';
import type { AugmentationParameters } from '@/core/augmentation/drawAugmentation';
import { createAugmenter } from '@/core/augmentation/gpuAugmenter';
import { regionMasks } from '@/core/augmentation/segmentationOps';
import type { AugmentationSettings } from '@/core/augmentation/settings';
import { allocate, arrayOf, readback, readFloats, upload } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import type { GpuArray } from '@/gpu/dispatch';
import { targetSize } from '@/kernels/losses/target';
import { elementCount } from '@/shared/geometry';

/** Arrays as a training program has them, the image NaN before. */
export async function augmenterOutputs(
  gpu: Gpu,
  settings: AugmentationSettings,
  batch: number,
  dtype: 'f32' | 'f16' = 'f32',
): Promise<{ image: GpuArray; targets: GpuArray[] }> {
  const channels = settings.channels + settings.previousStageLabels.length;
  const voxels = elementCount(settings.patchSize);
  const size = batch * channels * voxels;
  const words = dtype === 'f16' ? Math.ceil(size / 2) : size;
  // All bits set are NaN in both.
  const { buffer } = await upload(gpu, new Uint32Array(words).fill(0xffffffff), 'image');
  const image = arrayOf(buffer, size, dtype);
  const masks = regionMasks(settings.target).length;
  const target =
    settings.target.kind === 'labels'
      ? { kind: 'labels' as const, ignoreLabel: undefined }
      : { kind: 'regions' as const, hasIgnore: false };
  const targets: GpuArray[] = [];
  for (const shape of settings.targetShapes) {
    const targetWords = targetSize(target, masks, batch, elementCount(shape));
    targets.push(arrayOf(await allocate(gpu, 4 * targetWords, 'target'), targetWords, 'u32'));
  }
  return { image, targets };
}

/** One batch augmented on the device and read back. */
export async function augmentOnGpu(
  gpu: Gpu,
  settings: AugmentationSettings,
  samples: readonly Sample[],
  parameters: readonly AugmentationParameters[],
  dtype: 'f32' | 'f16' = 'f32',
): Promise<{ image: Float32Array; targets: Uint8Array[] }> {
  const outputs = await augmenterOutputs(gpu, settings, samples.length, dtype);
  const plan = planAugmenter(settings, samples.length, gpu.limits);
  const augmenter = await createAugmenter(gpu, plan, outputs);
  augmenter.augment(samples, parameters);
  const image = await readFloats(gpu, outputs.image);
  const targets: Uint8Array[] = [];
  for (const target of outputs.targets) targets.push(new Uint8Array(await readback(gpu, target)));
  augmenter.destroy();
  for (const { buffer } of [outputs.image, ...outputs.targets]) buffer.destroy();
  return { image, targets };
}
