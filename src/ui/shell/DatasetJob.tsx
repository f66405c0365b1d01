import { ActionIcon, Popover, Progress, Stack, Text, Tooltip } from '@mantine/core';
import { IconListDetails, IconX } from '@tabler/icons-react';
import type { DatasetsState } from '@/app/data/datasetStore';
import { formatCount, formatPercent, formatSeconds, plural } from '../formats';
import { addressOf } from '../route';
import { useDatasets, useStudio } from '../useStudio';
import styles from './shell.module.css';

/** What is done to datasets now; `undefined` when nothing is. */
export interface DatasetJob {
  readonly kind: 'import' | 'task';
  /** Of the dataset, or what the files are looked at for. */
  readonly name: string;
  readonly title: string;
  readonly stage: string;
  readonly share: number;
  readonly count: string | undefined;
  /** The case or file just finished. */
  readonly item: string | undefined;
  readonly startedAt: number;
}

/** A guess from less than this is none. */
const MIN_SHARE = 0.02;
const MIN_SECONDS = 2;

function datasetJobOf({
  running,
  importing,
  datasets,
}: Pick<DatasetsState, 'running' | 'importing' | 'datasets'>): DatasetJob | undefined {
  const work = importing ?? running;
  if (!work) return undefined;
  const { name, progress, startedAt } = work;
  return {
    kind: importing ? 'import' : 'task',
    name,
    title: datasets.find((dataset) => dataset.name === name)?.title ?? name,
    stage: progress?.stage ?? (importing ? 'Getting ready' : FIRST_STAGES[running?.task.kind ?? 'check']),
    share: progress?.share ?? 0,
    count: progress?.total
      ? `${formatCount(progress.done ?? 0)} of ${formatCount(progress.total)}`
      : undefined,
    item: progress?.item,
    startedAt,
  };
}

const FIRST_STAGES = {
  check: 'Checking',
  fingerprint: 'Taking the fingerprint',
  plan: 'Planning',
  preprocess: 'Preprocessing',
} as const;

export function useDatasetJob(): DatasetJob | undefined {
  const state = useDatasets(({ running, importing, datasets }) => ({ running, importing, datasets }));
  return datasetJobOf(state);
}

/** One line of the status bar: stage, bar, time left, cancel. */
export function DatasetJobLine({ job }: { job: DatasetJob }) {
  const { datasets } = useStudio();
  const waiting = useDatasets(
    ({ datasets, running }) =>
      datasets.filter(({ tasks, name }) => tasks.length > 0 && name !== running?.name).length,
  );
  const { kind, name, title, stage, share, count } = job;
  const seconds = (Date.now() - job.startedAt) / 1000;
  const left =
    share > MIN_SHARE && share < 1 && seconds > MIN_SECONDS ? (seconds * (1 - share)) / share : undefined;
  return (
    <div className={styles.job}>
      <a className={styles.jobName} href={addressOf('data', kind === 'task' ? name : undefined)} title={name}>
        {title}
      </a>
      <span className={styles.quiet}>
        {stage}
        {count && `, ${count}`}
      </span>
      <Progress className={styles.jobBar} value={100 * share} size="sm" aria-label={`Progress of ${title}`} />
      <span className={styles.quiet}>
        {formatPercent(share)}
        {left !== undefined && `, ${formatSeconds(left)} left`}
      </span>
      {waiting > 0 && <span className={styles.quiet}>{plural(waiting, 'dataset')} waiting</span>}
      <JobDetails job={job} seconds={seconds} />
      <Tooltip label={kind === 'import' ? 'Cancel this import' : 'Cancel this step'}>
        <ActionIcon
          variant="subtle"
          color="gray"
          aria-label={`Cancel ${title}`}
          onClick={() => (kind === 'import' ? datasets.cancelImport() : void datasets.cancel(name))}
        >
          <IconX size={17} />
        </ActionIcon>
      </Tooltip>
    </div>
  );
}

function JobDetails({ job, seconds }: { job: DatasetJob; seconds: number }) {
  const { kind, name, title, stage, count, item } = job;
  const waiting = useDatasets(({ datasets, running }) => {
    const tasks = datasets.find((one) => one.name === running?.name)?.tasks ?? [];
    return tasks.slice(1).map((task) => task.kind);
  });
  return (
    <Popover position="top-end" withArrow shadow="md">
      <Popover.Target>
        <ActionIcon variant="subtle" color="gray" aria-label="Details of this job">
          <IconListDetails size={17} />
        </ActionIcon>
      </Popover.Target>
      <Popover.Dropdown maw={340}>
        <Stack gap={4} fz="xs" style={{ overflowWrap: 'anywhere' }}>
          <Text size="sm" fw={600}>
            {kind === 'task' ? name : title}
          </Text>
          <span>
            {stage}
            {count && `, ${count}`}
          </span>
          {item && <span>Last: {item}</span>}
          <span>Running for {formatSeconds(seconds)}</span>
          {kind === 'task' && waiting.length > 0 && <span>Then: {waiting.join(', ')}</span>}
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}
