import { Alert, Anchor, Button, CopyButton, Group, Progress, Select, Text } from '@mantine/core';
import { IconCheck, IconCopy, IconDownload, IconPlayerPlay } from '@tabler/icons-react';
import { useState } from 'react';
import type { GpuUse } from '@/app/gpuLocks';
import { defaultLimitSeconds } from '@/app/system/benchmarkEstimate';
import { adapterName, type BenchmarkReport, benchmarkText } from '@/app/system/benchmarkReport';
import type { BenchmarkProgress } from '@/workers/system/api';
import { saveFile } from '../files/saveFile';
import { formatPercent, formatSeconds } from '../formats';
import { addressOf } from '../route';
import { useBenchmarkProgress } from '../useBenchmarkProgress';
import { useBenchmark, useStudio, useSystem, useTrainings } from '../useStudio';
import { BenchmarkFigures } from './BenchmarkFigures';
import styles from './benchmark.module.css';

/** Measures this GPU, and shows the last report. */
export function Benchmark() {
  const { run, report } = useBenchmark((state) => state);
  const isBusy = run.status === 'waiting' || run.status === 'running';
  return (
    <section className={styles.benchmark} aria-label="Benchmark">
      <h2>Benchmark this GPU</h2>
      <Text size="sm" c="dimmed" maw={760}>
        Runs networks of the sizes nnU-Net plans, forward and in training, on made-up data, and compares them
        with the fastest arithmetic this GPU does. Nothing is sent anywhere; the report is yours to copy.
      </Text>
      {run.status === 'failed' && (
        <Alert color="red" variant="light" mt="sm" title="The benchmark could not finish" maw={760}>
          {run.message}
        </Alert>
      )}
      {isBusy ? (
        <Running
          progress={run.status === 'running' ? run.progress : undefined}
          waitsFor={run.status === 'waiting' ? run.waitsFor : undefined}
        />
      ) : (
        <Start hasReport={report !== undefined} />
      )}
      {!isBusy && report && <Report report={report} />}
      <Help />
    </section>
  );
}

/** Time limits to choose from, seconds; `none` has no end but its own. */
const LIMITS = [
  { value: '60', label: '1 minute' },
  { value: '300', label: '5 minutes' },
  { value: '1800', label: '30 minutes' },
  { value: 'none', label: 'None: everything' },
];

function Start({ hasReport }: { hasReport: boolean }) {
  const { benchmark } = useStudio();
  const gpu = useSystem((state) => state.gpu);
  const facts = gpu.status === 'ready' ? gpu.report.facts : undefined;
  const usual = facts && `${defaultLimitSeconds(facts)}`;
  const [chosen, setChosen] = useState<string | undefined>(undefined);
  const limit = chosen ?? usual ?? '300';
  return (
    <Group mt="md" gap="sm" align="end">
      <Select
        label="Time limit"
        description="What does not fit is left out"
        size="sm"
        w={190}
        data={LIMITS}
        value={limit}
        allowDeselect={false}
        onChange={(value) => setChosen(value ?? undefined)}
      />
      <Button
        leftSection={<IconPlayerPlay size={16} aria-hidden />}
        variant={hasReport ? 'default' : 'filled'}
        disabled={!facts}
        onClick={() => void benchmark.start(limit === 'none' ? Number.POSITIVE_INFINITY : Number(limit))}
      >
        {hasReport ? 'Measure again' : 'Benchmark this GPU'}
      </Button>
      {facts?.isSoftware && (
        <Text size="xs" c="dimmed" maw={360}>
          This is a software adapter: the processor imitates a GPU, so only the small networks fit into a
          minute.
        </Text>
      )}
    </Group>
  );
}

interface RunningProps {
  readonly progress: BenchmarkProgress | undefined;
  readonly waitsFor: GpuUse | undefined;
}

function Running({ progress, waitsFor }: RunningProps) {
  const { benchmark } = useStudio();
  const { share, secondsLeft } = useBenchmarkProgress(progress);
  return (
    <>
      <div className={styles.running}>
        <div className={styles.doing}>
          <span>
            {waitsFor && <Waiting waitsFor={waitsFor} />}
            {!waitsFor &&
              (progress ? `${progress.step} of ${progress.steps}: ${progress.doing}` : 'Opening the GPU')}
          </span>
          <span className={styles.left}>
            {secondsLeft !== undefined && `${formatPercent(share)}, about ${formatSeconds(secondsLeft)} left`}
          </span>
        </div>
        <Progress value={100 * share} size="sm" animated aria-label="Progress of the benchmark" />
        <Button size="xs" variant="default" mt="sm" onClick={benchmark.cancel}>
          Cancel
        </Button>
        <Text size="xs" c="dimmed" mt="xs">
          For true figures leave other programs that use the GPU alone, and this page in front.
        </Text>
      </div>
      {progress && <BenchmarkFigures peak={progress.peak} rows={progress.rows} />}
    </>
  );
}

