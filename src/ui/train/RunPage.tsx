import { Alert, Anchor, Button, Group, Select, Text } from '@mantine/core';
import { useState } from 'react';
import type { TrainingRecord } from '@/app/train/trainingRecord';
import { ErrorNote } from '../components/ErrorNote';
import { foldText, scheduleText } from '../components/trainFormats';
import { addressOf } from '../route';
import { useBenchmark, useStudio, useTrainings } from '../useStudio';
import { LiveCase } from './LiveCase';
import { RunActions } from './RunActions';
import { RunCurves } from './RunCurves';
import { RunFigures } from './RunFigures';
import { RunLog } from './RunLog';
import { RunProgress } from './RunProgress';
import { RunState } from './RunState';
import styles from './train.module.css';
import { ValidationTable } from './ValidationTable';

/** One run: what it does, its figures and curves, and what it came to. */
export function RunPage({ run }: { run: TrainingRecord }) {
  const live = useTrainings((state) => (state.live?.id === run.id ? state.live : undefined));
  const { order } = run;
  return (
    <article className={styles.page} aria-label={`Training ${run.id}`}>
      <header className={styles.head}>
        <div className={styles.names}>
          <h2>
            {order.configurationName}, {foldText(order.fold)} <RunState run={run} live={live} />
          </h2>
          <p>
            <a href={addressOf('data', order.datasetName)}>{order.datasetName}</a>,{' '}
            <a href={addressOf('plan', order.datasetName)}>{order.plansName}</a> · {order.trainerName} ·{' '}
            {scheduleText(order.schedule)} · {run.id}
          </p>
        </div>
        <RunActions run={run} live={live} />
      </header>
      <Notices run={run} trouble={live?.trouble} />
      {live && <RunProgress run={run} live={live} />}
      <RunFigures run={run} live={live} />
      {run.validation && <ValidationTable run={run} validation={run.validation} />}
      <Curves run={run} />
      {run.state.status === 'running' && live && !run.isTrained && <LiveCase run={run} />}
      {run.start && <RunLog run={run} />}
    </article>
  );
}

/** Yellow text on yellow is hard to read. */
const PLAIN_TITLE = { title: styles.plainTitle };

/** A benchmark has the GPU, or is next to have it. */
function BenchmarkNotice() {
  const { benchmark } = useStudio();
  const isMeasuring = useBenchmark(({ run }) => run.status === 'waiting' || run.status === 'running');
  if (!isMeasuring) return null;
  return (
    <Alert
      variant="light"
      color="accent"
      mb="md"
      classNames={PLAIN_TITLE}
      title="This begins when the benchmark is done"
    >
      <Group gap="sm">
        <Text size="sm">
          Running both distorts results; see it under{' '}
          <Anchor inherit underline="always" href={addressOf('system')}>
            System
          </Anchor>
          .
        </Text>
        <Button size="compact-sm" variant="default" onClick={benchmark.cancel}>
          Cancel the benchmark
        </Button>
      </Group>
    </Alert>
  );
}

function isWarning(notice: string): boolean {
  return notice.startsWith('Warning');
}

function Notices({ run, trouble }: { run: TrainingRecord; trouble: string | undefined }) {
  const { state, order, id } = run;
  return (
    <>
      {state.status === 'waiting' && <BenchmarkNotice />}
      {state.status === 'interrupted' && (
        <Alert
          variant="light"
          color="yellow"
          mb="md"
          classNames={PLAIN_TITLE}
          title="The tab was closed or reloaded during training"
        >
          <Text size="sm">
            Nothing is lost but the steps since its last checkpoint; from there it goes on to the bit as if
            nothing had happened.
          </Text>
        </Alert>
      )}
      {state.status === 'failed' && (
        <div className={styles.notice}>
          <ErrorNote
            title="The training stopped"
            name={state.name}
            message={state.message}
            where={`${id}, ${order.datasetName} ${order.configurationName}`}
          />
        </div>
      )}
      {run.notices?.map((notice) => (
        <Alert
          key={notice}
          variant="light"
          color={isWarning(notice) ? 'yellow' : 'accent'}
          mb="md"
          role="status"
        >
          {notice}
        </Alert>
      ))}
      {trouble && (
        <Alert
          variant="light"
          color="yellow"
          mb="md"
          classNames={PLAIN_TITLE}
          title="The newest checkpoint could not be kept"
          role="alert"
        >
          {trouble} The training goes on, and the checkpoint before it is still there.
        </Alert>
      )}
    </>
  );
}

/** The run's curves, and which other run's to lay over them. */
function Curves({ run }: { run: TrainingRecord }) {
  const runs = useTrainings((state) => state.runs);
  const [otherId, setOtherId] = useState<string | null>(null);
  const others = runs.filter(({ id, epochs }) => id !== run.id && epochs.length > 0);
  const other = others.find(({ id }) => id === otherId);
  return (
    <section aria-label="Curves">
      <Group justify="space-between" align="center" mb={8}>
        <h3 className={styles.sectionName}>Curves</h3>
        {others.length > 0 && (
          <Select
            size="xs"
            w={270}
            placeholder="Compare with another run"
            aria-label="Compare with another run"
            clearable
            data={others.map(({ id, order }) => ({
              value: id,
              label: `${id}: ${order.configurationName}, ${foldText(order.fold)}, ${order.trainerName}`,
            }))}
            value={otherId}
            onChange={setOtherId}
          />
        )}
      </Group>
      <RunCurves run={run} other={other} />
    </section>
  );
}
