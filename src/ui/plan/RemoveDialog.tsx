import { Button, Group, Modal, Text } from '@mantine/core';
import type { PlansEntry } from '@/app/plan/plansStore';
import { useStudio } from '../useStudio';
import { removePlans } from './planActions';

/** Asks before plans go. */
export function RemoveDialog({ entry, onClose }: { entry: PlansEntry; onClose: () => void }) {
  const studio = useStudio();
  return (
    <Modal opened onClose={onClose} title={`Delete ${entry.plansName}?`} centered>
      <Text size="sm">
        {entry.owner === 'dataset'
          ? `The plans leave ${entry.datasetName}; what was preprocessed with them stays.`
          : 'The file leaves this browser.'}
      </Text>
      <Group justify="flex-end" mt="md" gap="xs">
        <Button variant="default" onClick={onClose}>
          Keep
        </Button>
        <Button
          color="red"
          onClick={() => {
            onClose();
            void removePlans(studio, entry);
          }}
        >
          Delete
        </Button>
      </Group>
    </Modal>
  );
}
