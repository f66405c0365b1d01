import { Alert, Button, Group, Modal, Select, Stack, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { type PlansEntry, readerNameFor } from '@/app/plan/plansStore';
import { plansOverview } from '@/core/planning/plansOverview';
import { messageOf } from '@/shared/errors';
import { usePlans } from '../components/usePlans';
import { plural } from '../formats';
import { useStudio } from '../useStudio';
import { showPlans } from './planActions';

/** Gives a copy of plans to another dataset, as nnU-Net moves them. */
export function MoveDialog({ entry, onClose }: { entry: PlansEntry; onClose: () => void }) {
  const { plans } = useStudio();
  const { datasets, entries } = usePlans((state) => state);
  const others = datasets.filter(({ name }) => entry.owner === 'file' || name !== entry.datasetName);
  const [targetName, setTargetName] = useState<string | undefined>(others[0]?.name);
  const target = others.find(({ name }) => name === targetName);
  const taken = entries.filter((one) => one.owner === 'dataset' && one.datasetName === targetName);
  const [plansName, setPlansName] = useState(entry.plansName);
  const [error, setError] = useState<string>();
  const isTaken = taken.some((one) => one.plansName === plansName);
  const { channels } = plansOverview(entry.text, entry.fileName);
  const hasOtherChannels = target !== undefined && target.channelNames.length !== channels;

  const move = async () => {
    if (!target) return;
    try {
      showPlans(await plans.moveTo(entry, target, plansName, readerNameFor(target)));
      onClose();
    } catch (thrown) {
      setError(messageOf(thrown));
    }
  };

  return (
    <Modal opened onClose={onClose} title={`Use ${entry.plansName} for another dataset`} centered>
      <Stack gap="sm">
        <Text size="sm" c="dimmed">
          A copy goes to the dataset: network, patch, spacing and intensity statistics stay as they are, so
          that a model trained there can start from one trained here.
        </Text>
        {others.length === 0 ? (
          <Text size="sm">There is no other dataset in this browser; import one under Data.</Text>
        ) : (
          <Select
            label="Dataset"
            data={others.map(({ name }) => name)}
            value={targetName ?? null}
            onChange={(value) => setTargetName(value ?? undefined)}
            allowDeselect={false}
          />
        )}
        {target && (
          <TextInput
            label="Name of the plans there"
            value={plansName}
            onChange={({ currentTarget }) => setPlansName(currentTarget.value)}
            error={
              isTaken ? `${targetName} has plans of that name already; nothing is overwritten.` : undefined
            }
          />
        )}
        {hasOtherChannels && (
          <Alert color="yellow" variant="light">
            The plans normalise {plural(channels, 'channel')}, and {target.name} has{' '}
            {target.channelNames.length}: they cannot be trained there.
          </Alert>
        )}
        {error && (
          <Alert color="red" variant="light" role="alert">
            {error}
          </Alert>
        )}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button disabled={!target || isTaken || plansName === ''} onClick={() => void move()}>
            Copy the plans
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
