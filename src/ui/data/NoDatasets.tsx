import { Button, Group, Text, Title } from '@mantine/core';
import { IconDatabase, IconLock, IconPlayerPlay } from '@tabler/icons-react';
import { addSampleDataset } from '@/app/data/addDataset';
import type { GivenFile } from '@/workers/files/api';
import { goTo } from '../route';
import { useDatasets, useStudio } from '../useStudio';
import styles from './data.module.css';
import { ImportButtons } from './ImportButtons';

/** What a person may drop, by an example each. */
const LAYOUTS = [
  {
    name: 'nnU-Net dataset',
    tree: 'Dataset004_Hippocampus\n├ dataset.json\n├ imagesTr/case_0000.nii.gz\n└ labelsTr/case.nii.gz',
  },
  {
    name: 'Medical Decathlon task',
    tree: 'Task04_Hippocampus\n├ dataset.json\n├ imagesTr/case.nii.gz\n└ labelsTr/case.nii.gz',
  },
  {
    name: 'Images with label maps',
    tree: 'my folder\n├ images/anna.nii.gz\n└ labels/anna.nii.gz\nor anna_seg.nii.gz',
  },
] as const;

/** The page before there is a dataset. */
export function NoDatasets({ onFiles }: { onFiles: (files: readonly GivenFile[]) => Promise<void> }) {
  const isImporting = useDatasets(({ importing }) => importing !== undefined);
  return (
    <div className={styles.dropZone}>
      <IconDatabase size={46} stroke={1.2} color="var(--mantine-primary-color-light-color)" aria-hidden />
      <Title order={2} fz={22} mt="xs">
        Add labelled images
      </Title>
      <Text c="dimmed" mt={6} maw={520} mx="auto">
        nnU‑Net learns from examples: images, each with a label map (mask). Drop a folder or a zip anywhere on
        this page; it is checked, measured and prepared for training.
      </Text>
      <Group justify="center" gap="sm" mt="lg">
        {!isImporting && (
          <>
            <ImportButtons onFiles={onFiles} size="md" />
            <SampleButton />
          </>
        )}
      </Group>
      <div className={styles.layouts}>
        {LAYOUTS.map(({ name, tree }) => (
          <div key={name}>
            <Text size="xs" fw={600} mb={4}>
              {name}
            </Text>
            <code>{tree}</code>
          </div>
        ))}
      </div>
      <Text className={styles.privacy} mt="lg" component="p" mb={0}>
        <IconLock size={17} stroke={1.8} aria-hidden />
        Nothing is uploaded: datasets stay on this computer.
      </Text>
    </div>
  );
}

function SampleButton() {
  const studio = useStudio();
  return (
    <Button
      size="md"
      variant="default"
      leftSection={<IconPlayerPlay size={17} aria-hidden />}
      title="Eight made-up heads with three structures to find"
      onClick={() =>
        void addSampleDataset(studio).then(
          (outcome) => outcome.status === 'imported' && goTo('data', outcome.name),
        )
      }
    >
      Try the sample
    </Button>
  );
}
