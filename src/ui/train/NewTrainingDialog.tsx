import {
  Accordion,
  Alert,
  Button,
  Checkbox,
  Group,
  Modal,
  NumberInput,
  Select,
  Stack,
  Switch,
  Text,
} from '@mantine/core';
import { IconPlayerPlay } from '@tabler/icons-react';
import { useState } from 'react';
import { configurationCost } from '@/app/plan/plansCost';
import { schedulePresets, stepSecondsOf } from '@/app/train/schedulePresets';
import { knownTrainer, trainerNamed, trainersByGroup } from '@/core/training/trainers';
import type { DatasetRecord } from '@/storage/datasetRecord';
import { CostNote } from '../components/CostNote';
import { useGpuReport, useThroughput } from '../components/usePlans';
import { goTo } from '../route';
import { useDatasets, useStudio, useSystem } from '../useStudio';
import { FirstStageNote, SecondStageNote } from './CascadeNote';
import { DatasetPreparation } from './DatasetPreparation';
import styles from './form.module.css';
import { NeedsNote } from './NeedsNote';
import {
  arraysOf,
  chosenSchedule,
  chosenStorage,
  configurationFor,
  type FormChoice,
  foldsFor,
  newTrainings,
  problemOf,
  UNCHOSEN,
} from './newTraining';
import { SchedulePicker } from './SchedulePicker';
import { useFirstStage, usePlansOf, useSplitsOf } from './useNewTraining';

interface NewTrainingDialogProps {
  /** Name of the dataset to begin with. */
  readonly initial: string | undefined;
  readonly onClose: () => void;
}

/** What is to be trained, how long it takes, and what it needs. */
export function NewTrainingDialog({ initial, onClose }: NewTrainingDialogProps) {
  const datasets = useDatasets((state) => state.datasets);
  const [datasetName, setDatasetName] = useState<string | undefined>();
  const isReady = (one: DatasetRecord) => one.preprocessed.length > 0;
  const dataset =
    datasets.find(({ name }) => name === (datasetName ?? initial)) ?? datasets.find(isReady) ?? datasets[0];
  return (
    <Modal opened onClose={onClose} title="New training" size="lg" centered>
      <Stack gap="sm">
        <Select
          label="Dataset"
          data={datasets.map(({ name }) => name)}
          value={dataset?.name ?? null}
          onChange={(value) => setDatasetName(value ?? undefined)}
          allowDeselect={false}
        />
        {dataset && <TrainingForm key={dataset.name} dataset={dataset} onClose={onClose} />}
      </Stack>
    </Modal>
  );
}

