import { ActionIcon, Progress, Tooltip } from '@mantine/core';
import { IconPlayerPause, IconPlayerPlay, IconPlayerStop } from '@tabler/icons-react';
import type { LiveTraining, TrainingRecord } from '@/app/train/trainingRecord';
import { formatLongTime } from '../components/planFormats';
import { type TrainingProgress, trainingProgress } from '../components/trainingProgress';
import { formatPercent } from '../formats';
import { addressOf } from '../route';
import { useDatasetTitle } from '../useDatasetTitle';
import { useStudio, useTrainings } from '../useStudio';
import styles from './shell.module.css';

/** The run that is trained or validated in this tab. */
export interface TrainingJob {
  readonly run: TrainingRecord;
  readonly live: LiveTraining;
  readonly progress: TrainingProgress;
}

export function useTrainingJob(): TrainingJob | undefined {
  const { runs, live } = useTrainings(({ runs, live }) => ({ runs, live }));
  const run = live && runs.find(({ id }) => id === live.id);
  return run && { run, live, progress: trainingProgress(run, live) };
}

/** One line of the status bar: what is trained, bar, time left, pause and stop. */
export function TrainingJobLine({ job: { run, live, progress } }: { job: TrainingJob }) {
  const { trainings } = useStudio();
  const { doing, share, secondsLeft } = progress;
  const title = useDatasetTitle(run.order.datasetName);
  const PauseIcon = live.isPaused ? IconPlayerPlay : IconPlayerPause;
  const pauseLabel = live.isPaused ? 'Resume training' : 'Pause training';
  return (
    <div className={styles.job}>
      <a className={styles.jobName} href={addressOf('train', run.id)}>
        {title} {run.order.configurationName}
      </a>
      <span className={styles.quiet}>{doing}</span>
      <Progress
        className={styles.jobBar}
        value={100 * share}
        size="sm"
        aria-label={`Progress of ${run.id}, in the jobs`}
      />
      <span className={styles.quiet}>
        {formatPercent(share)}
        {secondsLeft !== undefined && `, ${formatLongTime(secondsLeft)} left`}
      </span>
      {!run.isTrained && (
        <Tooltip label={pauseLabel}>
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={pauseLabel}
            disabled={live.isStopping}
            onClick={() => trainings.pause(!live.isPaused)}
          >
            <PauseIcon size={17} />
          </ActionIcon>
        </Tooltip>
      )}
      <Tooltip label="Stop the training, with a checkpoint">
        <ActionIcon
          variant="subtle"
          color="gray"
          aria-label="Stop the training"
          disabled={live.isStopping}
          onClick={() => void trainings.stop(run.id)}
        >
          <IconPlayerStop size={17} />
        </ActionIcon>
      </Tooltip>
    </div>
  );
}
