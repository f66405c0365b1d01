import { Button, Progress } from '@mantine/core';
import {
  IconAlertTriangle,
  IconCircle,
  IconCircleCheckFilled,
  IconClockHour4,
  IconLoader2,
} from '@tabler/icons-react';
import type { DatasetRecord, DatasetTask } from '@/storage/datasetRecord';
import {
  type DatasetStep,
  hasNoImages,
  remainingTasks,
  type StepKind,
  type StepState,
  stepsOf,
} from '../components/datasetSteps';
import { ErrorNote } from '../components/ErrorNote';
import { formatPercent } from '../formats';
import { goTo } from '../route';
import { useDatasets, useStudio } from '../useStudio';
import styles from './data.module.css';
import { PreprocessButton } from './PreprocessButton';

/** Check → Fingerprint → Plan → Preprocess, each with where it stands and the one thing to do. */
export function StepRow({ dataset }: { dataset: DatasetRecord }) {
  const { running, failures, outcomes } = useDatasets((state) => state);
  const failure = failures[dataset.name];
  const steps = stepsOf(dataset, { running, failure });
  const failed = outcomes[dataset.name]?.failures ?? [];
  return (
    <section className={styles.stepRow} aria-label="Steps">
      <ol className={styles.steps}>
        {steps.map((step) => (
          <StepBox key={step.kind} step={step} dataset={dataset} />
        ))}
      </ol>
      {failure && (
        <ErrorNote
          title={`${steps.find(({ kind }) => kind === failure.kind)?.name} did not get done`}
          name={failure.name}
          message={failure.message}
          where={dataset.name}
        />
      )}
      {failed.length > 0 && (
        <ErrorNote
          title={`${failed.length} preprocessed cases failed`}
          name="SomeFailed"
          message={failed.map(({ configuration, message }) => `${configuration}: ${message}`).join('\n')}
          where={dataset.name}
        />
      )}
    </section>
  );
}

const ICONS: Readonly<Record<StepState, typeof IconCircle>> = {
  done: IconCircleCheckFilled,
  failed: IconAlertTriangle,
  running: IconLoader2,
  waiting: IconClockHour4,
  next: IconCircle,
  later: IconCircle,
};

function StepBox({ step, dataset }: { step: DatasetStep; dataset: DatasetRecord }) {
  const Icon = ICONS[step.state];
  return (
    <li className={styles.step} data-state={step.state} aria-label={step.name}>
      <h2 className={styles.stepName} title={step.meaning}>
        <Icon size={17} aria-hidden />
        {step.name}
      </h2>
      {step.state !== 'running' && <span className={styles.stepText}>{step.text}</span>}
      <div className={styles.stepAction}>
        <StepAction step={step} dataset={dataset} />
      </div>
    </li>
  );
}

function StepAction({
  step: { kind, state, needsLabels },
  dataset,
}: {
  step: DatasetStep;
  dataset: DatasetRecord;
}) {
  const { datasets } = useStudio();
  switch (state) {
    case 'running':
      return <Running name={dataset.name} />;
    case 'waiting':
      return (
        <Button size="compact-xs" variant="default" onClick={() => void datasets.cancel(dataset.name)}>
          Cancel
        </Button>
      );
    case 'later':
      return null;
    default:
      if (hasNoImages(dataset) && kind !== 'plan') return null;
      return <StepButton kind={kind} dataset={dataset} isNext={state === 'next' && !needsLabels} />;
  }
}

function Running({ name }: { name: string }) {
  const { datasets } = useStudio();
  const progress = useDatasets((state) => state.running?.progress);
  const share = progress?.share ?? 0;
  return (
    <>
      <span className={styles.stepText}>{progress?.stage ?? 'Getting ready'}</span>
      <Progress value={100 * share} size="sm" my={6} aria-label="Progress of this step" />
      <div className={styles.stepFoot}>
        <span className={styles.stepText}>
          {progress?.total ? `${progress.done} of ${progress.total}` : formatPercent(share)}
        </span>
        <Button size="compact-xs" variant="default" onClick={() => void datasets.cancel(name)}>
          Cancel
        </Button>
      </div>
    </>
  );
}

interface StepButtonProps {
  readonly kind: StepKind;
  readonly dataset: DatasetRecord;
  readonly isNext: boolean;
}

/** What to do about a step that stands still: the next one prominently, done ones quietly again. */
function StepButton({ kind, dataset, isNext }: StepButtonProps) {
  const { datasets } = useStudio();
  const look = { size: 'compact-sm', variant: isNext ? 'filled' : 'subtle' } as const;
  const start = (...tasks: readonly DatasetTask[]) => void datasets.enqueue(dataset.name, tasks);
  switch (kind) {
    case 'check':
      return (
        <Button {...look} onClick={() => start({ kind })}>
          {dataset.check ? 'Check again' : 'Check the dataset'}
        </Button>
      );
    case 'fingerprint':
      if (dataset.hasFingerprint) {
        return (
          <Button {...look} onClick={() => start({ kind })}>
            Recompute
          </Button>
        );
      }
      return (
        <div className={styles.stepFoot}>
          <Button {...look} onClick={() => start({ kind })}>
            Compute fingerprint
          </Button>
          <Button
            size="compact-sm"
            variant="subtle"
            title="Fingerprint, plans by nnU-Net's default planner, preprocessing, one after the other"
            onClick={() => start(...remainingTasks(dataset))}
          >
            All steps
          </Button>
        </div>
      );
    case 'plan':
      if (dataset.plans.length > 0) {
        return (
          <Button {...look} onClick={() => goTo('plan', dataset.name)}>
            View plans
          </Button>
        );
      }
      return (
        <div className={styles.stepFoot}>
          <Button {...look} onClick={() => start({ kind, planner: 'ExperimentPlanner' })}>
            Plan
          </Button>
          <Button size="compact-sm" variant="subtle" onClick={() => goTo('plan', dataset.name)}>
            With settings
          </Button>
        </div>
      );
    case 'preprocess':
      return <PreprocessButton dataset={dataset} isNext={isNext} />;
    default:
      return kind satisfies never;
  }
}