/** Why it has not begun, and what would let it. */
function Waiting({ waitsFor }: { waitsFor: GpuUse }) {
  const training = useTrainings(({ live }) => live?.id);
  if (waitsFor === 'segmenting') return 'Waiting until the GPU is free: cases are being segmented';
  return (
    <>
      Waiting until the GPU is free: it is training,{' '}
      <Anchor inherit underline="always" href={addressOf('train', training)}>
        {training ?? 'in another tab'}
      </Anchor>
      . Stopped there, it keeps a checkpoint to go on from.
    </>
  );
}

function Report({ report }: { report: BenchmarkReport }) {
  const { figures, environment } = report;
  const text = benchmarkText(report);
  const date = new Date(figures.startedAt);
  return (
    <div className={styles.report}>
      <Group justify="space-between" align="end" gap="sm">
        <div>
          <Text fw={600} size="sm">
            {adapterName(figures)}
          </Text>
          <Text size="xs" c="dimmed">
            Measured {date.toLocaleString()} in {formatSeconds(figures.seconds)}, nnStudio{' '}
            {environment.version}, {environment.runtime}
          </Text>
        </div>
        <Group gap="xs">
          <CopyButton value={text}>
            {({ copied, copy }) => (
              <Button
                size="xs"
                leftSection={
                  copied ? <IconCheck size={15} aria-hidden /> : <IconCopy size={15} aria-hidden />
                }
                onClick={copy}
              >
                {copied ? 'Copied' : 'Copy the benchmark'}
              </Button>
            )}
          </CopyButton>
          <Button
            size="xs"
            variant="default"
            leftSection={<IconDownload size={15} aria-hidden />}
            onClick={() =>
              saveFile({
                name: `nnstudio-benchmark-${date.toISOString().slice(0, 10)}.md`,
                content: new Blob([text], { type: 'text/markdown' }),
              })
            }
          >
            Save
          </Button>
        </Group>
      </Group>
      <BenchmarkFigures peak={figures.peak} rows={figures.rows} />
    </div>
  );
}

function Help() {
  return (
    <div className={styles.help}>
      <details>
        <summary>What the figures mean</summary>
        <dl>
          <dt>Multiply-add peak</dt>
          <dd>
            What this GPU does when nothing holds it up: long chains of multiplications and additions that
            need no memory. Measured, not from a data sheet. A network never reaches all of it.
          </dd>
          <dt>Memory copy</dt>
          <dd>
            How fast numbers move through the GPU's memory, those read and those written counted together.
          </dd>
          <dt>Forward, training step</dt>
          <dd>
            Forward is what segmenting one batch of patches takes. A training step also computes how every
            weight should change, and changes it; about three times the work.
          </dd>
          <dt>Time</dt>
          <dd>The median of several runs after warming up, one run right after the other, as in training.</dd>
          <dt>GFLOP/s and share of the peak</dt>
          <dd>
            Billions of operations a second in convolutions, and how much of the peak that is. A low share on
            small networks means that the GPU waits between kernels.
          </dd>
          <dt>Dispatches</dt>
          <dd>Kernels started in one run.</dd>
          <dt>Memory</dt>
          <dd>
            What the run takes of the GPU's memory. It is planned before anything is allocated; the report
            holds both the planned and the allocated bytes.
          </dd>
          <dt>Left out</dt>
          <dd>
            What would not end within the time limit, with the time that it would take, or what this GPU has
            no room for.
          </dd>
        </dl>
      </details>
      <details>
        <summary>How to send the figures</summary>
        <p>
          Copy the benchmark and paste it into an issue of the project or a message to whoever asked you for
          it. It is plain text that also shows as a table on GitHub. It names this GPU, browser and operating
          system, and holds nothing about your images, models or files. Figures of real GPUs help most: Apple,
          AMD, Intel, NVIDIA.
        </p>
      </details>
    </div>
  );
}
