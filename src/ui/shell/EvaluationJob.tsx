import { ActionIcon, Progress, Tooltip } from '@mantine/core';
import { IconX } from '@tabler/icons-react';
import type { ChoicesState } from '@/app/choose/choiceStore';
import type { RunningEvaluation } from '@/app/evaluate/evaluationStore';
import { formatPercent } from '../formats';
import { addressOf } from '../route';
import { useStudio } from '../useStudio';
import styles from './shell.module.css';

/** One line of the status bar: what is evaluated, bar, cancel. */
export function EvaluationJobLine({ job: { id, title, progress } }: { job: RunningEvaluation }) {
  const { evaluations } = useStudio();
  const { stage, share, caseId, label } = progress;
  const doing = caseId ? `${stage} ${caseId}` : stage;
  return (
    <JobLine
      name={title}
      address={addressOf('evaluate', id)}
      doing={label ? `${doing}, label ${label.number} of ${label.count} (${label.name})` : doing}
      share={share}
      what="evaluation"
      onCancel={() => evaluations.cancel()}
    />
  );
}

/** The same for the choice of a dataset's best configuration. */
export function ChoiceJobLine({ job }: { job: NonNullable<ChoicesState['running']> }) {
  const { choices } = useStudio();
  const { datasetName, progress } = job;
  return (
    <JobLine
      name={datasetName.replace(/^Dataset\d+_/, '')}
      address={addressOf('choose', datasetName)}
      doing="Finding the best configuration"
      share={progress?.share ?? 0}
      what="choice"
      onCancel={() => choices.cancel()}
    />
  );
}

interface JobLineProps {
  readonly name: string;
  readonly address: string;
  readonly doing: string;
  /** 0…1. */
  readonly share: number;
  readonly what: string;
  readonly onCancel: () => void;
}

function JobLine({ name, address, doing, share, what, onCancel }: JobLineProps) {
  return (
    <div className={styles.job}>
      <a className={styles.jobName} href={address} title={name}>
        {name}
      </a>
      <span className={styles.quiet}>{doing}</span>
      <Progress
        className={styles.jobBar}
        value={100 * share}
        size="sm"
        aria-label={`Progress of the ${what}, in the jobs`}
      />
      <span className={styles.quiet}>{formatPercent(share)}</span>
      <Tooltip label={`Cancel the ${what}`}>
        <ActionIcon variant="subtle" color="gray" aria-label={`Cancel the ${what}`} onClick={onCancel}>
          <IconX size={17} />
        </ActionIcon>
      </Tooltip>
    </div>
  );
}
