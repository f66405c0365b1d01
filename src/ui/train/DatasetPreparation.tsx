import { Alert, Button, Group, Progress, Text } from '@mantine/core';
import type { DatasetRecord, DatasetTask } from '@/storage/datasetRecord';
import { remainingTasks } from '../components/datasetSteps';
import { formatPercent } from '../formats';
import { goTo } from '../route';
import { useDatasets, useStudio } from '../useStudio';

interface DatasetPreparationProps {
  readonly dataset: DatasetRecord;
  readonly plansName: string | undefined;
  readonly configuration: string | undefined;
  readonly onClose: () => void;
}

/** A dataset that cannot be trained on yet: what is left to do, and a button that does it. */
export function DatasetPreparation(props: DatasetPreparationProps) {
  const { dataset, plansName, configuration, onClose } = props;
  const { datasets } = useStudio();
  const running = useDatasets((state) => state.running);
  const failure = useDatasets(({ failures }) => failures[dataset.name]);
  const isBroken = dataset.check?.isTrainable === false;
  const isRunning = running?.name === dataset.name;
  const progress = isRunning ? running.progress : undefined;
  if (isRunning || dataset.tasks.length > 0) {
    return (
      <Alert variant="light" title={`${dataset.title} is being prepared`}>
        <Text size="sm">{progress?.stage ?? 'Getting ready'}</Text>
        <Progress value={100 * (progress?.share ?? 0)} size="sm" my={6} aria-label="Preparing the dataset" />
        <Text size="xs" c="dimmed">
          {formatPercent(progress?.share ?? 0)} of this step; the training can be started once it is done.
        </Text>
      </Alert>
    );
  }
  if (isBroken || failure) {
    return (
      <Alert color="red" variant="light" title="This dataset cannot be trained on yet">
        <Text size="sm">{failure?.message ?? 'Its check found errors.'}</Text>
        <Button
          size="compact-sm"
          variant="default"
          mt="xs"
          onClick={() => {
            onClose();
            goTo('data', dataset.name);
          }}
        >
          See it under Data
        </Button>
      </Alert>
    );
  }
  return (
    <Alert variant="light" title="Prepare the dataset first">
      <Text size="sm">
        {configuration ? `The cases are not preprocessed for ${configuration} yet. ` : ''}
        Cases are checked, measured, planned for, and resampled to one voxel size; it takes a while once, and
        goes on while you look elsewhere.
      </Text>
      <Group mt="xs">
        <Button
          size="compact-sm"
          onClick={() => void datasets.enqueue(dataset.name, tasksFor(dataset, plansName, configuration))}
        >
          Prepare dataset
        </Button>
      </Group>
    </Alert>
  );
}

function tasksFor(
  dataset: DatasetRecord,
  plansName: string | undefined,
  configuration: string | undefined,
): readonly DatasetTask[] {
  const remaining = remainingTasks(dataset);
  if (plansName === undefined || configuration === undefined) return remaining;
  const others = remaining.filter(({ kind }) => kind !== 'preprocess');
  return [...others, { kind: 'preprocess', plansName, configurations: [configuration] }];
}
