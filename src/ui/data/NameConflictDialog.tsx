import { Button, Group, Modal, Text } from '@mantine/core';
import { replaceDataset } from '@/app/data/addDataset';
import { goTo } from '../route';
import { useDatasets, useStudio } from '../useStudio';

/** Asks what to do with a dataset whose name is taken. */
export function NameConflictDialog() {
  const studio = useStudio();
  const nameConflict = useDatasets((state) => state.nameConflict);
  const close = () => studio.datasets.store.setState({ nameConflict: undefined });
  return (
    <Modal opened={nameConflict !== undefined} onClose={close} title={`${nameConflict?.name} already exists`}>
      <Text size="sm">
        Replacing it removes the images, fingerprint, plans and preprocessed cases that are kept of it as soon
        as the new one is found to be whole, before it is copied. To keep both, rename the folder and drop it
        again.
      </Text>
      <Group justify="flex-end" gap="xs" mt="lg">
        <Button variant="default" onClick={close} data-autofocus>
          Keep the old one
        </Button>
        <Button
          color="red"
          onClick={() =>
            void replaceDataset(studio).then(
              (outcome) => outcome.status === 'imported' && goTo('data', outcome.name),
            )
          }
        >
          Replace it
        </Button>
      </Group>
    </Modal>
  );
}
