import { Alert, Button, Group, Menu, Select, Stack, Text } from '@mantine/core';
import { IconChevronDown, IconPlayerPlayFilled, IconPlayerStopFilled } from '@tabler/icons-react';
import { describeRecipe, type OfferedConfiguration } from '@/app/choose/bestConfiguration';
import { modelDifferences } from '@/app/models/modelDifferences';
import { modelFit } from '@/app/segment/modelCompatibility';
import type { NnunetModel } from '@/core/interop/model';
import { formatNetworkXyz } from '@/shared/geometry';
import type { CaseRecord, PredictRequest } from '@/storage/caseRecord';
import type { ModelRecord } from '@/storage/modelLibrary';
import type { GivenFile } from '@/workers/files/api';
import { ErrorNote } from '../components/ErrorNote';
import { FilePicker, FolderPicker } from '../files/FilePickers';
import { namesInShort } from '../labels/labelFilter';
import { useLibrary, useStudio } from '../useStudio';
import { ProcessorNote, useProcessor } from './ProcessorNote';
import { RunSettings } from './RunSettings';
import styles from './segment.module.css';
import { useRunChoice } from './useRunChoice';

interface RunPanelProps {
  readonly current: CaseRecord;
  readonly cases: readonly CaseRecord[];
  readonly onFiles: (files: readonly GivenFile[]) => Promise<void>;
}

/** Which model, with which settings, and go. */
export function RunPanel({ current, cases, onFiles }: RunPanelProps) {
  const { selection } = useStudio();
  const { models, recipes, chosen, recipe, folds, previous, job } = useRunChoice(current);
  const processor = useProcessor(chosen?.model);
  const differences = modelDifferences(models.map(({ model }) => model));
  return (
    <section className={styles.section} aria-label="Model">
      <h2 className={styles.heading}>Model</h2>
      {current.run.status === 'failed' && (
        <div style={{ margin: '0 -14px 10px' }}>
          <ErrorNote title="This case failed" {...current.run.error} where={current.caseId} />
        </div>
      )}
      {!chosen && <NoModel onFiles={onFiles} />}
      {chosen && (
        <Stack gap="sm">
          <Select
            aria-label="Model"
            value={recipe?.id ?? chosen.model.id}
            allowDeselect={false}
            data={[
              ...recipes.map(({ id, name }) => ({ value: id, label: name })),
              ...models
                .filter(({ fit }) => fit.fits)
                .map(({ model }) => ({ value: model.id, label: model.name })),
              ...models
                .filter(({ fit }) => !fit.fits)
                .map(({ model }) => ({ value: model.id, label: model.name, disabled: true })),
            ]}
            onChange={(id) => selection.setState({ modelId: id ?? undefined })}
            renderOption={({ option }) => {
              const entry = models.find(({ model }) => model.id === option.value);
              const known = recipes.find(({ id }) => id === option.value);
              return (
                <div>
                  <Text size="sm">{option.label}</Text>
                  {entry && differences.has(entry.model.id) && (
                    <Text size="xs">{differences.get(entry.model.id)}</Text>
                  )}
                  {entry && (
                    <Text size="xs" c="dimmed">
                      {entry.fit.fits ? describeModel(entry.model) : `Does not fit. ${entry.fit.reason}`}
                    </Text>
                  )}
                  {known && (
                    <Text size="xs" c="dimmed">
                      {textOfRecipe(known)}
                    </Text>
                  )}
                </div>
              );
            }}
          />
          {!recipe && differences.has(chosen.model.id) && (
            <Text size="xs">{differences.get(chosen.model.id)}</Text>
          )}
          {chosen.fit.fits ? (
            <Text size="xs" c="dimmed">
              {recipe ? textOfRecipe(recipe) : describeModel(chosen.model)}
            </Text>
          ) : (
            <Alert
              color="yellow"
              variant="light"
              p="xs"
              title={
                chosen.fit.lacksStage ? 'Its first stage is missing' : 'This model does not fit the image'
              }
            >
              <Text size="xs">{chosen.fit.reason}</Text>
            </Alert>
          )}
          {chosen.fit.fits && chosen.fit.caution && (
            <Alert color="yellow" variant="light" p="xs">
              <Text size="xs">{chosen.fit.caution}</Text>
            </Alert>
          )}
          {previous && <Stages first={previous} second={chosen.model} />}
          <RunSettings
            model={chosen.model}
            previous={previous}
            recipe={recipe}
            folds={folds}
            current={current}
            cases={cases}
          />
          {chosen.fit.fits && job && processor === 'chosen' && (
            <ProcessorNote current={current} model={chosen.model} previous={previous} job={job} />
          )}
          {processor === 'to be chosen' && <ChooseProcessor />}
          <RunButton
            current={current}
            cases={cases}
            model={chosen.model}
            job={job}
            fits={chosen.fit.fits && folds.length > 0}
            canCompute={processor !== 'to be chosen'}
          />
        </Stack>
      )}
    </section>
  );
}

