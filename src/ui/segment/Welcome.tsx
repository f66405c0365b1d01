import { Button, Group, Loader, Stack, Text, Title } from '@mantine/core';
import { IconLock, IconPlayerPlay, IconStack2 } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import { segmentSample } from '@/app/segment/segmentSample';
import { formatLabels } from '@/core/io/formats';
import { messageOf } from '@/shared/errors';
import type { GivenFile } from '@/workers/files/api';
import { GpuNotice } from '../components/GpuNotice';
import { FilePicker, FolderPicker } from '../files/FilePickers';
import { goTo } from '../route';
import { useSelection, useStudio, useSystem } from '../useStudio';
import styles from './segment.module.css';

/** The page before there is a case: where to drop, what happens to it, and the sample. */
export function Welcome({ onFiles }: { onFiles: (files: readonly GivenFile[]) => Promise<void> }) {
  const adding = useSelection((state) => state.adding);
  return (
    <div className={styles.welcome}>
      <Stack align="center" gap="md" w="100%">
        <div className={styles.dropZone}>
          <IconStack2 size={46} stroke={1.2} color="var(--mantine-primary-color-light-color)" aria-hidden />
          <Title order={1} fz={26} mt="xs">
            Segment medical images with nnU‑Net
          </Title>
          <Text c="dimmed" mt={6} maw={480} mx="auto">
            Drop an image ({formatLabels().join(', ')}) and a trained nnU‑Net model (its folder or zip)
            anywhere on this page.
          </Text>
          <Group justify="center" gap="sm" mt="lg">
            <SampleButton />
            <FilePicker onFiles={onFiles} size="md" />
            <FolderPicker onFiles={onFiles} size="md" />
          </Group>
          {adding && (
            <Group justify="center" gap="xs" mt="md">
              <Loader size="xs" />
              <Text size="sm">{adding} …</Text>
            </Group>
          )}
          <Text className={styles.privacy} mt="lg" component="p" mb={0}>
            <IconLock size={17} stroke={1.8} aria-hidden />
            Nothing is uploaded: images and models stay on this computer.
          </Text>
        </div>
        <GpuNotice />
      </Stack>
    </div>
  );
}

function SampleButton() {
  const studio = useStudio();
  const hasGpu = useSystem(({ gpu }) => gpu.status !== 'missing');
  const [isThere, setIsThere] = useState(false);
  const [problem, setProblem] = useState<string>();
  const [isBusy, setIsBusy] = useState(false);
  useEffect(() => {
    studio.sample.then(
      (files) => setIsThere(files !== undefined),
      (error: unknown) => setProblem(messageOf(error)),
    );
  }, [studio]);
  if (problem !== undefined) {
    return (
      <Text size="sm" c="dimmed" role="status" w="100%">
        {problem}
      </Text>
    );
  }
  if (!isThere) return null;
  return (
    <Button
      size="md"
      leftSection={<IconPlayerPlay size={17} aria-hidden />}
      loading={isBusy}
      onClick={() => {
        setIsBusy(true);
        void segmentSample(studio)
          .then((id) => id && goTo('segment', id))
          .finally(() => setIsBusy(false));
      }}
    >
      {hasGpu ? 'Try the sample' : 'Look at the sample'}
    </Button>
  );
}
