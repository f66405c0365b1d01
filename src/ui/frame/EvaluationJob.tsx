import { ActionIcon, Progress, Tooltip } from '@mantine/core';
import { IconX } from '@tabler/icons-react';
import type { RunningEvaluation } from '@/app/evaluationStore';
import { formatPercent } from '../formats';
import { addressOf } from '../route';
import { useStudio } from '../useStudio';
import styles from './frame.module.css';

/** One line of the job strip: what is judged, bar, cancel. */
export function EvaluationJobLine({ job: { id, title, progress } }: { job: RunningEvaluation }) {
  const { evaluations } = useStudio();
  const { stage, share, caseId } = progress;
  return (
    <div className={styles.job}>
      <a className={styles.jobName} href={addressOf('evaluate', id)} title={title}>
        {title}
      </a>
      <span className={styles.quiet}>
        {stage}
        {caseId && ` ${caseId}`}
      </span>
      <Progress
        className={styles.jobBar}
        value={100 * share}
        size="sm"
        aria-label="Progress of the evaluation"
      />
      <span className={styles.quiet}>{formatPercent(share)}</span>
      <Tooltip label="Cancel the evaluation">
        <ActionIcon
          variant="subtle"
          color="gray"
          aria-label="Cancel the evaluation"
          onClick={() => evaluations.cancel()}
        >
          <IconX size={17} />
        </ActionIcon>
      </Tooltip>
    </div>
  );
}
