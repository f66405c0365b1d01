// What an event of a training changes: in the run's record, which is kept, and in what is shown while the run goes on.

import type { TrainingEvent } from '@/workers/train/api';
import type { LiveTraining, TrainingRecord } from './trainingRecord';

/** Changes of the run's record; none where the event is of the moment alone. */
export function recordChanges(run: TrainingRecord, event: TrainingEvent): Partial<TrainingRecord> {
  switch (event.kind) {
    case 'started':
      // Epochs behind the checkpoint are trained again.
      return { start: event.start, epochs: run.epochs.slice(0, event.start.epoch) };
    case 'epoch':
      return { epochs: [...run.epochs.slice(0, event.epoch.epoch), event.epoch] };
    case 'notice':
      return { notices: [...(run.notices ?? []), event.message] };
    case 'trained':
      return { isTrained: true };
    case 'validated':
      return { validation: event.validation };
    case 'step':
    case 'kept':
    case 'trouble':
    case 'validating':
    case 'model': // of all folds of the training: the store sees to it
      return {};
    default:
      return event satisfies never;
  }
}

/** Changes of what is shown of the run under way. */
export function liveChanges(event: TrainingEvent): Partial<LiveTraining> {
  switch (event.kind) {
    case 'started':
      return { restarts: event.start.restarts, step: undefined };
    case 'step':
      return { step: event.step };
    case 'kept':
      return { keptAt: Date.now(), trouble: undefined };
    case 'trouble':
      return { trouble: event.message };
    case 'trained':
      return { step: undefined };
    case 'validating':
      return { validating: event };
    case 'validated':
      return { validating: undefined };
    case 'epoch':
    case 'notice':
    case 'model':
      return {};
    default:
      return event satisfies never;
  }
}