/** What a cascade runs, in order. */
function Stages({ first, second }: { first: ModelRecord; second: ModelRecord }) {
  return (
    <div className={styles.stages}>
      <Text size="xs" fw={600}>
        Two stages
      </Text>
      <ol aria-label="Stages">
        <li>
          {first.model.configuration.name}, voxels {voxelsOf(first.model)} mm
        </li>
        <li>
          {second.model.configuration.name}, voxels {voxelsOf(second.model)} mm, which refines what the first
          one finds
        </li>
      </ol>
    </div>
  );
}

function textOfRecipe(recipe: OfferedConfiguration): string {
  return `${describeRecipe(recipe)}; Dice ${recipe.dice.toFixed(2)} in cross-validation`;
}

function describeModel({ model, crossValidationDice }: ModelRecord): string {
  const names = [...model.labels.names].filter(([value]) => value !== 0).map(([, name]) => name);
  const shown = namesInShort(names, 4);
  const dice = crossValidationDice === undefined ? '' : `, Dice ${crossValidationDice.toFixed(2)}`;
  return `${shown}; voxels ${voxelsOf(model)} mm${dice}`;
}

function voxelsOf({ configuration, plans }: NnunetModel): string {
  return formatNetworkXyz(configuration.spacing, plans.transposeBackward, 2);
}

function NoModel({ onFiles }: Pick<RunPanelProps, 'onFiles'>) {
  return (
    <Stack gap="xs">
      <Text size="sm" c="dimmed">
        Drop a trained nnU-Net model, its results folder or a zip of it; or a network in ONNX.
      </Text>
      <Group gap="xs">
        <FilePicker onFiles={onFiles} size="xs">
          Choose a zip
        </FilePicker>
        <FolderPicker onFiles={onFiles} size="xs" />
      </Group>
    </Stack>
  );
}

/** Without a GPU nothing is computed before somebody has said that the processor may. */
function ChooseProcessor() {
  const { system } = useStudio();
  return (
    <Alert color="yellow" variant="light" p="xs" title="No GPU available">
      <Text size="xs">
        The processor can compute instead, with the same result. It takes far longer; how long is measured
        first.
      </Text>
      <Button size="xs" mt="xs" variant="default" onClick={() => system.computeOnProcessor()}>
        Compute on the processor
      </Button>
    </Alert>
  );
}

interface RunButtonProps {
  readonly current: CaseRecord;
  readonly cases: readonly CaseRecord[];
  readonly model: ModelRecord;
  readonly job: PredictRequest | undefined;
  readonly fits: boolean;
  /** There is a GPU, or the processor has been chosen instead. */
  readonly canCompute: boolean;
}

function RunButton({ current, cases, model, job, fits, canCompute }: RunButtonProps) {
  const { queue } = useStudio();
  const library = useLibrary((state) => state.models);
  const { status } = current.run;
  if (status === 'running' || status === 'queued') {
    return (
      <Button
        variant="default"
        size="md"
        leftSection={<IconPlayerStopFilled size={16} aria-hidden />}
        onClick={() => void queue.cancel(current.id)}
      >
        {status === 'running' ? 'Cancel' : 'Remove from queue'}
      </Button>
    );
  }
  const run = (some: readonly CaseRecord[]) => {
    if (job)
      void queue.enqueue(
        some.map(({ id }) => id),
        job,
      );
  };
  const available = library.map((record) => record.model);
  const others = cases.filter(
    ({ id, run: { status: state }, result, image }) =>
      id !== current.id &&
      !result &&
      state !== 'queued' &&
      state !== 'running' &&
      modelFit(model.model, image, available).fits,
  );
  const isReady = fits && canCompute;
  return (
    <Group gap={6} wrap="nowrap">
      <Button
        size="md"
        flex={1}
        disabled={!isReady}
        leftSection={<IconPlayerPlayFilled size={16} aria-hidden />}
        onClick={() => run([current])}
      >
        {current.result ? 'Segment again' : 'Segment'}
      </Button>
      {others.length > 0 && (
        <Menu position="top-end">
          <Menu.Target>
            <Button size="md" px="xs" disabled={!isReady} aria-label="More cases">
              <IconChevronDown size={17} aria-hidden />
            </Button>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item onClick={() => run([current, ...others])}>
              Segment all {others.length + 1} that are not done
            </Menu.Item>
          </Menu.Dropdown>
        </Menu>
      )}
    </Group>
  );
}
