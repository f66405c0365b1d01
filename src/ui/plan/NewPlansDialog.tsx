import { Alert, Button, Group, Modal, NumberInput, Select, Stack, Text, TextInput } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useState } from 'react';
import { planForThisGpu } from '@/app/plan/planForThisGpu';
import { assertPlansName } from '@/core/planning/editPlans';
import { PLANNERS } from '@/core/planning/planners';
import { WEBGPU_PLANNER_NAME, WEBGPU_PLANS_NAME } from '@/core/planning/webgpuPlanner';
import { messageOf } from '@/shared/errors';
import type { DatasetRecord } from '@/storage/datasetRecord';
import { useGpuReport, usePlans, useThroughput } from '../components/usePlans';
import { useStudio } from '../useStudio';
import { showPlans } from './planActions';
import { PLANNER_GROUPS, wordsFor } from './plannerChoices';
import { TupleInput } from './TupleInput';

interface NewPlansDialogProps {
  readonly initial: string | undefined;
  readonly onClose: () => void;
}

/** What a person may set; empty fields leave it to the planner. */
interface Choice {
  readonly planner: string;
  readonly memoryGb: number | undefined;
  readonly hours: number;
  /** mm along z, y, x of the images. */
  readonly spacing: readonly number[];
  readonly plansName: string;
}

const NO_SPACING = [Number.NaN, Number.NaN, Number.NaN];
const GUESSED_MEMORY_GB = 4;

