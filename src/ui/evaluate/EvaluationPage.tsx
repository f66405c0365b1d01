import { ActionIcon, Alert, Button, Group, Menu, Text, Tooltip } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import {
  IconAlertTriangle,
  IconArrowLeft,
  IconDownload,
  IconPlayerPlay,
  IconTrash,
} from '@tabler/icons-react';
import { useState } from 'react';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { messageOf } from '@/shared/errors';
import type { EvaluationRecord } from '@/storage/evaluationRecord';
import { ErrorNote } from '../components/ErrorNote';
import { saveFile } from '../files/saveFile';
import { plural } from '../formats';
import { addressOf, goTo } from '../route';
import { useEvaluations, useStudio } from '../useStudio';
import { CaseTable } from './CaseTable';
import { EvaluationState } from './EvaluationState';
import styles from './evaluate.module.css';
import { type ColumnName, evaluatedCases } from './evaluatedCases';
import { MeansTable } from './MeansTable';
import { Spreads } from './Spreads';

/** One evaluation: means, how the cases spread, every case. */
export function EvaluationPage({ record }: { record: EvaluationRecord }) {
  const [metric, setMetric] = useState<ColumnName>('Dice');
  const evaluated = evaluatedCases(record).length;
  return (
    <article aria-labelledby="evaluation-title">
      <EvaluationHead record={record} />
      {record.state.status === 'failed' && (
        <ErrorNote title="This evaluation failed" where={record.title} {...record.state} />
      )}
      <Failures record={record} />
      {evaluated > 0 && (
        <div className={styles.columns}>
          <MeansTable record={record} />
          <Spreads record={record} metric={metric} onMetric={setMetric} />
        </div>
      )}
      {evaluated > 0 && <CaseTable record={record} />}
    </article>
  );
}

function EvaluationHead({ record }: { record: EvaluationRecord }) {
  const { evaluations, system } = useStudio();
  const isRunning = useEvaluations(({ running }) => running?.id === record.id);
  const isBusy = useEvaluations(({ running }) => running !== undefined);
  const canResume = !isRunning && record.verdicts.length < record.pairs.length;
  const remove = async () => {
    goTo('evaluate');
    await evaluations.remove(record.id);
    await system.measureStorage();
  };
  return (
    <header className={styles.head}>
      <div>
        <a className={styles.back} href={addressOf('evaluate')}>
          <IconArrowLeft size={14} aria-hidden />
          Evaluations
        </a>
        <h2 id="evaluation-title">
          {record.title} <EvaluationState record={record} />
        </h2>
        <p>
          {plural(record.pairs.length, 'case')}, {plural(record.labels.length, 'label')}, surface Dice at{' '}
          {record.toleranceMm} mm, {new Date(record.createdAt).toLocaleString()}
        </p>
      </div>
      <Group gap="xs">
        {canResume && (
          <Button
            size="sm"
            leftSection={<IconPlayerPlay size={16} aria-hidden />}
            disabled={isBusy}
            onClick={() => void evaluations.resume(record.id)}
          >
            Resume
          </Button>
        )}
        {isRunning && (
          <Button size="sm" variant="default" onClick={() => evaluations.cancel()}>
            Cancel
          </Button>
        )}
        <SaveMenu record={record} />
        <Tooltip label="Remove">
          <ActionIcon
            size={36}
            variant="default"
            aria-label={`Remove ${record.title}`}
            onClick={() => void remove()}
          >
            <IconTrash size={17} />
          </ActionIcon>
        </Tooltip>
      </Group>
    </header>
  );
}

const FILES = [
  { kind: 'summary', name: NNUNET_FILES.summary, sentence: "nnU-Net's own, to the digit" },
  { kind: 'csv', name: 'Table, CSV', sentence: 'every case and label, for a spreadsheet' },
  { kind: 'surface', name: 'surface.json', sentence: 'surface Dice and Hausdorff distance' },
] as const;

function SaveMenu({ record }: { record: EvaluationRecord }) {
  const { evaluations } = useStudio();
  const save = (kind: (typeof FILES)[number]['kind']) =>
    evaluations.api
      .save(record, kind)
      .then(saveFile, (error: unknown) =>
        notifications.show({ color: 'red', title: 'It could not be saved', message: messageOf(error) }),
      );
  return (
    <Menu position="bottom-end" withArrow>
      <Menu.Target>
        <Button
          size="sm"
          variant="default"
          leftSection={<IconDownload size={16} aria-hidden />}
          disabled={evaluatedCases(record).length === 0}
        >
          Save
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {FILES.map(({ kind, name, sentence }) => (
          <Menu.Item key={kind} onClick={() => void save(kind)}>
            {name}
            <Text size="xs" c="dimmed">
              {sentence}
            </Text>
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

/** Cases that could not be evaluated, and files that had no partner. */
function Failures({ record: { verdicts, unpaired } }: { record: EvaluationRecord }) {
  const failed = verdicts.flatMap((evaluation) => ('error' in evaluation ? [evaluation.error] : []));
  const lines = [...failed, ...unpaired.map(({ side, path, reason }) => `${path} (${side}): ${reason}.`)];
  if (lines.length === 0) return null;
  const title = [
    failed.length > 0 && `${plural(failed.length, 'case')} could not be evaluated`,
    unpaired.length > 0 && `${plural(unpaired.length, 'file')} had no partner`,
  ].filter(Boolean);
  return (
    <Alert
      color={failed.length > 0 ? 'red' : 'gray'}
      variant="light"
      mb="md"
      title={title.join(', ')}
      icon={<IconAlertTriangle aria-hidden />}
    >
      <details>
        <summary>Which</summary>
        <ul className={styles.lines}>
          {lines.slice(0, 100).map((line) => (
            <li key={line}>{line}</li>
          ))}
        </ul>
      </details>
    </Alert>
  );
}