function TrainingForm({ dataset, onClose }: { dataset: DatasetRecord; onClose: () => void }) {
  const { trainings, system } = useStudio();
  const gpuState = useSystem((state) => state.gpu);
  const gpu = useGpuReport();
  const throughput = useThroughput();
  const [choice, setChoice] = useState<FormChoice>(UNCHOSEN);
  const set = (part: Partial<FormChoice>) => setChoice({ ...choice, ...part });
  const plansName = choice.plansName ?? preferredPlans(dataset);
  const { overview, problem: plansProblem } = usePlansOf(dataset, plansName);
  const splits = useSplitsOf(dataset);

  const configuration = configurationFor(overview, choice, dataset);
  const cost =
    configuration?.configuration &&
    configurationCost(
      configuration.configuration,
      dataset,
      gpu,
      throughput?.flopsPerSecond,
      chosenStorage(choice, gpu?.facts),
      overview?.transposeBackward,
    );
  const step = cost?.status === 'known' ? stepSecondsOf(cost.cost) : undefined;
  const presets = schedulePresets(step ?? { training: Number.NaN, validation: Number.NaN });
  const trainer = trainerNamed(choice.trainer);
  const schedule = chosenSchedule(choice, presets, trainer);
  const folds = foldsFor(splits);
  const problem = plansProblem ?? problemOf(choice, configuration, folds);
  const arrays = configuration && arraysOf(dataset, configuration);
  const firstStage = useFirstStage(dataset, plansName, configuration, splits);
  const isFirstStageDone = firstStage.status === 'none' || firstStage.status === 'ready';
  const isPrepared = arrays !== undefined && arrays.cases >= dataset.caseCount;

  const start = async () => {
    if (!configuration || plansName === undefined || !gpu) return;
    onClose();
    void system.persist();
    const orders = newTrainings({
      dataset,
      plansName,
      configuration,
      schedule,
      trainer,
      choice,
      folds,
      gpu: gpu.facts,
    });
    goTo('train', await trainings.enqueue(orders));
  };

  return (
    <>
      {gpuState.status === 'missing' && (
        <Alert color="red" variant="light" title="There is no GPU to train on">
          {gpuState.reason}
        </Alert>
      )}
      {dataset.plans.length > 0 && (
        <Group grow align="flex-start">
          <Select
            label="Plans"
            data={[...dataset.plans]}
            value={plansName ?? null}
            onChange={(value) => set({ plansName: value ?? undefined, configuration: undefined })}
            allowDeselect={false}
          />
          <Select
            label="Configuration"
            data={overview?.configurations.map(({ name }) => name) ?? []}
            value={configuration?.name ?? null}
            onChange={(value) => set({ configuration: value ?? undefined })}
            allowDeselect={false}
          />
        </Group>
      )}
      {configuration?.previousStage && (
        <SecondStageNote
          stage={configuration.previousStage}
          firstStage={firstStage}
          onTrain={(name, chosenFolds) => set({ configuration: name, folds: chosenFolds })}
          onClose={onClose}
        />
      )}
      {!isPrepared && (
        <DatasetPreparation
          dataset={dataset}
          plansName={plansName}
          configuration={configuration?.name}
          onClose={onClose}
        />
      )}
      {isPrepared && configuration && (
        <FirstStageNote
          dataset={dataset}
          plansName={plansName}
          overview={overview}
          configuration={configuration}
        />
      )}
      <Checkbox.Group
        label="Folds"
        description={FOLDS_SENTENCE}
        value={[...choice.folds]}
        onChange={(values) => set({ folds: folds.filter((fold) => values.includes(fold)) })}
      >
        <Group gap="md" mt={6}>
          {folds.map((fold) => (
            <Checkbox key={fold} value={fold} label={fold === 'all' ? 'all cases' : fold} />
          ))}
        </Group>
      </Checkbox.Group>
      <SchedulePicker choice={choice} presets={presets} step={step} trainer={trainer} onChange={set} />
      {cost?.status === 'known' && (
        <NeedsNote
          cost={cost.cost}
          fit={cost.fit}
          step={step}
          schedule={schedule}
          optimiser={trainer.optimiser}
          folds={choice.folds.length}
        />
      )}
      {cost && configuration && <CostNote costs={new Map([[configuration.name, cost]])} />}
      <Accordion variant="default" chevronPosition="left">
        <Accordion.Item value="advanced">
          <Accordion.Control>Trainer and seed: {choice.trainer}</Accordion.Control>
          <Accordion.Panel>
            <Stack gap="sm">
              <TrainerSelect value={choice.trainer} onChange={(value) => set({ trainer: value })} />
              <NumberInput
                label="Seed"
                description="Of weights, patches and augmentation: the same seed on the same GPU gives the same model, to the bit."
                min={0}
                allowDecimal={false}
                value={choice.seed}
                onChange={(value) => set({ seed: Number(value) || 0 })}
              />
              <Switch
                label="Half precision"
                description={
                  gpu?.facts.hasF16
                    ? 'Feature maps as 16-bit numbers: about half the memory, often faster; weights and sums stay 32-bit.'
                    : 'This GPU has no 16-bit arithmetic.'
                }
                disabled={!gpu?.facts.hasF16}
                checked={choice.isHalfPrecision}
                onChange={({ currentTarget }) => set({ isHalfPrecision: currentTarget.checked })}
              />
              <Switch
                label="Keep probabilities of the validation"
                description="Needed for ensembles of two configurations; classes × voxels × 4 bytes per case."
                checked={choice.shouldSaveProbabilities}
                onChange={({ currentTarget }) => set({ shouldSaveProbabilities: currentTarget.checked })}
              />
            </Stack>
          </Accordion.Panel>
        </Accordion.Item>
      </Accordion>
      {problem && isPrepared && (
        <Text size="sm" c="red" role="alert">
          {problem}
        </Text>
      )}
      <Group justify="flex-end" gap="xs" className={styles.foot}>
        <Button variant="default" onClick={onClose}>
          Cancel
        </Button>
        <Button
          leftSection={<IconPlayerPlay size={16} aria-hidden />}
          disabled={!isPrepared || !isFirstStageDone || problem !== undefined || gpuState.status !== 'ready'}
          onClick={() => void start()}
        >
          {choice.folds.length > 1 ? `Train ${choice.folds.length} folds` : 'Train'}
        </Button>
      </Group>
    </>
  );
}

const FOLDS_SENTENCE =
  'Each fold holds out different cases for validation; folds are trained one after the other. One is enough to see how well it works.';

function preferredPlans({ plans }: DatasetRecord): string | undefined {
  return plans.includes('nnUNetPlans') ? 'nnUNetPlans' : plans[0];
}

const TRAINERS = trainersByGroup().map(({ group, names }) => ({ group, items: [...names] }));

function TrainerSelect({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  return (
    <Select
      label="Trainer"
      description={knownTrainer(value)?.summary}
      inputWrapperOrder={['label', 'input', 'description', 'error']}
      data={TRAINERS}
      value={value}
      onChange={(chosen) => chosen && onChange(chosen)}
      allowDeselect={false}
      searchable
      renderOption={({ option }) => (
        <div>
          <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
            {option.value}
          </Text>
          <Text size="xs" c="dimmed">
            {knownTrainer(option.value)?.summary}
          </Text>
        </div>
      )}
    />
  );
}
