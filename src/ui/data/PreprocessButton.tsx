import { Button, Checkbox, Group, Modal, Select, Stack, Text } from '@mantine/core';
import { useEffect, useState } from 'react';
import { type PreprocessChoice, preprocessChoices } from '@/app/data/preprocessChoices';
import type { DatasetRecord } from '@/storage/datasetRecord';
import { useStudio } from '../useStudio';

/** Starts preprocessing; asks first which plans and configurations. */
export function PreprocessButton({ dataset, isNext }: { dataset: DatasetRecord; isNext: boolean }) {
  const [isAsking, setIsAsking] = useState(false);
  if (dataset.plans.length === 0) return null;
  const isBegun = dataset.preprocessed.length > 0;
  return (
    <>
      <Button size="compact-sm" variant={isNext ? 'filled' : 'subtle'} onClick={() => setIsAsking(true)}>
        {isNext && isBegun ? 'Resume preprocessing' : isBegun ? 'Preprocess more' : 'Preprocess'}
      </Button>
      <Modal opened={isAsking} onClose={() => setIsAsking(false)} title="Preprocess for training">
        <Choice dataset={dataset} onDone={() => setIsAsking(false)} />
      </Modal>
    </>
  );
}

function Choice({ dataset, onDone }: { dataset: DatasetRecord; onDone: () => void }) {
  const { datasets } = useStudio();
  const { name, plans } = dataset;
  const [plansName, setPlansName] = useState(plans.includes('nnUNetPlans') ? 'nnUNetPlans' : plans[0]);
  const [choices, setChoices] = useState<readonly PreprocessChoice[]>([]);
  const [chosen, setChosen] = useState<readonly string[]>([]);
  useEffect(() => {
    let isCurrent = true;
    void datasets.api.readPlans(name, plansName).then((text) => {
      if (!isCurrent) return;
      const found = preprocessChoices(text, plansName);
      setChoices(found);
      setChosen(found.filter(({ sharedWith }) => !sharedWith).map(({ configuration }) => configuration));
    });
    return () => {
      isCurrent = false;
    };
  }, [datasets, name, plansName]);
  return (
    <Stack gap="sm">
      <Text size="sm">
        Every case is cropped to the non-zero region, normalised, and resampled to the voxel size of the
        plans. It can be cancelled, and resumes where it stopped.
      </Text>
      {plans.length > 1 && (
        <Select
          label="Plans"
          data={[...plans]}
          value={plansName}
          allowDeselect={false}
          onChange={(value) => value && setPlansName(value)}
        />
      )}
      <Checkbox.Group
        label="Configurations"
        value={[...chosen]}
        onChange={(values) =>
          setChosen(choices.map(({ configuration }) => configuration).filter((one) => values.includes(one)))
        }
      >
        <Stack gap={6} mt={6}>
          {choices.map(({ configuration, text, sharedWith }) => (
            <Checkbox
              key={configuration}
              value={configuration}
              label={configuration}
              description={sharedWith ? `Has the same arrays as ${sharedWith}` : text}
              disabled={sharedWith !== undefined}
            />
          ))}
        </Stack>
      </Checkbox.Group>
      <Group justify="flex-end" gap="xs">
        <Button variant="default" onClick={onDone}>
          Cancel
        </Button>
        <Button
          disabled={chosen.length === 0}
          data-autofocus
          onClick={() => {
            onDone();
            void datasets.enqueue(name, [{ kind: 'preprocess', plansName, configurations: chosen }]);
          }}
        >
          Preprocess
        </Button>
      </Group>
    </Stack>
  );
}
