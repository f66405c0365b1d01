import { Button, Group, Modal, Text } from '@mantine/core';
import { useEffect, useState } from 'react';
import type { TrainingRecord } from '@/app/train/trainingRecord';
import { formatBytes } from '@/shared/numeric';
import { goTo } from '../route';
import { useStudio } from '../useStudio';

/** Asks before a run goes for good. */
export function RemoveRunDialog({ run, onClose }: { run: TrainingRecord; onClose: () => void }) {
  const { trainings, system } = useStudio();
  const [sizeInBytes, setSize] = useState<number | undefined>();
  useEffect(() => {
    let isCurrent = true;
    trainings.view.measure(run.order.runId).then(
      (size) => isCurrent && setSize(size),
      () => undefined, // it can be removed unmeasured
    );
    return () => {
      isCurrent = false;
    };
  }, [trainings, run.order.runId]);
  const remove = async () => {
    onClose();
    goTo('train');
    await trainings.remove(run.id);
    await system.measureStorage();
  };
  return (
    <Modal opened onClose={onClose} title={`Remove ${run.id}?`}>
      <Text size="sm">
        Its checkpoints, curves, logs and validation are deleted from this browser
        {sizeInBytes === undefined ? '' : `, which frees ${formatBytes(sizeInBytes)}`}.
        {run.modelId !== undefined && ' The trained model stays under Models.'}
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
