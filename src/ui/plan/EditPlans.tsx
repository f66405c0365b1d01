import {
  Alert,
  Button,
  Group,
  NumberInput,
  SegmentedControl,
  Select,
  Stack,
  Switch,
  Text,
  TextInput,
} from '@mantine/core';
import { useId, useMemo, useState } from 'react';
import { configurationCost, networkChannels } from '@/app/plan/plansCost';
import type { PlansEntry } from '@/app/plan/plansStore';
import type { AnyPlans } from '@/core/planning/anyPlans';
import {
  assertPlansName,
  type ConfigurationEdit,
  checkEdit,
  configurationWith,
  editedPlans,
  editOf,
  freePlansName,
} from '@/core/planning/editPlans';
import type { Configuration } from '@/core/planning/plans';
import { axisNames, type PlansOverview } from '@/core/planning/plansOverview';
import { plansJson } from '@/core/planning/writePlans';
import {
  findNormalization,
  NORMALIZATION_SCHEMES,
  type NormalizationScheme,
  normalizationNamed,
} from '@/core/preprocessing/normalization/schemes';
import { messageOf } from '@/shared/errors';
import { networkOfXyz, xyzOfNetwork } from '@/shared/geometry';
import { formatBytes } from '@/shared/numeric';
import { formatFlops, formatLongTime, formatParameters } from '../components/planFormats';
import { useDatasetOf, useGpuReport, usePlans, useThroughput } from '../components/usePlans';
import { useStudio } from '../useStudio';
import editing from './edit.module.css';
import { NetworkDrawing } from './NetworkDrawing';
import { PatchDrawing } from './PatchDrawing';
import styles from './plan.module.css';
import { showPlans } from './planActions';
import { StageEditor } from './StageEditor';
import { Term } from './Term';
import { TupleInput } from './TupleInput';

interface EditPlansProps {
  readonly entry: PlansEntry;
  readonly overview: PlansOverview;
  readonly onDone: () => void;
}

/** Changes configurations by hand; what comes out are new plans. */
export function EditPlans({ entry, overview, onDone }: EditPlansProps) {
  const { plans } = useStudio();
  const editable = overview.configurations.flatMap(({ configuration }) => configuration ?? []);
  const [name, setName] = useState(
    () => (editable.find((one) => one.name === '3d_fullres') ?? editable[0])?.name ?? '',
  );
  const [edits, setEdits] = useState<Readonly<Record<string, ConfigurationEdit>>>({});
  const { transposeBackward } = overview;
  const taken = useTakenNames(entry);
  const dataset = useDatasetOf(entry);
  const [plansName, setPlansName] = useState(() => freePlansName(entry.plansName, taken));
  const [failure, setFailure] = useState<string>();
  const configuration = editable.find((one) => one.name === name);
  if (!configuration) {
    return (
      <Alert color="yellow" variant="light">
        None of these configurations can be edited here:{' '}
        {overview.configurations[0]?.problem ?? 'there are none'} The JSON view shows the file as it is.
      </Alert>
    );
  }

  const edit = edits[name] ?? editOf(configuration);
  const setEdit = (next: ConfigurationEdit) => setEdits({ ...edits, [name]: next });
  const problems = new Map(
    editable.map((one) => [one.name, checkEdit(edits[one.name] ?? editOf(one), transposeBackward)] as const),
  );
  const badNames = editable.filter((one) => edits[one.name] && (problems.get(one.name)?.length ?? 0) > 0);
  const nameProblem = problemOf(() => assertPlansName(plansName, taken));
  const isValid = problems.get(name)?.length === 0;
  const edited = configurationWith(configuration, edit);
  const isChanged = editable.some((one) => isEdited(one, edits[one.name]));

  const save = async () => {
    try {
      const changed = editable.filter((one) => isEdited(one, edits[one.name]));
      const document = changed.reduce<AnyPlans>(
        (current, one) => editedPlans(current, one, edits[one.name], plansName),
        overview.plans,
      );
      showPlans(await plans.saveBeside(entry, plansJson(document)));
      onDone();
    } catch (error) {
      setFailure(messageOf(error));
    }
  };

  return (
    <div className={editing.editor}>
      <div className={styles.card}>
        <Stack gap="md">
          <SegmentedControl
            size="xs"
            aria-label="Configuration to edit"
            data={editable.map((one) => one.name)}
            value={name}
            onChange={setName}
          />
          <ConfigurationForm
            key={name}
            configuration={configuration}
            edit={edit}
            transposeForward={overview.transposeForward}
            transposeBackward={transposeBackward}
            onChange={setEdit}
          />
          <EditProblems edit={edit} transposeBackward={transposeBackward} onFix={setEdit} />
        </Stack>
      </div>
      <div className={editing.editResult}>
        <section className={styles.card} aria-label="Save">
          <TextInput
            label="Name of the new plans"
            description="The plans you started from stay as they are."
            value={plansName}
            onChange={({ currentTarget }) => setPlansName(currentTarget.value)}
            error={nameProblem}
          />
          {failure && (
            <Alert color="red" variant="light" mt="sm" role="alert">
              {failure}
            </Alert>
          )}
          <Group gap="xs" mt="md">
            <Button
              onClick={() => void save()}
              disabled={!isChanged || badNames.length > 0 || nameProblem !== undefined}
            >
              Save as new plans
            </Button>
            <Button variant="default" onClick={onDone}>
              Cancel
            </Button>
          </Group>
          <Text size="xs" c="dimmed" mt={6}>
            {saveHint(isChanged, badNames)}
          </Text>
        </section>
        {isValid && (
          <EditPreview entry={entry} overview={overview} configuration={configuration} edit={edit} />
        )}
      </div>
      {isValid && (
        <section className={`${styles.card} ${editing.editNetwork}`} aria-label="Edited network">
          <NetworkDrawing
            configuration={edited}
            transposeBackward={transposeBackward}
            channels={networkChannels(edited, dataset)}
          />
        </section>
      )}
    </div>
  );
}

