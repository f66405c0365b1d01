import { Button, Group, Loader, Stack, Text, Title } from '@mantine/core';
import { IconChartLine, IconPlus } from '@tabler/icons-react';
import { useState } from 'react';
import place from '../components/listedPlace.module.css';
import type { PlaceProps } from '../placeProps';
import { goTo } from '../route';
import { useDatasets, useTrainings } from '../useStudio';
import { NewTrainingDialog } from './NewTrainingDialog';
import { RunList } from './RunList';
import { RunPage } from './RunPage';
import { ValidationViewer } from './ValidationViewer';

/** Trainings: what runs, what it came to, what is next. The default export is what `lazy` asks for. */
export default function TrainPlace({ item, part: caseId }: PlaceProps) {
  const { runs, isLoaded } = useTrainings(({ runs, isLoaded }) => ({ runs, isLoaded }));
  const datasets = useDatasets((state) => state.datasets);
  const wanted = datasets.find(({ name }) => name === item)?.name;
  const [isAsking, setIsAsking] = useState(wanted !== undefined);
  const shown = runs.find(({ id }) => id === item) ?? (item && !wanted ? undefined : runs[0]);
  if (shown && caseId !== undefined) return <ValidationViewer run={shown} caseId={caseId} />;
  return (
    <div className={place.place}>
      <Group justify="space-between" mb="md">
        <Title order={1} fz={22}>
          Train
        </Title>
        {datasets.length > 0 && (
          <Button
            size="sm"
            leftSection={<IconPlus size={16} aria-hidden />}
            onClick={() => setIsAsking(true)}
          >
            New training
          </Button>
        )}
      </Group>
      {!isLoaded && <Loader size="sm" aria-label="Reading the trainings" />}
      {isLoaded && runs.length === 0 && (
        <NoRuns hasDatasets={datasets.length > 0} onTrain={() => setIsAsking(true)} />
      )}
      {isLoaded && runs.length > 0 && (
        <div className={place.columns}>
          <RunList runs={runs} shownId={shown?.id} />
          {shown ? (
            <RunPage key={shown.id} run={shown} />
          ) : (
            <Text>There is no {item} in this browser; if it was open here, another tab removed it.</Text>
          )}
        </div>
      )}
      {isAsking && (
        <NewTrainingDialog initial={wanted ?? shown?.order.datasetName} onClose={() => setIsAsking(false)} />
      )}
    </div>
  );
}

function NoRuns({ hasDatasets, onTrain }: { hasDatasets: boolean; onTrain: () => void }) {
  return (
    <Stack align="center" gap="xs" py={60} c="dimmed">
      <IconChartLine size={44} stroke={1.2} aria-hidden />
      <Text maw={480} ta="center">
        Training teaches a network to label images as your examples are labelled. It runs on this computer's
        GPU, in this tab; it can be paused, goes on exactly where it was after a reload, and ends with a model
        that Segment can use.
      </Text>
      {hasDatasets ? (
        <Button variant="light" mt="xs" onClick={onTrain}>
          Train on a dataset
        </Button>
      ) : (
        <Button variant="light" mt="xs" onClick={() => goTo('data')}>
          Add labelled images, or the sample, under Data
        </Button>
      )}
    </Stack>
  );
}
