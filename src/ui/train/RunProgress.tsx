import { Progress, Switch } from '@mantine/core';
import { preferences } from '@/app/preferencesStore';
import type { LiveTraining, TrainingRecord } from '@/app/train/trainingRecord';
import { formatLongTime } from '../components/planFormats';
import { trainingProgress } from '../components/trainingProgress';
import { formatPercent } from '../formats';
import { usePreferences } from '../useStudio';
import styles from './train.module.css';

/** How far the run is, what it is doing, and how long it will take. */
export function RunProgress({ run, live }: { run: TrainingRecord; live: LiveTraining }) {
  const keepsScreenOn = usePreferences((state) => state.keepsScreenOn);
  const { doing, share, secondsLeft } = trainingProgress(run, live);
  return (
    <section className={styles.progress} aria-label="Progress">
      <div className={styles.doing}>
        <span>{doing}</span>
        <span className={styles.left}>
          {formatPercent(share)}
          {secondsLeft !== undefined && `, about ${formatLongTime(secondsLeft)} left`}
        </span>
      </div>
      <Progress value={100 * share} size="md" aria-label={`Progress of ${run.id}`} />
      <Switch
        size="xs"
        mt={10}
        label="Keep screen awake"
        checked={keepsScreenOn}
        onChange={({ currentTarget }) => preferences.setState({ keepsScreenOn: currentTarget.checked })}
      />
    </section>
  );
}
