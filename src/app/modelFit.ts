import type { NnunetModel } from '@/core/interop/model';
import type { ImageFacts } from '@/storage/caseRecord';

/** Whether a model can be run on an image; if not, why, in one sentence. */
export type ModelFit =
  | { readonly fits: true; readonly caution?: string }
  | { readonly fits: false; readonly reason: string };

/** Voxels this much larger or smaller than the training data's are worth a word. */
const UNUSUAL_SPACING_RATIO = 3;

export function modelFit({ channelNames, configuration, plans }: NnunetModel, image: ImageFacts): ModelFit {
  if (configuration.previousStage !== undefined) {
    return {
      fits: false,
      reason: `It is the second stage of a cascade and needs the result of ${configuration.previousStage}.`,
    };
  }
  if (image.channels !== channelNames.length) {
    const wanted = channelNames.map((name, i) => `${name} (_${String(i).padStart(4, '0')})`).join(', ');
    return {
      fits: false,
      reason: `It needs ${count(channelNames.length, 'channel')}: ${wanted}. This image has ${image.channels}.`,
    };
  }
  const caution = spacingCaution(image, configuration.spacing, plans.transposeForward);
  return caution ? { fits: true, caution } : { fits: true };
}

function spacingCaution(
  image: ImageFacts,
  trained: readonly number[],
  transposeForward: readonly number[],
): string | undefined {
  // A 2d configuration says nothing about its slowest axis.
  const spacing = transposeForward.map((axis) => image.spacing[axis]).slice(3 - trained.length);
  const ratios = spacing.map((size, axis) => size / trained[axis]);
  const isUnusual = ratios.some(
    (ratio) => ratio > UNUSUAL_SPACING_RATIO || ratio < 1 / UNUSUAL_SPACING_RATIO,
  );
  if (!isUnusual) return undefined;
  const show = (values: readonly number[]) => values.map((value) => value.toFixed(2)).join(' × ');
  return `Its voxels are ${show(spacing)} mm; the model was trained at ${show(trained)} mm.`;
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}
