import { Button, Group, NumberInput, SegmentedControl, Select, Stack, Text } from '@mantine/core';
import { IconScale } from '@tabler/icons-react';
import { useState } from 'react';
import { isAbort, messageOf } from '@/shared/errors';
import { ErrorNote } from '../components/ErrorNote';
import { goTo } from '../route';
import { useDatasets, useEvaluations, useQueue, useStudio } from '../useStudio';
import { DropZone } from './DropZone';
import styles from './evaluate.module.css';
import { type EvaluationForm, START, sourcesOf, titleOf } from './evaluationForm';
import { Pairing } from './Pairing';
import { usePreview } from './usePreview';

interface Problem {
  readonly name: string;
  readonly message: string;
}

/** What is to be evaluated, against what, and what of it has a partner. */
export function NewEvaluation() {
  const { evaluations, system } = useStudio();
  const cases = useQueue((state) => state.cases.filter(({ result }) => result));
  const datasets = useDatasets((state) => state.datasets);
  const isBusy = useEvaluations((state) => state.running !== undefined);
  const [form, setForm] = useState<EvaluationForm>(START);
  const [problem, setProblem] = useState<Problem>();
  const set = (part: Partial<EvaluationForm>) => {
    setProblem(undefined);
    setForm((before) => ({ ...before, ...part }));
  };
  const sources = sourcesOf(form, cases);
  const preview = usePreview(sources);
  const pairs = preview.status === 'known' ? preview.preview.pairs.length : 0;

  const start = async () => {
    if (!sources) return;
    setProblem(undefined);
    try {
      const title = titleOf(form);
      goTo('evaluate', await evaluations.start({ sources, title, toleranceMm: form.toleranceMm }));
    } catch (error) {
      const name = error instanceof Error ? error.name : 'Error';
      if (!isAbort(error)) setProblem({ name, message: messageOf(error) });
    }
    await system.measureStorage();
  };

  return (
    <Stack gap="md">
      <div className={styles.sides}>
        <section className={styles.side} aria-labelledby="predictions-side">
          <h2 id="predictions-side">Predictions</h2>
          <SegmentedControl
            size="xs"
            aria-label="Where the predictions are"
            data={[
              { value: 'files', label: 'Files' },
              { value: 'cases', label: `Results of Segment (${cases.length})`, disabled: cases.length === 0 },
            ]}
            value={form.predictionKind}
            onChange={(value) => set({ predictionKind: value === 'cases' ? 'cases' : 'files' })}
          />
          {form.predictionKind === 'files' ? (
            <DropZone
              name="Predictions"
              hint="Drop the folder of segmentations here"
              files={form.predictions}
              onFiles={(predictions) => set({ predictions })}
            />
          ) : (
            <p className={styles.chosen}>
              {cases
                .slice(0, 6)
                .map(({ caseId }) => caseId)
                .join(', ')}
              {cases.length > 6 && ` and ${cases.length - 6} more`}
            </p>
          )}
        </section>
        <section className={styles.side} aria-labelledby="references-side">
          <h2 id="references-side">References</h2>
          <SegmentedControl
            size="xs"
            aria-label="Where the references are"
            data={[
              { value: 'files', label: 'Files' },
              { value: 'dataset', label: 'A dataset of Data', disabled: datasets.length === 0 },
            ]}
            value={form.referenceKind}
            onChange={(value) => set({ referenceKind: value === 'dataset' ? 'dataset' : 'files' })}
          />
          {form.referenceKind === 'files' ? (
            <DropZone
              name="References"
              hint="Drop the folder of true label maps here"
              files={form.references}
              onFiles={(references) => set({ references })}
            />
          ) : (
            <Select
              aria-label="Dataset"
              placeholder="Choose a dataset"
              data={datasets.map(({ name }) => name)}
              value={form.datasetName ?? null}
              onChange={(value) => set({ datasetName: value ?? undefined })}
              allowDeselect={false}
            />
          )}
        </section>
        {form.predictionKind === 'files' && form.referenceKind === 'files' && (
          <section className={styles.side} aria-labelledby="images-side">
            <h2 id="images-side">
              Images <span>optional</span>
            </h2>
            <DropZone
              name="Images"
              hint="Drop the folder of images here"
              files={form.images}
              onFiles={(images) => set({ images })}
            />
          </section>
        )}
      </div>
      <Pairing state={preview} />
      {problem && <ErrorNote title="This could not be evaluated" where={titleOf(form)} {...problem} />}
      <Group align="flex-end" gap="md">
        <NumberInput
          label="Tolerance of the surface Dice"
          description="Surfaces that lie no further apart count as the same."
          inputWrapperOrder={['label', 'input', 'description']}
          w={300}
          suffix=" mm"
          min={0}
          max={100}
          step={0.5}
          decimalScale={2}
          value={form.toleranceMm}
          onChange={(value) => set({ toleranceMm: Number(value) || 0 })}
        />
      </Group>
      <Group gap="md">
        <Button
          leftSection={<IconScale size={17} aria-hidden />}
          disabled={pairs === 0 || isBusy}
          onClick={() => void start()}
        >
          {pairs === 0 ? 'Evaluate' : `Evaluate ${pairs === 1 ? 'one case' : `${pairs} cases`}`}
        </Button>
        <Text size="xs" c="dimmed">
          {isBusy
            ? 'Another evaluation is under way; see the jobs below.'
            : 'Everything stays on this computer. Nothing is uploaded.'}
        </Text>
      </Group>
    </Stack>
  );
}
