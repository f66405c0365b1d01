import { ActionIcon, Button, Popover, Progress, Stack, Text, Tooltip } from '@mantine/core';
import { IconListDetails, IconX } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import type { RunningCase } from '@/app/segment/caseQueueStore';
import type { CaseRecord } from '@/storage/caseRecord';
import { overallShare, stageText } from '../components/stages';
import { formatPercent, formatSeconds, plural } from '../formats';
import { useChoices, useEvaluations, useQueue, useSelection, useStudio } from '../useStudio';
import { BenchmarkJobLine, useBenchmarkJob } from './BenchmarkJob';
import { DatasetJobLine, useDatasetJob } from './DatasetJob';
import { ChoiceJobLine, EvaluationJobLine } from './EvaluationJob';
import styles from './shell.module.css';
import { TrainingJobLine, useTrainingJob } from './TrainingJob';

/** What runs now, how far it is, and how to stop it. */
export function StatusBar() {
  const { cases, running } = useQueue(({ cases, running }) => ({ cases, running }));
  const adding = useSelection((state) => state.adding);
  const waiting = cases.filter(({ run }) => run.status === 'queued').length;
  const current = cases.find(({ id }) => id === running?.id);
  const datasetJob = useDatasetJob();
  const benchmarkJob = useBenchmarkJob();
  const trainingJob = useTrainingJob();
  const evaluation = useEvaluations((state) => state.running);
  const choice = useChoices((state) => state.running);
  useTitle(
    current
      ? { name: current.caseId, share: overallShare(running?.progress) }
      : datasetJob
        ? { name: datasetJob.title, share: datasetJob.share }
        : benchmarkJob
          ? { name: 'benchmark', share: benchmarkJob.share }
          : trainingJob && {
              name: trainingJob.run.order.configurationName,
              share: trainingJob.progress.share,
            },
  );
  return (
    <section className={styles.strip} aria-label="Jobs">
      {adding && <Text size="xs">{adding} …</Text>}
      {datasetJob && <DatasetJobLine job={datasetJob} />}
      {running && current && <RunningJob running={running} current={current} waiting={waiting} />}
      {benchmarkJob && <BenchmarkJobLine job={benchmarkJob} />}
      {trainingJob && <TrainingJobLine job={trainingJob} />}
      {evaluation && <EvaluationJobLine job={evaluation} />}
      {choice && <ChoiceJobLine job={choice} />}
      {!running && !datasetJob && !benchmarkJob && !trainingJob && !evaluation && !choice && (
        <IdleLine cases={cases} waiting={waiting} />
      )}
    </section>
  );
}

function RunningJob(props: { running: RunningCase; current: CaseRecord; waiting: number }) {
  const { running, current, waiting } = props;
  const { queue } = useStudio();
  const { progress } = running;
  const share = overallShare(progress);
  const restarts = progress?.restarts ?? 0;
  return (
    <div className={styles.job}>
      <span className={styles.jobName} title={current.caseId}>
        {current.caseId}
      </span>
      <span className={styles.quiet}>{stageText(progress)}</span>
      <Progress
        className={styles.jobBar}
        value={share * 100}
        size="sm"
        aria-label={`Progress of ${current.caseId}`}
      />
      <span className={styles.quiet}>
        {formatPercent(share)}
        {progress?.secondsLeft !== undefined && `, ${formatSeconds(progress.secondsLeft)} left`}
        {progress?.secondsLeft !== undefined && progress.cascadeStage === 1 && ' in this stage'}
      </span>
      {restarts > 0 && <span className={styles.quiet}>restarted on a new GPU device</span>}
      {waiting > 0 && <span className={styles.quiet}>{plural(waiting, 'case')} waiting</span>}
      <JobLog running={running} current={current} />
      <Tooltip label="Cancel this case">
        <ActionIcon
          variant="subtle"
          color="gray"
          aria-label={`Cancel ${current.caseId}`}
          onClick={() => void queue.cancel(current.id)}
        >
          <IconX size={17} />
        </ActionIcon>
      </Tooltip>
    </div>
  );
}

function JobLog({ running, current }: { running: RunningCase; current: CaseRecord }) {
  const seconds = useElapsedSeconds(running.startedAt);
  const job = current.run.status === 'idle' ? undefined : current.run.job;
  if (!job) return null;
  const { settings } = job;
  return (
    <Popover position="top-end" withArrow shadow="md">
      <Popover.Target>
        <ActionIcon variant="subtle" color="gray" aria-label="Details of this job">
          <IconListDetails size={17} />
        </ActionIcon>
      </Popover.Target>
      <Popover.Dropdown>
        <Stack gap={4} fz="xs">
          <Text size="sm" fw={600}>
            {current.caseId}
          </Text>
          {job.previousStage && <span>First stage {job.previousStage.modelName}</span>}
          <span>Model {job.modelName}</span>
          <span>
            Folds {settings.folds.join(', ')}, step {settings.tileStepSize}, mirroring{' '}
            {settings.useMirroring ? 'on' : 'off'}, Gaussian {settings.useGaussian ? 'on' : 'off'}
          </span>
          <span>Running for {formatSeconds(seconds)}</span>
          <span>Device restarts: {running.progress?.restarts ?? 0}</span>
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}

function IdleLine({ cases, waiting }: { cases: readonly CaseRecord[]; waiting: number }) {
  const { queue } = useStudio();
  const done = cases.filter(({ result }) => result && 'job' in result).length;
  const failed = cases.filter(({ run }) => run.status === 'failed').length;
  const parts = [
    waiting > 0 && `${plural(waiting, 'case')} waiting for another tab of the studio`,
    done > 0 && plural(done, 'finished segmentation'),
    failed > 0 && `${failed} failed`,
  ].filter(Boolean);
  return (
    <>
      <span className={styles.quiet}>{parts.length > 0 ? parts.join(', ') : 'Nothing is running'}</span>
      {waiting > 0 && (
        <Button
          size="compact-xs"
          variant="subtle"
          onClick={() => {
            for (const { id, run } of cases) if (run.status === 'queued') void queue.cancel(id);
          }}
        >
          Cancel all
        </Button>
      )}
    </>
  );
}

function useElapsedSeconds(startedAt: number): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return Math.max(0, (now - startedAt) / 1000);
}

/** The tab says how far the work is, for people who went elsewhere. */
function useTitle(work: { readonly name: string; readonly share: number } | undefined): void {
  const title = work ? `${formatPercent(work.share)} ${work.name} · nnStudio` : 'nnStudio';
  useEffect(() => {
    document.title = title;
  }, [title]);
}
