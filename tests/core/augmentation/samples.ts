import type { Sample } from '@/core/augmentation/applyAugmentation';
import { planeLength } from '@/core/augmentation/patch';
import { type AugmentationSettings, augmentationSettings } from '@/core/augmentation/settings';
import type { Zyx } from '@/shared/geometry';
import { keyedRandom } from '@/shared/random';
import { labelSet } from '../../support/labels';

const LABELS = labelSet({ background: 0, a: 1, b: 2, c: 3 }, undefined);
const REGIONS = labelSet({ background: 0, all: [1, 2, 3], core: [2, 3], last: 3, ignore: 4 }, [1, 2, 3]);

/** Settings of a small network, two channels, the second masked. */
export function smallSettings(
  patchSize: readonly number[],
  request: Partial<Parameters<typeof augmentationSettings>[0]> & { readonly hasRegions?: boolean } = {},
): AugmentationSettings {
  const { hasRegions = false, ...rest } = request;
  const two = patchSize.map(() => 2);
  return augmentationSettings({
    patchSize,
    channels: 2,
    useMaskForNorm: [false, true],
    labels: hasRegions ? REGIONS : LABELS,
    hasPreviousStage: false,
    strides: [patchSize.map(() => 1), two, two],
    ...rest,
  });
}

/** A smooth image with a little noise, blobs of labels, and −1 with zeros at one end, as the loader pads. */
export function sampleFor(settings: AugmentationSettings, seed: number): Sample {
  const shape: Zyx = settings.initialPatchSize;
  const labelChannels = settings.previousStageLabels.length > 0 ? 2 : 1;
  const [depth, height, width] = shape;
  const voxels = planeLength({ shape });
  const image = new Float32Array(settings.channels * voxels);
  const labels = new Int16Array(labelChannels * voxels);
  const random = keyedRandom(seed);
  const phases = Array.from({ length: 8 }, () => 6 * random.uniform());
  for (let z = 0, i = 0; z < depth; z++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++, i++) {
        const isOutside = x < 2;
        const wave =
          Math.sin(0.5 * z + phases[0]) + Math.sin(0.4 * y + phases[1]) + Math.sin(0.3 * x + phases[2]);
        for (let c = 0; c < settings.channels; c++) {
          image[c * voxels + i] = isOutside
            ? 0
            : wave * (c + 1) + 0.1 * random.normal() + phases[3 + (c % 2)];
        }
        for (let s = 0; s < labelChannels; s++) {
          const label = Math.floor(2 + 1.3 * Math.sin(0.4 * (z + y) + phases[5 + s]) * Math.cos(0.3 * x));
          labels[s * voxels + i] = isOutside ? -1 : label;
        }
      }
    }
  }
  return {
    image: { data: image, channels: settings.channels, shape },
    labels: { data: labels, channels: labelChannels, shape },
  };
}
