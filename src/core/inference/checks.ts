import type { NnunetModel } from '@/core/interop/model';
import { StudioError } from '@/shared/errors';
import type { PredictSettings } from './settings';

/** Throws `MissingFold` or `BadSettings` where model or settings cannot be run. */
export function checkSettings(settings: PredictSettings, model: NnunetModel): void {
  const available = model.folds.map(({ fold }) => fold);
  if (settings.folds.length === 0) {
    throw new StudioError('BadSettings', 'No fold is chosen.', `Choose among: ${available.join(', ')}.`);
  }
  const missing = settings.folds.filter((fold) => !available.includes(fold));
  if (missing.length > 0) {
    throw new StudioError(
      'MissingFold',
      `The model ${model.datasetName} has no fold ${missing.join(', ')}.`,
      `It has: ${available.join(', ')}.`,
    );
  }
  if (!(settings.tileStepSize > 0 && settings.tileStepSize <= 1)) {
    throw new StudioError(
      'BadSettings',
      `A step size of ${settings.tileStepSize} is not possible.`,
      'It is a share of the patch: above 0 and at most 1; nnU-Net’s own is 0.5.',
    );
  }
}