function saveHint(isChanged: boolean, bad: readonly Configuration[]): string {
  if (bad.length > 0) return `To be corrected first: ${bad.map(({ name }) => name).join(', ')}.`;
  return isChanged ? 'nnU-Net reads the new file as well.' : 'Nothing is changed yet.';
}

interface ConfigurationFormProps {
  readonly configuration: Configuration;
  readonly edit: ConfigurationEdit;
  readonly transposeForward: readonly number[];
  readonly transposeBackward: readonly number[];
  readonly onChange: (edit: ConfigurationEdit) => void;
}

function ConfigurationForm(props: ConfigurationFormProps) {
  const { configuration, edit, transposeForward, transposeBackward, onChange } = props;
  const names = axisNames(transposeForward, edit.patchSize.length);
  const order = xyzOfNetwork(names, transposeBackward).join(' × ');
  const problems = checkEdit(edit);
  return (
    <>
      <div className={editing.fields}>
        <TupleInput
          label={<Term term="patch">Patch, voxels</Term>}
          aria-label="Patch, voxels"
          description={order}
          value={xyzOfNetwork(edit.patchSize, transposeBackward)}
          onChange={(xyz) => onChange({ ...edit, patchSize: networkOfXyz(xyz, transposeBackward) })}
          error={problems.some(({ field }) => field === 'patchSize')}
        />
        <TupleInput
          label={<Term term="spacing">Spacing, mm</Term>}
          aria-label="Spacing, mm"
          description={order}
          value={xyzOfNetwork(edit.spacing, transposeBackward)}
          onChange={(xyz) => onChange({ ...edit, spacing: networkOfXyz(xyz, transposeBackward) })}
          error={problems.some(({ field }) => field === 'spacing')}
        />
        <NumberInput
          label={<Term term="batch">Batch</Term>}
          aria-label="Batch"
          description="patches a step"
          min={1}
          allowDecimal={false}
          value={Number.isNaN(edit.batchSize) ? '' : edit.batchSize}
          onChange={(value) => onChange({ ...edit, batchSize: value === '' ? Number.NaN : Number(value) })}
        />
      </div>
      <Switch
        label={<Term term="batchDice">Batch Dice</Term>}
        aria-label="Batch Dice"
        checked={edit.batchDice}
        onChange={({ currentTarget }) => onChange({ ...edit, batchDice: currentTarget.checked })}
      />
      <div className={editing.channelFields}>
        {edit.normalizationSchemes.map((scheme, c) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a channel is its place
          <Stack key={c} gap={4}>
            <Select
              label={<Term term="normalization">{`Normalisation, channel ${c}`}</Term>}
              aria-label={`Normalisation, channel ${c}`}
              data={NORMALIZATION_SCHEMES.map(({ name, label }) => ({ value: name, label }))}
              value={scheme}
              allowDeselect={false}
              onChange={(value) =>
                onChange(withScheme(edit, c, findNormalization(value ?? '')?.name ?? scheme))
              }
            />
            {normalizationNamed(scheme).canUseMask && (
              <Switch
                size="xs"
                label="Within the non-zero mask"
                checked={edit.useMaskForNorm[c] ?? false}
                onChange={({ currentTarget: { checked } }) => onChange(withMask(edit, c, checked))}
              />
            )}
          </Stack>
        ))}
      </div>
      <StageEditor
        stages={edit.stages}
        transposeBackward={transposeBackward}
        isPlain={configuration.architecture.networkClass === 'PlainConvUNet'}
        onChange={(stages) => onChange({ ...edit, stages })}
      />
    </>
  );
}

