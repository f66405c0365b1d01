import { Button, FileButton, Group, Loader, Stack, Text, Title } from '@mantine/core';
import { IconPlus, IconRulerMeasure, IconUpload } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import { useStore } from 'zustand';
import type { PlansEntry } from '@/app/plan/plansStore';
import { Problems } from '../components/ErrorNote';
import place from '../components/listedPlace.module.css';
import { usePlans } from '../components/usePlans';
import type { PlaceProps } from '../placeProps';
import { addressOf, goTo } from '../route';
import { useStudio } from '../useStudio';
import { NewPlansDialog } from './NewPlansDialog';
import { PlansList } from './PlansList';
import { PlansPage } from './PlansPage';
import { importPlans, showExample } from './planActions';

/**
 * Plans of the datasets, and plans files by themselves. `item` is a dataset's name, or the id of an entry. The default
 * export is what `lazy` asks for.
 */
export default function PlanPlace({ item }: PlaceProps) {
  const { plans, datasets: datasetStore } = useStudio();
  const { entries, isLoaded, datasets } = usePlans((state) => state);
  const [isPlanning, setPlanning] = useState(false);
  const kept = useStore(datasetStore.store, (state) => state.datasets);
  // biome-ignore lint/correctness/useExhaustiveDependencies: datasets that changed may have other plans
  useEffect(() => void plans.refresh(), [plans, kept]);
  const shown = entryOf(entries, item);
  const dataset = datasets.find(({ name }) => name === (shown?.datasetName ?? item));
  return (
    <div className={place.place}>
      <Group justify="space-between" mb="md">
        <Title order={1} fz={22}>
          Plan
        </Title>
        <Group gap="xs">
          <ImportButton />
          {datasets.length > 0 && (
            <Button
              size="sm"
              leftSection={<IconPlus size={16} aria-hidden />}
              onClick={() => setPlanning(true)}
            >
              New plans
            </Button>
          )}
        </Group>
      </Group>
      <Problems />
      {!isLoaded && <Loader size="sm" aria-label="Reading the plans" />}
      {isLoaded && entries.length === 0 && (
        <NoPlans hasDatasets={datasets.length > 0} onPlan={() => setPlanning(true)} />
      )}
      {isLoaded && entries.length > 0 && (
        <div className={place.columns}>
          <PlansList entries={entries} datasets={datasets} shownId={shown?.id} />
          {shown ? <PlansPage key={shown.id} entry={shown} /> : <NothingChosen item={item} />}
        </div>
      )}
      {isPlanning && <NewPlansDialog initial={dataset?.name} onClose={() => setPlanning(false)} />}
    </div>
  );
}

/** The entry an address speaks of; without one, the first there is. */
function entryOf(entries: readonly PlansEntry[], item: string | undefined): PlansEntry | undefined {
  if (item === undefined) return entries[0];
  return (
    entries.find(({ id }) => id === item) ??
    entries.find(({ owner, datasetName }) => owner === 'dataset' && datasetName === item)
  );
}

function ImportButton({ variant = 'default', label = 'Import JSON' }: { variant?: string; label?: string }) {
  const studio = useStudio();
  return (
    <FileButton
      multiple
      accept=".json,application/json"
      inputProps={{ 'aria-label': 'Choose plans files' }}
      onChange={(files) => void importPlans(studio, files)}
    >
      {(props) => (
        <Button {...props} size="sm" variant={variant} leftSection={<IconUpload size={16} aria-hidden />}>
          {label}
        </Button>
      )}
    </FileButton>
  );
}

function NoPlans({ hasDatasets, onPlan }: { hasDatasets: boolean; onPlan: () => void }) {
  return (
    <Stack align="center" gap="xs" py={60} c="dimmed">
      <IconRulerMeasure size={44} stroke={1.2} aria-hidden />
      <Text maw={480} ta="center">
        nnU-Net chooses patch, batch and network from what it measured of a dataset; what it chose is a plans
        file, and you can look at anybody's: drop an nnUNetPlans.json here.
      </Text>
      {hasDatasets ? (
        <Button variant="light" mt="xs" onClick={onPlan}>
          Plan a dataset
        </Button>
      ) : (
        <Button variant="light" mt="xs" onClick={() => goTo('data')}>
          Choose a dataset under Data
        </Button>
      )}
      <SampleButton />
    </Stack>
  );
}

function NothingChosen({ item }: { item: string | undefined }) {
  return (
    <Stack align="flex-start" gap="xs" py="md">
      <Text>{item} has no plans yet.</Text>
      <Text size="sm" c="dimmed">
        Planning takes a second once its fingerprint is there;{' '}
        <a href={addressOf('data', item)}>see it under Data</a>.
      </Text>
    </Stack>
  );
}

/** Plans of a real task, to see what plans are. */
function SampleButton() {
  const studio = useStudio();
  return (
    <Button variant="subtle" size="sm" onClick={() => void showExample(studio)}>
      Or look at an example
    </Button>
  );
}
