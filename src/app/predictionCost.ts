import type { PredictSettings } from '@/core/inference/settings';
import { windowStarts } from '@/core/inference/slidingWindow';
import type { NnunetModel } from '@/core/interop/model';
import type { CaseRecord, ImageFacts } from '@/storage/caseRecord';

/** How often the network runs for one image, by factor. */
export interface PredictionCost {
  readonly windows: number;
  readonly folds: number;
  readonly mirrorings: number;
  /** All factors together: forward passes of one patch. */
  readonly passes: number;
}

/** Counts the windows over the image as it will be after resampling; cropping may save some. */
export function predictionCost(
  model: NnunetModel,
  image: ImageFacts,
  settings: Pick<PredictSettings, 'folds' | 'tileStepSize' | 'useMirroring'>,
): PredictionCost {
  const windows = windowCount(model, image, settings.tileStepSize);
  const folds = settings.folds.length;
  const mirrorings = settings.useMirroring ? 2 ** model.mirrorAxes.length : 1;
  return { windows, folds, mirrorings, passes: windows * folds * mirrorings };
}

function windowCount({ configuration, plans }: NnunetModel, image: ImageFacts, tileStepSize: number): number {
  const { patchSize, spacing } = configuration;
  const is2d = patchSize.length === 2;
  const shape = plans.transposeForward.map((axis) => image.shape[axis]);
  const imageSpacing = plans.transposeForward.map((axis) => image.spacing[axis]);
  const first = is2d ? 1 : 0;
  const sizes = patchSize.map((patch, axis) => {
    const resampled = (shape[axis + first] * imageSpacing[axis + first]) / spacing[axis];
    return Math.max(Math.round(resampled), patch);
  });
  const perSlice = windowStarts(sizes, patchSize, tileStepSize).reduce((n, { length }) => n * length, 1);
  return is2d ? perSlice * shape[0] : perSlice;
}

/** Seconds the network should take, from the newest case this model has finished here; `undefined` before the first. */
export function estimateSeconds(
  cost: PredictionCost,
  model: NnunetModel,
  modelId: string,
  cases: readonly CaseRecord[],
): number | undefined {
  const [newest] = cases
    .flatMap(({ image, result }) => (result?.job.modelId === modelId ? [{ image, result }] : []))
    .sort((a, b) => b.result.finishedAt - a.result.finishedAt);
  if (!newest) return undefined;
  const done = predictionCost(model, newest.image, newest.result.job.settings);
  const other = newest.result.seconds - (newest.result.secondsByStage.network ?? 0);
  const perPass = (newest.result.secondsByStage.network ?? 0) / done.passes;
  return other + perPass * cost.passes;
}