/** What is refused, each with a click that puts it right where there is one. */
function EditProblems({
  edit,
  transposeBackward,
  onFix,
}: {
  edit: ConfigurationEdit;
  transposeBackward: readonly number[];
  onFix: (edit: ConfigurationEdit) => void;
}) {
  const problems = checkEdit(edit, transposeBackward);
  return (
    <div aria-live="polite">
      {problems.map(({ field, message, fix }) => (
        <Alert key={`${field} ${message}`} color="red" variant="light" mb="xs">
          <Group justify="space-between" gap="xs">
            <Text size="sm">{message}</Text>
            {fix && (
              <Button size="compact-sm" variant="light" color="red" onClick={() => onFix(fix.edit)}>
                {fix.label}
              </Button>
            )}
          </Group>
        </Alert>
      ))}
    </div>
  );
}

interface EditPreviewProps {
  readonly entry: PlansEntry;
  readonly overview: PlansOverview;
  readonly configuration: Configuration;
  readonly edit: ConfigurationEdit;
}

/** What an edit that can be used costs beside what it was, and its patch. */
function EditPreview({ entry, overview, configuration, edit }: EditPreviewProps) {
  const dataset = useDatasetOf(entry);
  const gpu = useGpuReport();
  const throughput = useThroughput()?.flopsPerSecond;
  const titleId = useId();
  const [before, after] = useMemo(() => {
    const costOf = (one: Configuration) => {
      const result = configurationCost(one, dataset, gpu, throughput);
      return result.status === 'known' ? result.cost : undefined;
    };
    return [costOf(configuration), costOf(configurationWith(configuration, edit))];
  }, [configuration, edit, dataset, gpu, throughput]);
  const median = overview.configurations.find(({ name }) => name === configuration.name)?.medianShape;
  const rows = [
    ['Parameters', before?.parameterCount, after?.parameterCount, formatParameters],
    ['GPU memory', before?.trainingBytes, after?.trainingBytes, formatBytes],
    ['Per step', before?.flopsPerIteration, after?.flopsPerIteration, formatFlops],
    ['Per epoch', before?.secondsPerEpoch, after?.secondsPerEpoch, formatLongTime],
  ] as const;
  return (
    <>
      <section className={styles.card} aria-labelledby={titleId}>
        <h3 id={titleId}>What it costs</h3>
        <table className={editing.beforeAfter}>
          <thead>
            <tr>
              <td />
              <th scope="col">before</th>
              <th scope="col">edited</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(([label, was, is, format]) => (
              <tr key={label}>
                <th scope="row">{label}</th>
                <td>{shown(was, format)}</td>
                <td data-differs={was !== is && !(Number.isNaN(was) && Number.isNaN(is))}>
                  {shown(is, format)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <section className={styles.card} aria-label="Edited patch">
        <PatchDrawing
          patchSize={edit.patchSize}
          spacing={edit.spacing}
          medianShape={median?.map((size, axis) => (size * configuration.spacing[axis]) / edit.spacing[axis])}
          transposeForward={overview.transposeForward}
          transposeBackward={overview.transposeBackward}
        />
      </section>
    </>
  );
}

function shown(value: number | undefined, format: (value: number) => string): string {
  return value === undefined || Number.isNaN(value) ? '–' : format(value);
}

/** Names that new plans beside these cannot have. */
export function useTakenNames(entry: PlansEntry): readonly string[] {
  const entries = usePlans((state) => state.entries);
  const isBeside = (one: PlansEntry) =>
    entry.owner === 'dataset'
      ? one.datasetName === entry.datasetName && one.owner === 'dataset'
      : one.owner === 'file';
  return entries.filter(isBeside).map((one) => one.plansName);
}

export function problemOf(check: () => void): string | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

function isEdited(configuration: Configuration, edit: ConfigurationEdit | undefined): boolean {
  return edit !== undefined && JSON.stringify(editOf(configuration)) !== JSON.stringify(edit);
}

function withScheme(
  edit: ConfigurationEdit,
  channel: number,
  scheme: NormalizationScheme,
): ConfigurationEdit {
  return {
    ...edit,
    normalizationSchemes: edit.normalizationSchemes.map((one, c) => (c === channel ? scheme : one)),
    useMaskForNorm: edit.useMaskForNorm.map((one, c) =>
      c === channel && !normalizationNamed(scheme).canUseMask ? false : one,
    ),
  };
}

function withMask(edit: ConfigurationEdit, channel: number, useMask: boolean): ConfigurationEdit {
  return { ...edit, useMaskForNorm: edit.useMaskForNorm.map((one, c) => (c === channel ? useMask : one)) };
}
