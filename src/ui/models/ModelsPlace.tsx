import { Badge, Button, Group, Loader, Stack, Text } from '@mantine/core';
import { IconBox, IconLayersSelectedBottom } from '@tabler/icons-react';
import { modelDifferences } from '@/app/models/modelDifferences';
import { missingStage } from '@/app/segment/modelCompatibility';
import { previousStageIn } from '@/app/segment/predictJob';
import { type ForeignNetwork, type ModelFold, type NnunetModel, takesAnySpacing } from '@/core/interop/model';
import { formatNetworkXyz } from '@/shared/geometry';
import { formatBytes } from '@/shared/numeric';
import type { ModelRecord } from '@/storage/modelLibrary';
import { EditableName } from '../components/EditableName';
import { Problems } from '../components/ErrorNote';
import { ModelsHead } from '../components/ModelsHead';
import { FilePicker, FolderPicker } from '../files/FilePickers';
import { LabelNames } from '../labels/LabelNames';
import type { PlaceProps } from '../placeProps';
import { goTo } from '../route';
import { useLibrary, useSelection, useStudio } from '../useStudio';
import { ModelMenu } from './ModelMenu';
import styles from './models.module.css';

/** Models kept in this browser. */
export default function ModelsPlace({ onFiles }: PlaceProps) {
  const { models, isLoaded } = useLibrary((state) => state);
  const adding = useSelection((state) => state.adding);
  return (
    <div className={styles.place}>
      <ModelsHead section="models">
        {adding && <Loader size="xs" aria-label={adding} />}
        <FilePicker onFiles={onFiles} size="sm">
          Import a file
        </FilePicker>
        <FolderPicker onFiles={onFiles} size="sm">
          Import a folder
        </FolderPicker>
      </ModelsHead>
      <Problems />
      {isLoaded && models.length === 0 ? (
        <NoModels />
      ) : (
        <div className={styles.grid}>
          {models.map((model) => (
            <ModelCard key={model.id} record={model} />
          ))}
        </div>
      )}
    </div>
  );
}

function NoModels() {
  return (
    <Stack align="center" gap="xs" py={60} c="dimmed">
      <IconBox size={44} stroke={1.2} aria-hidden />
      <Text maw={460} ta="center">
        Import a trained nnU-Net model: its results folder (Trainer__Plans__configuration), the zip that
        nnUNetv2_export_model_to_zip writes, or a bundle (.nnstudio). It is kept in this browser, on this
        computer.
      </Text>
      <Button variant="light" mt="xs" onClick={() => goTo('segment')}>
        Or try the sample under Segment
      </Button>
    </Stack>
  );
}

function ModelCard({ record }: { record: ModelRecord }) {
  const studio = useStudio();
  const { model } = record;
  const { configuration } = model;
  const heading = headingOf(record);
  const models = useLibrary((state) => state.models);
  const taken = models.filter(({ id }) => id !== record.id).map(({ name }) => name);
  const difference = modelDifferences(models).get(record.id);
  return (
    <article className={styles.card} aria-label={record.name}>
      <Group justify="space-between" wrap="nowrap" align="flex-start">
        <div style={{ minWidth: 0, flex: 1 }}>
          <EditableName
            name={heading}
            rules={{ what: 'model', taken }}
            onRename={(name) => studio.library.rename(record.id, name)}
          >
            <Text fw={650} style={{ overflowWrap: 'anywhere' }}>
              {heading}
            </Text>
          </EditableName>
          {heading !== model.datasetName && (
            <Text size="xs" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
              {model.datasetName}
            </Text>
          )}
          {difference && (
            <Text size="xs" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
              {difference}
            </Text>
          )}
          <Group gap={6} mt={4}>
            <Badge size="sm" variant="light" tt="none">
              {configuration.name}
            </Badge>
            {record.origin === 'trained' && (
              <Badge size="sm" variant="light" color="gray" tt="none">
                trained here
              </Badge>
            )}
            {record.origin === 'imported' && (
              <Badge size="sm" variant="light" color="gray" tt="none">
                imported
              </Badge>
            )}
            {record.origin === 'sample' && (
              <Badge size="sm" variant="light" color="gray" tt="none">
                sample
              </Badge>
            )}
          </Group>
        </div>
        <ModelMenu record={record} />
      </Group>
      <LabelNames labels={foregroundOf(model)} />
      {record.sharing?.description && <Text size="sm">{record.sharing.description}</Text>}
      <ModelFacts record={record} />
      <CascadeNote record={record} />
      <Button
        size="xs"
        variant="light"
        mt="auto"
        leftSection={<IconLayersSelectedBottom size={15} aria-hidden />}
        onClick={() => {
          studio.selection.setState({ modelId: record.id });
          goTo('segment');
        }}
      >
        Use
      </Button>
    </article>
  );
}