/** Plans a dataset: the planner, and what it is told. */
export function NewPlansDialog({ initial, onClose }: NewPlansDialogProps) {
  const studio = useStudio();
  const gpu = useGpuReport();
  const throughput = useThroughput();
  const { datasets, entries } = usePlans((state) => state);
  const [datasetName, setDatasetName] = useState<string | undefined>(initial ?? datasets[0]?.name);
  const [choice, setChoice] = useState<Choice>({
    planner: PLANNERS[0].name,
    memoryGb: undefined,
    hours: 12,
    spacing: NO_SPACING,
    plansName: '',
  });
  const [state, setState] = useState<{ readonly step?: string; readonly error?: string }>({});
  const dataset = datasets.find(({ name }) => name === datasetName);
  const taken = entries.filter((one) => one.owner === 'dataset' && one.datasetName === datasetName);
  const isForGpu = choice.planner === WEBGPU_PLANNER_NAME;
  const planner = PLANNERS.find(({ name }) => name === choice.planner);
  const ownName = planner?.plansName ?? WEBGPU_PLANS_NAME;
  const finalName = choice.plansName || ownName;
  const isReplaced = taken.some(({ plansName }) => plansName === finalName);
  const hasSpacing = choice.spacing.some((mm) => !Number.isNaN(mm));
  const isSpacingBad = hasSpacing && !choice.spacing.every((mm) => mm > 0);
  const nameProblem = nameProblemOf(choice.plansName, ownName);
  const set = (part: Partial<Choice>) => setChoice({ ...choice, ...part });

  const planAsNnunet = (target: DatasetRecord) =>
    studio.plans.plan(target.name, {
      planner: choice.planner,
      plansName: finalName,
      ...(choice.memoryGb !== undefined && { gpuMemoryTargetGb: choice.memoryGb }),
      ...(hasSpacing && { overwriteTargetSpacing: choice.spacing }),
    });
  const planForGpu = async (target: DatasetRecord) => {
    const { entry, warnings } = await planForThisGpu(studio, target, {
      hours: choice.hours,
      memoryGb: choice.memoryGb ?? GUESSED_MEMORY_GB,
      plansName: finalName,
      onStep: (step) => setState({ step }),
    });
    for (const message of warnings) notifications.show({ message, color: 'yellow', autoClose: false });
    return entry;
  };
  const plan = async (target: DatasetRecord) => {
    setState({ step: 'Planning' });
    try {
      showPlans(isForGpu ? await planForGpu(target) : await planAsNnunet(target));
      onClose();
    } catch (error) {
      setState({ error: messageOf(error) });
    }
  };

  return (
    <Modal opened onClose={onClose} title="New plans" centered size="lg">
      <Stack gap="sm">
        <Select
          label="Dataset"
          data={datasets.map(({ name }) => name)}
          value={datasetName ?? null}
          onChange={(value) => setDatasetName(value ?? undefined)}
          allowDeselect={false}
        />
        {dataset && !dataset.hasFingerprint && <FingerprintFirst dataset={dataset} onClose={onClose} />}
        <Select
          label="Planner"
          description={wordsFor(choice.planner).sentence}
          inputWrapperOrder={['label', 'input', 'description', 'error']}
          data={PLANNER_GROUPS.map(({ group, items }) => ({ group, items: [...items] }))}
          value={choice.planner}
          onChange={(value) => set({ planner: value ?? choice.planner })}
          allowDeselect={false}
          renderOption={({ option }) => <PlannerOption name={option.value} />}
        />
        {isForGpu ? (
          <Group grow align="flex-start">
            <NumberInput
              label="Hours"
              description="for one fold of one configuration"
              min={0.1}
              value={choice.hours}
              onChange={(value) => set({ hours: Number(value) || choice.hours })}
            />
            <NumberInput
              label="GPU memory, GB"
              description="browsers do not tell: what may training take?"
              min={0.5}
              placeholder={String(GUESSED_MEMORY_GB)}
              value={choice.memoryGb ?? ''}
              onChange={(value) => set({ memoryGb: value === '' ? undefined : Number(value) })}
            />
          </Group>
        ) : (
          <Group grow align="flex-start">
            <NumberInput
              label="GPU memory target, GB"
              description="larger means larger patches or batches"
              min={1}
              placeholder={`${planner?.referenceGb ?? ''} (the planner's own)`}
              value={choice.memoryGb ?? ''}
              onChange={(value) => set({ memoryGb: value === '' ? undefined : Number(value) })}
            />
            <TupleInput
              label="Target spacing, mm"
              description="x × y × z; empty: the median of the dataset"
              value={choice.spacing.toReversed()}
              onChange={(xyz) => set({ spacing: xyz.toReversed() })}
              error={isSpacingBad ? 'Three numbers above 0, or nothing.' : undefined}
            />
          </Group>
        )}
        <TextInput
          label="Name of the plans"
          placeholder={ownName}
          value={choice.plansName}
          onChange={({ currentTarget }) => set({ plansName: currentTarget.value.trim() })}
          error={nameProblem}
        />
        {isReplaced && (
          <Alert color="yellow" variant="light">
            {dataset?.name} has {finalName} already: planning again replaces them, as nnU-Net does. Give
            another name to keep both.
          </Alert>
        )}
        {isForGpu && gpu && (
          <Text size="xs" c="dimmed">
            {gpu.facts.description}.{' '}
            {throughput
              ? `Measured: ${(throughput.flopsPerSecond / 1e9).toFixed(1)} GFLOP/s.`
              : 'Its speed is measured first, which takes some seconds.'}
          </Text>
        )}
        {state.error && (
          <Alert color="red" variant="light" role="alert">
            {state.error}
          </Alert>
        )}
        <Group justify="flex-end" gap="xs">
          <Text size="xs" c="dimmed" aria-live="polite">
            {state.step}
          </Text>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button
            loading={state.step !== undefined}
            disabled={
              !dataset?.hasFingerprint || isSpacingBad || nameProblem !== undefined || (isForGpu && !gpu)
            }
            onClick={() => dataset && void plan(dataset)}
          >
            Plan
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}

/** What a planner is for, in a sentence, and nnU-Net's name for it. */
function PlannerOption({ name }: { name: string }) {
  const { label, sentence } = wordsFor(name);
  return (
    <div>
      <Group gap={8}>
        <Text size="sm">{label}</Text>
        <Text size="xs" c="dimmed" ff="monospace">
          {name}
        </Text>
      </Group>
      <Text size="xs" c="dimmed">
        {sentence}
      </Text>
    </div>
  );
}

function FingerprintFirst({ dataset, onClose }: { dataset: DatasetRecord; onClose: () => void }) {
  const { datasets } = useStudio();
  return (
    <Alert color="yellow" variant="light">
      <Group justify="space-between">
        <Text size="sm">
          Planning needs the fingerprint of {dataset.name}: sizes, spacings and intensities.
        </Text>
        <Button
          size="compact-sm"
          variant="light"
          onClick={() => {
            void datasets.enqueue(dataset.name, [{ kind: 'fingerprint' }]);
            onClose();
          }}
        >
          Extract it
        </Button>
      </Group>
    </Alert>
  );
}

/** A planner may write its own name; any other has to be free for use as a file name. */
function nameProblemOf(plansName: string, ownName: string): string | undefined {
  if (plansName === '' || plansName === ownName) return undefined;
  try {
    assertPlansName(plansName, []);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
