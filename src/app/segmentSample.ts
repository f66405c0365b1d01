import type { NnunetModel } from '@/core/interop/model';
import { addGivenFiles } from './addGivenFiles';
import { preferences } from './preferences';
import type { Studio } from './studio';

/** Adds the shipped case and model, and segments: the one click. Returns the case's id, or nothing if that failed. */
export async function segmentSample(studio: Studio): Promise<string | undefined> {
  const sample = await studio.sample;
  if (!sample) return undefined;
  const { cases, models } = await addGivenFiles(studio, sample, 'sample');
  const [first] = cases;
  const [model] = models;
  if (!first) return undefined;
  if (model) {
    await studio.queue.enqueue([first.id], {
      modelId: model.id,
      modelName: model.name,
      settings: currentSettings(model.model),
    });
  }
  return first.id;
}

/** The kept preferences as settings, for all folds or the given ones. */
export function currentSettings(
  model: NnunetModel,
  folds: readonly string[] = model.folds.map(({ fold }) => fold),
) {
  const { tileStepSize, useGaussian, useMirroring, saveProbabilities } = preferences.getState();
  return { folds, tileStepSize, useGaussian, useMirroring, saveProbabilities };
}
