import { ActionIcon, Progress, Tooltip } from '@mantine/core';
import { IconX } from '@tabler/icons-react';
import { formatPercent, formatSeconds } from '../formats';
import { addressOf } from '../route';
import { useBenchmarkProgress } from '../useBenchmarkProgress';
import { useBenchmark, useStudio } from '../useStudio';
import styles from './shell.module.css';

/** The benchmark under way. */
export interface RunningBenchmark {
  readonly doing: string;
  /** 0…1. */
  readonly share: number;
  readonly secondsLeft: number | undefined;
}

export function useBenchmarkJob(): RunningBenchmark | undefined {
  const run = useBenchmark((state) => state.run);
  const progress = run.status === 'running' ? run.progress : undefined;
  const { share, secondsLeft } = useBenchmarkProgress(progress);
  if (run.status === 'waiting') return { doing: 'waiting for the GPU', share: 0, secondsLeft: undefined };
  if (run.status !== 'running') return undefined;
  return {
    doing: progress ? `${progress.step} of ${progress.steps}` : 'opening the GPU',
    share,
    secondsLeft,
  };
}

/** One line of the status bar: what is measured, bar, time left, cancel. */
export function BenchmarkJobLine({ job: { doing, share, secondsLeft } }: { job: RunningBenchmark }) {
  const { benchmark } = useStudio();
  return (
    <div className={styles.job}>
      <a className={styles.jobName} href={addressOf('system')}>
        Benchmark
      </a>
      <span className={styles.quiet}>{doing}</span>
      <Progress
        className={styles.jobBar}
        value={100 * share}
        size="sm"
        aria-label="Progress of the benchmark, in the jobs"
      />
      <span className={styles.quiet}>
        {formatPercent(share)}
        {secondsLeft !== undefined && `, ${formatSeconds(secondsLeft)} left`}
      </span>
      <Tooltip label="Cancel the benchmark">
        <ActionIcon
          variant="subtle"
          color="gray"
          aria-label="Cancel the benchmark"
          onClick={benchmark.cancel}
        >
          <IconX size={17} />
        </ActionIcon>
      </Tooltip>
    </div>
  );
}
