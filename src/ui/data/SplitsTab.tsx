import { Button, FileButton, Group, Table, Text } from '@mantine/core';
import { IconDownload, IconUpload } from '@tabler/icons-react';
import { useEffect, useRef, useState } from 'react';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { pythonJson } from '@/core/interop/pythonJson';
import { messageOf } from '@/shared/errors';
import type { DatasetRecord } from '@/storage/datasetRecord';
import type { DatasetSplits } from '@/workers/data/api';
import { ErrorNote } from '../components/ErrorNote';
import { saveFile } from '../files/saveFile';
import { formatCount } from '../formats';
import { useStudio } from '../useStudio';
import styles from './data.module.css';

/** How many case ids of a fold are listed. */
const LISTED = 12;

/** Which cases each fold trains on and which it validates on. */
export function SplitsTab({ dataset }: { dataset: DatasetRecord }) {
  const { datasets } = useStudio();
  const { name } = dataset;
  const [found, setFound] = useState<{ splits: DatasetSplits | undefined }>();
  const [problem, setProblem] = useState<{ name: string; message: string }>();
  useEffect(() => {
    let isCurrent = true;
    datasets.api.readSplits(name).then(
      (splits) => isCurrent && setFound({ splits }),
      (error: unknown) => isCurrent && setProblem(problemOf(error)),
    );
    return () => {
      isCurrent = false;
    };
  }, [datasets, name]);
  const forgetFile = useRef<() => void>(null);
  const change = async (work: Promise<DatasetSplits | undefined>) => {
    setProblem(undefined);
    try {
      setFound({ splits: await work });
      await datasets.refresh();
    } catch (error) {
      setProblem(problemOf(error));
    }
  };
  const splits = found?.splits;
  return (
    <div className={styles.section} style={{ marginTop: 14 }}>
      <h2>Splits for cross-validation</h2>
      <p className={styles.hint}>
        Each fold trains on four fifths of the cases and is evaluated on the rest.{' '}
        {splits?.origin === 'given'
          ? 'These are your own.'
          : 'These are the ones that nnU-Net draws itself: five folds, seed 12345.'}
      </p>
      {found && !splits && (
        <Text size="sm">Five folds need five cases. Give your own splits, or train on all cases.</Text>
      )}
      {problem && <ErrorNote title="These splits cannot be used" where={name} {...problem} />}
      {splits && <FoldTable splits={splits} />}
      <Group gap="xs" mt="sm">
        <FileButton
          accept="application/json,.json"
          resetRef={forgetFile}
          onChange={(file) => {
            forgetFile.current?.(); // the same file, corrected, is another choice
            if (file) void change(file.text().then((text) => datasets.api.writeSplits(name, text)));
          }}
        >
          {(props) => (
            <Button {...props} size="xs" variant="default" leftSection={<IconUpload size={14} aria-hidden />}>
              Import splits_final.json
            </Button>
          )}
        </FileButton>
        {splits && (
          <Button
            size="xs"
            variant="default"
            leftSection={<IconDownload size={14} aria-hidden />}
            onClick={() =>
              saveFile({
                name: NNUNET_FILES.splits,
                content: new Blob([pythonJson(splits.splits, { shouldSortKeys: true })]),
              })
            }
          >
            Download splits_final.json
          </Button>
        )}
        {splits?.origin === 'given' && (
          <Button
            size="xs"
            variant="subtle"
            onClick={() =>
              void change(datasets.api.removeSplits(name).then(() => datasets.api.readSplits(name)))
            }
          >
            Back to nnU-Net's own
          </Button>
        )}
      </Group>
    </div>
  );
}

function FoldTable({ splits: { splits } }: { splits: DatasetSplits }) {
  return (
    <Table fz="xs" verticalSpacing={5} aria-label="Folds">
      <Table.Thead>
        <Table.Tr>
          <Table.Th>Fold</Table.Th>
          <Table.Th className="number">Trains on</Table.Th>
          <Table.Th className="number">Validates on</Table.Th>
          <Table.Th>Validation cases</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {splits.map(({ train, val }, fold) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a fold is its place
          <Table.Tr key={fold}>
            <Table.Td>{fold}</Table.Td>
            <Table.Td className="number">{formatCount(train.length)}</Table.Td>
            <Table.Td className="number">{formatCount(val.length)}</Table.Td>
            <Table.Td style={{ overflowWrap: 'anywhere' }}>
              {val.slice(0, LISTED).join(', ')}
              {val.length > LISTED && ` and ${formatCount(val.length - LISTED)} more`}
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

function problemOf(error: unknown): { name: string; message: string } {
  return { name: error instanceof Error ? error.name : 'Error', message: messageOf(error) };
}
