import { Badge, Button, Group } from '@mantine/core';
import { IconAlertTriangle, IconArrowRight, IconCheck, IconCircle, IconLoader2 } from '@tabler/icons-react';
import { formatBytes } from '@/shared/numeric';
import type { DatasetRecord } from '@/storage/datasetRecord';
import { type DatasetStep, type StepState, stepsOf } from '../components/datasetSteps';
import { formatCount } from '../formats';
import { LabelNames } from '../labels/LabelNames';
import { addressOf } from '../route';
import { useDatasets } from '../useStudio';
import styles from './data.module.css';
import { foregroundLabels } from './foregroundLabels';

/** One dataset: what it is, how far it is, what to do next. */
export function DatasetCard({ dataset }: { dataset: DatasetRecord }) {
  const { running, failures } = useDatasets(({ running, failures }) => ({ running, failures }));
  const { name, title, caseCount, unlabelled = 0, channelNames, rawBytes, preprocessedBytes } = dataset;
  const steps = stepsOf(dataset, { running, failure: failures[name] });
  return (
    <article className={styles.card} aria-label={title}>
      <Group gap={8}>
        <a className={styles.cardLink} href={addressOf('data', name)} title={title}>
          {title}
        </a>
        <Badge size="sm" variant="light" color="gray" tt="none">
          {name.slice(0, 10)}
        </Badge>
      </Group>
      <LabelNames labels={foregroundLabels(dataset)} ignoreLabel={dataset.ignoreLabel} />
      <dl className={styles.facts}>
        <dt>Cases</dt>
        <dd>
          {formatCount(caseCount)}
          {unlabelled > 0 &&
            (unlabelled === caseCount ? ', unlabelled' : `, ${formatCount(unlabelled)} unlabelled`)}
        </dd>
        <dt>Channels</dt>
        <dd>{channelNames.join(', ')}</dd>
        <dt title="Images and label maps as they were imported">Raw</dt>
        <dd>{formatBytes(rawBytes)}</dd>
        <dt title="Fingerprint, plans and arrays for training">Preprocessed</dt>
        <dd>{preprocessedBytes > 0 ? formatBytes(preprocessedBytes) : 'nothing'}</dd>
      </dl>
      <ol className={styles.dots} aria-label="Steps">
        {steps.map((step) => (
          <StepDot key={step.kind} step={step} />
        ))}
      </ol>
      <Button
        component="a"
        href={addressOf('data', name)}
        size="xs"
        variant="light"
        mt="auto"
        rightSection={<IconArrowRight size={15} aria-hidden />}
      >
        {invitation(steps)}
      </Button>
    </article>
  );
}

function invitation(steps: readonly DatasetStep[]): string {
  const bad = steps.find(({ state }) => state === 'failed');
  if (bad?.kind === 'check') return 'See what is wrong';
  if (bad) return `${bad.name} again`;
  if (steps.some(({ state }) => state === 'running')) return 'Watch';
  const next = steps.find(({ state }) => state === 'next');
  if (next?.needsLabels) return 'Add label maps';
  return next ? `Next: ${next.name}` : 'Open';
}

const ICONS: Readonly<Record<StepState, typeof IconCheck>> = {
  done: IconCheck,
  failed: IconAlertTriangle,
  running: IconLoader2,
  waiting: IconLoader2,
  next: IconCircle,
  later: IconCircle,
};

function StepDot({ step: { name, state, text } }: { step: DatasetStep }) {
  const Icon = ICONS[state];
  return (
    <li data-state={state} title={text}>
      <Icon size={14} aria-hidden />
      {name}
      <span className="visuallyHidden">: {text}</span>
    </li>
  );
}
