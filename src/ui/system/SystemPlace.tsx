import { Button, CopyButton, Group, Progress, Text, Title } from '@mantine/core';
import { Fragment, useEffect, useState } from 'react';
import { formatBytes } from '@/shared/numeric';
import { GpuNotice } from '../components/GpuNotice';
import { formatCount } from '../formats';
import {
  useDatasets,
  useEvaluations,
  useLibrary,
  useQueue,
  useStudio,
  useSystem,
  useTrainings,
} from '../useStudio';
import { Benchmark } from './Benchmark';
import styles from './system.module.css';
import { offlineReadiness, systemReport } from './systemReport';

/** This computer: GPU, storage, privacy; and a report to paste into a question. */
export default function SystemPlace() {
  const { system } = useStudio();
  const state = useSystem((all) => all);
  const kept = useKeptThings();
  // biome-ignore lint/correctness/useExhaustiveDependencies: what was added or removed takes another part of the storage
  useEffect(() => void system.measureStorageParts(), [system, kept]);
  return (
    <div className={styles.place}>
      <Group justify="space-between" mb="md">
        <Title order={1} fz={22}>
          System
        </Title>
        <CopyButton value={systemReport(state)}>
          {({ copied, copy }) => (
            <Button size="sm" variant="default" onClick={copy}>
              {copied ? 'Copied' : 'Copy report'}
            </Button>
          )}
        </CopyButton>
      </Group>
      <GpuNotice />
      <div className={styles.grid}>
        <GpuCard />
        <StorageCard />
        <PrivacyCard />
      </div>
      <Benchmark />
    </div>
  );
}

/** Changes whenever something kept comes or goes. */
function useKeptThings(): string {
  const ids = [
    useLibrary(({ models }) => models.map(({ id }) => id)),
    useQueue(({ cases }) => cases.map(({ id, result }) => `${id} ${result?.finishedAt}`)),
    useDatasets(({ datasets }) =>
      datasets.map(({ name, preprocessedBytes }) => `${name} ${preprocessedBytes}`),
    ),
    useTrainings(({ runs }) => runs.map(({ id }) => id)),
    useEvaluations(({ evaluations }) => evaluations.map(({ id }) => id)),
  ];
  return ids.flat().join();
}

function GpuCard() {
  const gpu = useSystem((state) => state.gpu);
  if (gpu.status !== 'ready') {
    return (
      <section className={styles.card} aria-label="GPU">
        <h2>GPU</h2>
        <Text size="sm">{gpu.status === 'opening' ? 'Looking …' : gpu.reason}</Text>
      </section>
    );
  }
  const { facts, limits } = gpu.report;
  const has = (is: boolean) => (is ? 'yes' : 'no');
  return (
    <section className={styles.card} aria-label="GPU">
      <h2>GPU</h2>
      <dl>
        <dt>Adapter</dt>
        <dd>{facts.description}</dd>
        <dt>Vendor, architecture</dt>
        <dd>{[facts.vendor, facts.architecture].filter(Boolean).join(', ') || 'not reported'}</dd>
        <dt title="A GPU emulated on the CPU: correct, and many times slower">Software adapter</dt>
        <dd>{has(facts.isSoftware)}</dd>
        <dt title="Arithmetic in 16 bits, up to twice as fast where the GPU has it">shader-f16</dt>
        <dd>{has(facts.hasF16)}</dd>
        <dt title="Threads of one group exchange values directly">Subgroups</dt>
        <dd>{has(facts.hasSubgroups)}</dd>
        <dt>Timestamps</dt>
        <dd>{has(facts.hasTimestamps)}</dd>
        <dt title="No single buffer can be larger">Largest buffer</dt>
        <dd>{formatBytes(limits.maxBufferSize)}</dd>
        <dt title="No kernel can see more of one buffer at once">Largest binding</dt>
        <dd>{formatBytes(limits.maxStorageBufferBindingSize)}</dd>
        <dt>Workgroup memory</dt>
        <dd>{formatBytes(limits.maxComputeWorkgroupStorageSize)}</dd>
        <dt>Threads per workgroup</dt>
        <dd>{formatCount(limits.maxComputeInvocationsPerWorkgroup)}</dd>
      </dl>
    </section>
  );
}

function StorageCard() {
  const { system } = useStudio();
  const { storage, parts } = useSystem(({ storage, storageParts }) => ({ storage, parts: storageParts }));
  const [wasRefused, setWasRefused] = useState(false);
  if (!storage) return null;
  const { quotaBytes, isPersistent } = storage;
  // The browser's own figure may lag behind what is there.
  const usedBytes = Math.max(storage.usedBytes, parts?.reduce((sum, { bytes }) => sum + bytes, 0) ?? 0);
  return (
    <section className={styles.card} aria-label="Storage">
      <h2>Storage of this site</h2>
      <dl>
        <dt>Used</dt>
        <dd>
          {formatBytes(usedBytes)} of {formatBytes(quotaBytes)}
        </dd>
        {parts
          ?.filter(({ bytes }) => bytes > 0)
          .map(({ title, meaning, bytes }) => (
            <Fragment key={title}>
              <dt className={styles.part} title={meaning}>
                {title}
              </dt>
              <dd>{formatBytes(bytes)}</dd>
            </Fragment>
          ))}
        <dt title="Without it a browser short of disk space may clear this site by itself">Persistent</dt>
        <dd>{isPersistent ? 'yes' : 'no'}</dd>
      </dl>
      <Progress
        value={(100 * usedBytes) / Math.max(quotaBytes, 1)}
        size="sm"
        mt="sm"
        aria-label="Storage used"
      />
      {!isPersistent && (
        <Group mt="sm" gap="xs">
          <Button
            size="xs"
            variant="light"
            onClick={() => void system.persist().then((granted) => setWasRefused(!granted))}
          >
            Make persistent
          </Button>
          {wasRefused && (
            <Text size="xs" c="dimmed">
              The browser declined. Bookmark or install the site, then try again.
            </Text>
          )}
        </Group>
      )}
    </section>
  );
}

function PrivacyCard() {
  const requests = useSystem((state) => state.requestsSinceLoad);
  const load = useSystem((state) => state.load);
  return (
    <section className={styles.card} aria-label="Privacy">
      <h2>Privacy</h2>
      <dl>
        <dt title="All of nnStudio is fetched when the page loads; afterwards it needs no network">
          Ready for offline use
        </dt>
        <dd>{offlineReadiness(load)}</dd>
        <dt title="Of the page and all its background workers">Requests since the page was loaded</dt>
        <dd>{formatCount(requests)}</dd>
        <dt title="Shared memory and exact timers; needs the two headers COOP and COEP">
          Cross-origin isolated
        </dt>
        <dd>{crossOriginIsolated ? 'yes' : 'no'}</dd>
      </dl>
      <Text size="sm" mt="sm">
        Images, models and results never leave this computer. The page's Content-Security-Policy forbids every
        connection to another place.
      </Text>
    </section>
  );
}
