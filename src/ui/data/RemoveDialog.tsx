import { Button, Group, Modal, Text } from '@mantine/core';
import { formatBytes } from '@/shared/numeric';
import type { DatasetRecord } from '@/storage/datasetRecord';
import { goTo } from '../route';
import { useStudio } from '../useStudio';

interface RemoveDialogProps {
  readonly dataset: DatasetRecord;
  readonly opened: boolean;
  readonly onClose: () => void;
}

/** Asks before a dataset goes for good. */
export function RemoveDialog({ dataset, opened, onClose }: RemoveDialogProps) {
  const { datasets, system } = useStudio();
  const { name, title, rawBytes, preprocessedBytes } = dataset;
  const remove = async () => {
    onClose();
    goTo('data');
    await datasets.remove(name, 'all');
    await system.measureStorage();
  };
  return (
    <Modal opened={opened} onClose={onClose} title={`Remove ${title}?`}>
      <Text size="sm">
        Its images, label maps, fingerprint, plans and preprocessed cases are deleted from this browser, which
        frees {formatBytes(rawBytes + preprocessedBytes)}. The files that you imported it from are not
        touched.
      </Text>
      <Group justify="flex-end" gap="xs" mt="lg">
        <Button variant="default" onClick={onClose} data-autofocus>
          Keep it
        </Button>
        <Button color="red" onClick={() => void remove()}>
          Remove it
        </Button>
      </Group>
    </Modal>
  );
}
