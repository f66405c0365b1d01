import { Text } from '@mantine/core';
import { type StepSeconds, scheduleSeconds } from '@/app/train/schedulePresets';
import type { BatchFit, TrainingCost } from '@/core/planning/trainingCost';
import type { TrainingSchedule } from '@/core/planning/trainingSchedule';
import { type Optimiser, optimiserStateCount } from '@/kernels/optimisers/optimiserOptions';
import { formatBytes } from '@/shared/numeric';
import { formatFlops, formatLongTime, formatParameters, partsText } from '../components/planFormats';
import styles from './form.module.css';

/** Latest and best, and of each the one before. */
const CHECKPOINTS = 4;
const F32_BYTES = 4;

const PARTS_SENTENCE =
  'Where the GPU has no room for the whole batch, its samples go through the network in parts; the gradients are the same.';

interface NeedsNoteProps {
  readonly cost: TrainingCost;
  readonly fit: BatchFit;
  readonly step: StepSeconds | undefined;
  readonly schedule: TrainingSchedule;
  readonly optimiser: Optimiser;
  readonly folds: number;
}

/** Time and bytes, before anything is started. */
export function NeedsNote({ cost, fit, step, schedule, optimiser, folds }: NeedsNoteProps) {
  const seconds = step ? scheduleSeconds(schedule, step) : Number.NaN;
  const checkpoint = (1 + optimiserStateCount(optimiser)) * F32_BYTES * cost.parameterCount;
  const parts = partsText(cost, fit);
  return (
    <dl className={styles.needs} aria-label="What it needs">
      <div>
        <dt>Time</dt>
        <dd>{seconds > 0 ? formatLongTime(seconds * Math.max(1, folds)) : 'not measured yet'}</dd>
      </div>
      <div>
        <dt>GPU memory</dt>
        <dd title={PARTS_SENTENCE}>
          {formatBytes(cost.trainingBytes)}
          {parts && (
            <Text size="xs" fw={400} c="dimmed">
              {parts}
            </Text>
          )}
        </dd>
      </div>
      <div>
        <dt>Storage</dt>
        <dd title="Two checkpoints and the ones before them, of each fold">
          up to {formatBytes(CHECKPOINTS * checkpoint * Math.max(1, folds))}
        </dd>
      </div>
      <div>
        <dt>Parameters</dt>
        <dd>{formatParameters(cost.parameterCount)}</dd>
      </div>
      <div>
        <dt>Time per iteration</dt>
        <dd>
          {formatFlops(cost.flopsPerIteration)}
          {step && step.training > 0 && `, ${formatLongTime(step.training)}`}
        </dd>
      </div>
    </dl>
  );
}