/** What a person calls the model, else who shared it, else its dataset. */
function headingOf({ isRenamed, name, sharing, model }: ModelRecord): string {
  return isRenamed ? name : (sharing?.title ?? model.datasetName);
}

/** What the second stage of a cascade runs after, or lacks. */
function CascadeNote({ record }: { record: ModelRecord }) {
  const library = useLibrary((state) => state.models);
  const lack = missingStage(
    record.model,
    library.map(({ model }) => model),
  );
  if (lack !== undefined) {
    return (
      <Text size="xs" c="yellow">
        {lack}
      </Text>
    );
  }
  const previous = previousStageIn(library, record);
  if (!previous) return null;
  return (
    <Text size="xs" c="dimmed">
      Second stage of a cascade: runs after {previous.model.configuration.name}, which is here too.
    </Text>
  );
}

/** Labels that it writes, but the background. */
function foregroundOf({ labels }: NnunetModel): readonly { name: string; values: readonly number[] }[] {
  return [...labels.names].flatMap(([value, name]) => (value === 0 ? [] : [{ name, values: [value] }]));
}

/** What computes a foreign network, in words. */
function engineOf({ engine, reason }: ForeignNetwork): string {
  if (engine === 'graph') return 'on the GPU, by our own kernels: every operator is known';
  return `on the processor, by onnxruntime: ${reason}`;
}

/** `fold 0: 0.962 (13 cases)`. */
function diceOfFold({ fold, validationDice, validationCases }: ModelFold): string {
  const of = validationCases === undefined ? '' : ` (${validationCases} cases)`;
  return `fold ${fold}: ${validationDice?.toFixed(3)}${of}`;
}

function ModelFacts({ record }: { record: ModelRecord }) {
  const { model, sizeInBytes, source, importedAt, crossValidationDice, sharing } = record;
  const { configuration, plans, folds, channelNames } = model;
  const foldDice = folds.filter(({ validationDice }) => validationDice !== undefined);
  return (
    <dl className={styles.facts}>
      <dt>Channels</dt>
      <dd>{channelNames.join(', ')}</dd>
      <dt>Network</dt>
      <dd>{model.foreignNetwork ? 'ONNX, not nnU-Net’s' : configuration.architecture.networkClass}</dd>
      {model.foreignNetwork && (
        <>
          <dt>Runs</dt>
          <dd>{engineOf(model.foreignNetwork)}</dd>
        </>
      )}
      <dt>Patch</dt>
      <dd>{formatNetworkXyz(configuration.patchSize, plans.transposeBackward)}</dd>
      <dt>Voxel size</dt>
      <dd>
        {takesAnySpacing(configuration)
          ? 'as the image has it'
          : `${formatNetworkXyz(configuration.spacing, plans.transposeBackward, 2)} mm`}
      </dd>
      <dt>Folds</dt>
      <dd>{folds.map(({ fold }) => fold).join(', ')}</dd>
      {foldDice.length > 0 && (
        <>
          <dt title="Overlap with the reference, 0 to 1, mean over labels, of each fold's validation cases">
            Validation Dice
          </dt>
          <dd>
            {foldDice.map((fold) => (
              <div key={fold.fold}>{diceOfFold(fold)}</div>
            ))}
          </dd>
        </>
      )}
      {crossValidationDice !== undefined && (
        <>
          <dt title="Overlap with the reference, 0 to 1, mean over labels and all cross-validation cases">
            Cross-validation Dice
          </dt>
          <dd>{crossValidationDice.toFixed(3)}</dd>
        </>
      )}
      <dt title={record.files ? 'Checkpoints and all that came with them' : 'Weights alone'}>Stored</dt>
      <dd>{formatBytes(sizeInBytes)}</dd>
      <dt>Trainer</dt>
      <dd>{model.trainerName}</dd>
      {sharing?.authors && (
        <>
          <dt>Authors</dt>
          <dd>{sharing.authors}</dd>
        </>
      )}
      {sharing && (
        <>
          <dt title="Under which it may be used">Licence</dt>
          <dd className={styles.brief} title={sharing.licence}>
            {sharing.licence ?? 'none named'}
          </dd>
        </>
      )}
      {sharing?.citation && (
        <>
          <dt title="What to cite beside nnU-Net">Citation</dt>
          <dd className={styles.brief} title={sharing.citation}>
            {sharing.citation}
          </dd>
        </>
      )}
      <dt>From</dt>
      <dd>{source}</dd>
      <dt>{record.origin === 'trained' ? 'Trained' : 'Imported'}</dt>
      <dd>{new Date(importedAt).toLocaleDateString()}</dd>
    </dl>
  );
}
