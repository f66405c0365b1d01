// The form of a new training: what may be chosen, and what follows from it.

import { type SchedulePreset, scheduleOf } from '@/app/train/schedulePresets';
import type { NewTraining } from '@/app/train/trainingsStore';
import type { ConfigurationOverview, PlansOverview } from '@/core/planning/plansOverview';
import type { TrainingSchedule } from '@/core/planning/trainingSchedule';
import { type Trainer, trainerNamed, trainerNameWithEpochs } from '@/core/training/trainers';
import type { AdapterFacts } from '@/gpu/device';
import type { FeatureDtype } from '@/kernels/storage';
import type { DatasetRecord, PreprocessedData } from '@/storage/datasetRecord';
import type { DatasetSplits } from '@/workers/data/api';

export interface FormChoice {
  /** Chosen by hand; otherwise what suits most people. */
  readonly plansName: string | undefined;
  readonly configuration: string | undefined;
  /** `0`…, or `all`. */
  readonly folds: readonly string[];
  readonly trainer: string;
  readonly preset: SchedulePreset['id'] | 'own';
  readonly epochs: number;
  readonly iterations: number;
  readonly seed: number;
  readonly isHalfPrecision: boolean;
  readonly shouldSaveProbabilities: boolean;
}

export const UNCHOSEN: FormChoice = {
  plansName: undefined,
  configuration: undefined,
  folds: ['0'],
  trainer: 'nnUNetTrainer',
  preset: 'evening',
  epochs: 50,
  iterations: 50,
  seed: 0,
  isHalfPrecision: false,
  shouldSaveProbabilities: false,
};

const PREFERRED = ['3d_fullres', '2d'];

/** The chosen one, else one whose cases are there, full resolution first. */
export function configurationFor(
  overview: PlansOverview | undefined,
  choice: FormChoice,
  dataset: DatasetRecord,
): ConfigurationOverview | undefined {
  if (!overview) return undefined;
  const named = (name: string | undefined) => overview.configurations.find((one) => one.name === name);
  const preferred = PREFERRED.map(named).filter((one) => one !== undefined);
  return (
    named(choice.configuration) ??
    preferred.find((one) => arraysOf(dataset, one)) ??
    preferred[0] ??
    overview.configurations[0]
  );
}

/** The preprocessed cases of a configuration. */
export function arraysOf(
  { preprocessed }: DatasetRecord,
  { dataIdentifier }: Pick<ConfigurationOverview, 'dataIdentifier'>,
): PreprocessedData | undefined {
  return preprocessed.find((arrays) => arrays.dataIdentifier === dataIdentifier);
}

export function foldsFor(splits: DatasetSplits | undefined): readonly string[] {
  return [...(splits?.splits.map((_, fold) => `${fold}`) ?? []), 'all'];
}

export function chosenSchedule(
  { preset, epochs, iterations }: FormChoice,
  presets: readonly SchedulePreset[],
  trainer: Trainer,
): TrainingSchedule {
  if (trainer.isBenchmark) return trainer.schedule;
  if (preset === 'own') return scheduleOf(epochs, iterations);
  const chosen = presets.find(({ id }) => id === preset)?.schedule ?? trainer.schedule;
  return preset === 'full' ? trainer.schedule : chosen;
}

/** Of feature maps: half precision where it is chosen and the GPU has it. */
export function chosenStorage(
  { isHalfPrecision }: Pick<FormChoice, 'isHalfPrecision'>,
  gpu: Pick<AdapterFacts, 'hasF16'> | undefined,
): FeatureDtype {
  return isHalfPrecision && gpu?.hasF16 ? 'f16' : 'f32';
}

/** Why nothing can be trained yet. */
export function problemOf(
  choice: FormChoice,
  configuration: ConfigurationOverview | undefined,
  folds: readonly string[],
): string | undefined {
  if (configuration?.problem) return configuration.problem;
  if (!configuration) return 'The plans are being read.';
  const chosen = choice.folds.filter((fold) => folds.includes(fold));
  if (chosen.length === 0) return 'Choose at least one fold.';
  if (trainerNamed(choice.trainer).isBenchmark && chosen.join() !== '0')
    return 'A benchmark measures fold 0 alone: choose fold 0.';
  return undefined;
}

interface Form {
  readonly dataset: DatasetRecord;
  readonly plansName: string;
  readonly configuration: ConfigurationOverview;
  readonly schedule: TrainingSchedule;
  readonly trainer: Trainer;
  readonly choice: FormChoice;
  readonly folds: readonly string[];
  readonly gpu: Pick<AdapterFacts, 'isSoftware' | 'hasF16'>;
}

/** A training a fold. */
export function newTrainings(form: Form): readonly NewTraining[] {
  const { dataset, plansName, configuration, schedule, trainer, choice, folds, gpu } = form;
  const name = trainerNameWithEpochs(trainer.name, schedule.epochs);
  return choice.folds
    .filter((fold) => folds.includes(fold))
    .map((fold) => ({
      datasetName: dataset.name,
      plansName,
      configurationName: configuration.name,
      fold: fold === 'all' ? 'all' : Number(fold),
      trainerName: name,
      schedule,
      seed: choice.seed,
      storage: chosenStorage(choice, gpu),
      augmentsOn: gpu.isSoftware ? 'cpu' : 'gpu',
      ...(choice.shouldSaveProbabilities && { shouldSaveProbabilities: true }),
    }));
}
