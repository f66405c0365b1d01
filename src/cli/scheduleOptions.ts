// The trainer that -tr names, the iterations that options tell of it, and the fold.
import type { Fold } from '@/app/train/foldSetup';
import type { IterationCount } from '@/core/training/scheduleChange';
import { partsOfTrainerName, type Trainer, trainerNamed } from '@/core/training/trainers';
import { isGiven, numberOf, type ParsedOptions, textOf, UsageError } from './options';

/** The trainer of `-tr` with the iterations of `--iterations` and `--val_iterations`. Throws as {@link trainerNamed}, and `Usage`. */
export function trainerIn(options: ParsedOptions): Trainer {
  const trainer = trainerNamed(textOf(options, '-tr') ?? 'nnUNetTrainer');
  const { iterationsPerEpoch, validationIterationsPerEpoch } = trainer.schedule;
  return {
    ...trainer,
    schedule: {
      ...trainer.schedule,
      iterationsPerEpoch: countOf(options, '--iterations', iterationsPerEpoch),
      validationIterationsPerEpoch: countOf(options, '--val_iterations', validationIterationsPerEpoch),
    },
  };
}

/** The fold of a command line. Throws `Usage`. */
export function foldOf(text: string): Fold {
  if (text === 'all') return 'all';
  if (/^\d+$/.test(text)) return Number(text);
  throw new UsageError(`The fold is a number or all, not ${text}.`);
}

/** Iterations that neither an option nor the trainer's name tells. */
export function unaskedIterations(
  options: ParsedOptions,
  { name }: Pick<Trainer, 'name'>,
): readonly IterationCount[] {
  const named = partsOfTrainerName(name);
  const asked: Readonly<Record<IterationCount, boolean>> = {
    iterationsPerEpoch: isGiven(options, '--iterations') || named?.iterationsPerEpoch !== undefined,
    validationIterationsPerEpoch:
      isGiven(options, '--val_iterations') || named?.validationIterationsPerEpoch !== undefined,
  };
  return (['iterationsPerEpoch', 'validationIterationsPerEpoch'] as const).filter((part) => !asked[part]);
}

function countOf(options: ParsedOptions, name: string, otherwise: number): number {
  const count = numberOf(options, name, otherwise);
  if (Number.isInteger(count) && count >= 1) return count;
  throw new UsageError(`${name} must be a whole number from 1, not ${count}.`);
}
