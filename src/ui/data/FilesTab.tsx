import { Button, Group, Text } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { IconDownload, IconTrash } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { messageOf } from '@/shared/errors';
import { formatBytes } from '@/shared/numeric';
import type { DatasetRecord } from '@/storage/datasetRecord';
import { saveFile } from '../files/saveFile';
import { formatCount } from '../formats';
import { useStudio } from '../useStudio';
import styles from './data.module.css';
import { StorageLine } from './StorageLine';

/** What lies in the browser of this dataset: to look at, to save, to remove. */
export function FilesTab({ dataset, onRemove }: { dataset: DatasetRecord; onRemove: () => void }) {
  const { datasets, system } = useStudio();
  const { name, rawBytes, preprocessedBytes, preprocessed, caseCount } = dataset;
  const arrays = preprocessed.reduce((sum, { sizeInBytes }) => sum + sizeInBytes, 0);
  return (
    <div className={styles.sections}>
      <section className={styles.section} aria-label="Files">
        <h2>Files</h2>
        <p className={styles.hint}>Under the names that nnU-Net gives them; it reads every one of them.</p>
        <Group gap="xs">
          <SaveButton name={name} path={`raw/${NNUNET_FILES.dataset}`} />
          {dataset.hasFingerprint && (
            <SaveButton name={name} path={`preprocessed/${NNUNET_FILES.fingerprint}`} />
          )}
          {dataset.plans.map((plans) => (
            <SaveButton key={plans} name={name} path={`preprocessed/${plans}.json`} />
          ))}
        </Group>
        <DatasetJson name={name} />
      </section>
      <section className={styles.section} aria-label="Storage of this dataset">
        <h2>Storage</h2>
        <dl className={styles.facts}>
          <dt>Images and label maps</dt>
          <dd>{formatBytes(rawBytes)}</dd>
          {preprocessed.map(({ dataIdentifier, cases, sizeInBytes }) => (
            <Row
              key={dataIdentifier}
              term={dataIdentifier}
              text={`${formatCount(cases)} of ${formatCount(caseCount)} cases, ${formatBytes(sizeInBytes)}`}
            />
          ))}
          <Row term="Fingerprint, plans, copies" text={formatBytes(preprocessedBytes - arrays)} />
          <Row term="Total" text={formatBytes(rawBytes + preprocessedBytes)} />
        </dl>
        <Group gap="xs" mt="sm">
          {preprocessed.length > 0 && (
            <Button
              size="xs"
              variant="default"
              leftSection={<IconTrash size={14} aria-hidden />}
              onClick={() => void datasets.remove(name, 'preprocessed').then(() => system.measureStorage())}
            >
              Remove preprocessed cases
            </Button>
          )}
          <Button
            size="xs"
            variant="light"
            color="red"
            leftSection={<IconTrash size={14} aria-hidden />}
            onClick={onRemove}
          >
            Remove the dataset
          </Button>
        </Group>
        {preprocessed.length > 0 && (
          <Text size="xs" c="dimmed" mt={6}>
            Preprocessed cases can be made again; fingerprint and plans stay.
          </Text>
        )}
        <StorageLine />
      </section>
    </div>
  );
}

function Row({ term, text }: { term: string; text: string }) {
  return (
    <>
      <dt>{term}</dt>
      <dd>{text}</dd>
    </>
  );
}

function SaveButton({ name, path }: { name: string; path: string }) {
  const { datasets } = useStudio();
  const save = () =>
    datasets.api
      .readFile(name, path)
      .then(saveFile, (error: unknown) =>
        notifications.show({ color: 'red', title: 'It could not be read', message: messageOf(error) }),
      );
  return (
    <Button
      size="xs"
      variant="default"
      leftSection={<IconDownload size={14} aria-hidden />}
      onClick={() => void save()}
    >
      {path.slice(path.lastIndexOf('/') + 1)}
    </Button>
  );
}

function DatasetJson({ name }: { name: string }) {
  const { datasets } = useStudio();
  const [text, setText] = useState('');
  useEffect(() => {
    let isCurrent = true;
    void datasets.api
      .readFile(name, `raw/${NNUNET_FILES.dataset}`)
      .then(({ content }) => content.text())
      .then((found) => isCurrent && setText(found));
    return () => {
      isCurrent = false;
    };
  }, [datasets, name]);
  return (
    <>
      <Text size="xs" fw={600} mt="md" mb={4}>
        dataset.json
      </Text>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reachable by keyboard */}
      <section className={styles.json} tabIndex={0} aria-label={NNUNET_FILES.dataset}>
        {text}
      </section>
    </>
  );
}
