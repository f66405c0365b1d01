import { ActionIcon, Button, Group, Loader, Tooltip } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import {
  IconAlertTriangle,
  IconCircleCheck,
  IconCircleDashed,
  IconCircleMinus,
  IconClock,
  IconFileZip,
  IconPhoto,
  IconPlus,
  IconTrash,
  IconX,
} from '@tabler/icons-react';
import type { CaseRecord } from '@/storage/caseRecord';
import type { GivenFile } from '@/workers/files/api';
import { EditableName } from '../components/EditableName';
import { stageText } from '../components/stages';
import { FilePicker } from '../files/FilePickers';
import { addressOf } from '../route';
import { removeCase, saveAllSegmentations } from '../studioActions';
import { useQueue, useStudio } from '../useStudio';
import styles from './segment.module.css';

interface CaseListProps {
  readonly cases: readonly CaseRecord[];
  readonly currentId: string;
  readonly onFiles: (files: readonly GivenFile[]) => Promise<void>;
}

/** All cases with where they stand. */
export function CaseList({ cases, currentId, onFiles }: CaseListProps) {
  const studio = useStudio();
  const finished = cases.filter(({ result }) => result);
  return (
    <section className={styles.section} aria-label="Cases">
      <h2 className={styles.heading}>
        Cases
        <Group gap={6}>
          {finished.length > 1 && (
            <Button
              size="compact-xs"
              variant="default"
              leftSection={<IconFileZip size={14} aria-hidden />}
              onClick={() => void saveAllSegmentations(studio, finished)}
            >
              Save all {finished.length}
            </Button>
          )}
          <FilePicker onFiles={onFiles} size="compact-xs" leftSection={<IconPlus size={14} aria-hidden />}>
            Add
          </FilePicker>
        </Group>
      </h2>
      <ul className={styles.cases}>
        {cases.map((one) => (
          <CaseRow key={one.id} caseRecord={one} isCurrent={one.id === currentId} />
        ))}
      </ul>
    </section>
  );
}

function CaseRow({ caseRecord, isCurrent }: { caseRecord: CaseRecord; isCurrent: boolean }) {
  const studio = useStudio();
  const { id, caseId, run } = caseRecord;
  const isActive = run.status === 'queued' || run.status === 'running';
  const taken = useQueue(({ cases }) => cases.filter((one) => one.id !== id).map((one) => one.caseId));
  return (
    <li className={styles.case} data-selected={isCurrent || undefined}>
      <div className={styles.caseMain}>
        <EditableName
          name={caseId}
          rules={{ what: 'case', taken, isFileName: true }}
          onRename={(name) => studio.queue.rename(id, name)}
        >
          <a
            className={styles.caseLink}
            href={addressOf('segment', id)}
            aria-current={isCurrent || undefined}
          >
            <StateIcon status={run.status} />
            <span style={{ minWidth: 0 }}>
              <div className={styles.caseName} title={caseId}>
                {caseId}
              </div>
              <div className={styles.caseState}>
                <StateText caseRecord={caseRecord} />
              </div>
            </span>
          </a>
        </EditableName>
      </div>
      {isActive && (
        <Tooltip label={run.status === 'queued' ? 'Remove from queue' : 'Cancel'}>
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={`Cancel ${caseId}`}
            onClick={() => void studio.queue.cancel(id)}
          >
            <IconX size={16} />
          </ActionIcon>
        </Tooltip>
      )}
      {!isActive && (
        <Tooltip label="Remove">
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={`Remove ${caseId}`}
            onClick={() => void removeCase(studio, caseRecord, notifications)}
          >
            <IconTrash size={16} />
          </ActionIcon>
        </Tooltip>
      )}
    </li>
  );
}

function StateIcon({ status }: { status: CaseRecord['run']['status'] }) {
  const size = 18;
  switch (status) {
    case 'idle':
      return <IconPhoto size={size} stroke={1.6} aria-hidden />;
    case 'queued':
      return <IconClock size={size} stroke={1.6} aria-hidden />;
    case 'running':
      return <Loader size={16} aria-hidden />;
    case 'done':
      return (
        <IconCircleCheck
          size={size}
          stroke={1.8}
          color="var(--mantine-primary-color-light-color)"
          aria-hidden
        />
      );
    case 'failed':
      return <IconAlertTriangle size={size} stroke={1.8} color="var(--mantine-color-red-5)" aria-hidden />;
    case 'cancelled':
      return <IconCircleMinus size={size} stroke={1.6} aria-hidden />;
    default:
      status satisfies never;
      return <IconCircleDashed size={size} />;
  }
}

function StateText({ caseRecord }: { caseRecord: CaseRecord }) {
  const stage = useQueue(({ running }) =>
    running?.id === caseRecord.id ? stageText(running.progress) : undefined,
  );
  const { run } = caseRecord;
  switch (run.status) {
    case 'idle':
      return caseRecord.result ? 'segmentation given' : 'not segmented yet';
    case 'queued':
      return 'waiting';
    case 'running':
      return stage ?? 'running';
    case 'done':
      return run.job.modelName;
    case 'failed':
      return run.error.message;
    case 'cancelled':
      return 'cancelled';
    default:
      return run satisfies never;
  }
}
