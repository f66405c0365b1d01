import type { PredictSettings } from '@/core/inference/settings';
import { windowStarts } from '@/core/inference/slidingWindow';
import { type NnunetModel, takesAnySpacing } from '@/core/interop/model';
import type { CaseRecord, StoredImageFacts } from '@/storage/caseRecord';

/** How often the network runs for one image, by factor. */
export interface PredictionCost {
  readonly windows: number;
  readonly folds: number;
  readonly mirrorings: number;
  /** All factors together: forward passes of one patch. */
  readonly passes: number;
}

type CostSettings = Pick<PredictSettings, 'folds' | 'tileStepSize' | 'useMirroring'>;

/** Counts the windows over the image as it will be after resampling; cropping may save some. */
export function predictionCost(
  model: NnunetModel,
  image: StoredImageFacts,
  settings: CostSettings,
): PredictionCost {
  const windows = windowCount(model, image, settings.tileStepSize);
  const folds = settings.folds.length;
  const mirrorings = settings.useMirroring ? 2 ** model.mirrorAxes.length : 1;
  return { windows, folds, mirrorings, passes: windows * folds * mirrorings };
}

function windowCount(
  { configuration, plans }: NnunetModel,
  image: StoredImageFacts,
  tileStepSize: number,
): number {
  const { patchSize, spacing } = configuration;
  const is2d = patchSize.length === 2;
  const shape = plans.transposeForward.map((axis) => image.shape[axis]);
  const imageSpacing = plans.transposeForward.map((axis) => image.spacing[axis]);
  const first = is2d ? 1 : 0;
  const sizes = patchSize.map((patch, axis) => {
    const target = takesAnySpacing(configuration) ? imageSpacing[axis + first] : spacing[axis];
    const resampled = (shape[axis + first] * imageSpacing[axis + first]) / target;
    return Math.max(Math.round(resampled), patch);
  });
  const perSlice = windowStarts(sizes, patchSize, tileStepSize).reduce((n, { length }) => n * length, 1);
  return is2d ? perSlice * shape[0] : perSlice;
}

/** Forward passes of both stages of a cascade; without `previous` of the one model. */
export function passesOf(
  model: NnunetModel,
  image: StoredImageFacts,
  settings: CostSettings,
  previous?: { readonly model: NnunetModel; readonly folds: readonly string[] } | undefined,
): number {
  const { passes } = predictionCost(model, image, settings);
  if (!previous) return passes;
  return passes + predictionCost(previous.model, image, { ...settings, folds: previous.folds }).passes;
}

/**
 * Seconds that many passes should take, from the newest case this model has finished here; `undefined` before the first.
 * `previous`: the first stage of a cascade.
 */
export function estimateSeconds(
  passes: number,
  model: NnunetModel,
  modelId: string,
  cases: readonly CaseRecord[],
  previous?: NnunetModel | undefined,
): number | undefined {
  const [newest] = cases
    .flatMap(({ image, result }) =>
      result && 'job' in result && result.job.modelId === modelId ? [{ image, result }] : [],
    )
    .sort((a, b) => b.result.finishedAt - a.result.finishedAt);
  if (!newest) return undefined;
  const { settings, previousStage } = newest.result.job;
  const before = previous && previousStage && { model: previous, folds: previousStage.folds };
  const done = passesOf(model, newest.image, settings, before);
  const other = newest.result.seconds - (newest.result.secondsByStage.network ?? 0);
  const perPass = (newest.result.secondsByStage.network ?? 0) / done;
  return other + perPass * passes;
}
