import { Button, Select, Stack, Text } from '@mantine/core';
import { IconTrophy } from '@tabler/icons-react';
import { candidateRuns } from '@/app/choose/candidateRuns';
import { ModelsHead } from '../components/ModelsHead';
import type { PlaceProps } from '../placeProps';
import { goTo } from '../route';
import { useChoices, useTrainings } from '../useStudio';
import { Candidates } from './Candidates';
import { ChoiceResult } from './ChoiceResult';
import styles from './choose.module.css';

/** Which of a dataset's trainings, or which two together, segment best. The default export is what `lazy` asks for. */
export default function ChoosePlace({ item: datasetName }: PlaceProps) {
  const { runs, isLoaded } = useTrainings(({ runs, isLoaded }) => ({ runs, isLoaded }));
  const choices = useChoices((state) => state.choices);
  const names = [...new Set(runs.map(({ order }) => order.datasetName))].sort();
  const validated = names.filter((name) => candidateRuns(runs, name).length > 0);
  const shown = datasetName ?? choices[0]?.datasetName ?? validated[0] ?? names[0];
  const choice = choices.find((one) => one.datasetName === shown);
  return (
    <div className={styles.place}>
      <ModelsHead section="choose">
        {names.length > 1 && (
          <Select
            size="sm"
            w={260}
            aria-label="Dataset"
            data={names}
            value={shown ?? null}
            onChange={(name) => goTo('choose', name ?? undefined)}
            allowDeselect={false}
          />
        )}
      </ModelsHead>
      {isLoaded && shown === undefined && <NoTrainings />}
      {shown !== undefined && (
        <Stack gap="md">
          <Text size="sm" c="dimmed" maw={760}>
            Each trained configuration of {shown}, and each pair of them averaged, is evaluated on the cases
            that its folds did not train on. The best one is tried with the largest component of each label
            alone.
          </Text>
          <Candidates key={shown} datasetName={shown} />
          {choice && <ChoiceResult key={choice.foundAt} choice={choice} />}
        </Stack>
      )}
    </div>
  );
}

function NoTrainings() {
  return (
    <Stack align="center" gap="xs" py={60} c="dimmed">
      <IconTrophy size={44} stroke={1.2} aria-hidden />
      <Text maw={460} ta="center">
        Train a dataset with all its folds, in one configuration or in several, and see here which of them, or
        which two together, segment best.
      </Text>
      <Button variant="light" mt="xs" onClick={() => goTo('train')}>
        Go to training runs
      </Button>
    </Stack>
  );
}
