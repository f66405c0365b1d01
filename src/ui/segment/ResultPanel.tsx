import { ActionIcon, Button, ColorPicker, Group, Popover, Table, Text, Tooltip } from '@mantine/core';
import { IconDeviceFloppy, IconEye, IconEyeOff } from '@tabler/icons-react';
import { preferences } from '@/app/preferences';
import { formatBytes } from '@/shared/numeric';
import type { CaseRecord, CaseResult, LabelVolume } from '@/storage/caseRecord';
import { formatCount, formatMillilitres, formatSeconds } from '../formats';
import { labelColor, SWATCHES } from '../labelColors';
import { saveProbabilities, saveSegmentation } from '../studioActions';
import { usePreferences, useSelection, useStudio } from '../useStudio';
import { useViewer } from '../viewer/ViewerCanvas';
import { useLabelJump } from './labelJump';
import styles from './segment.module.css';
import { useSharedViewer } from './viewerContext';

/** What was found: labels with their volumes, and the files to save. Nothing before there is a result. */
export function ResultPanel({ current }: { current: CaseRecord }) {
  const studio = useStudio();
  const { result } = current;
  if (!result) return null;
  return (
    <section className={styles.section} aria-label="Segmentation">
      <h2 className={styles.heading}>Segmentation</h2>
      <LabelTable labels={result.labels} millilitresPerVoxel={millilitresPerVoxel(current)} />
      {result.warnings.map((warning) => (
        <Text key={warning} size="xs" c="yellow" mt={6}>
          {warning}
        </Text>
      ))}
      <Group gap="xs" mt="sm">
        <Button
          size="xs"
          leftSection={<IconDeviceFloppy size={15} aria-hidden />}
          onClick={() => void saveSegmentation(studio, current)}
        >
          Save segmentation
        </Button>
        {result.hasProbabilities && (
          <Button size="xs" variant="default" onClick={() => void saveProbabilities(studio, current)}>
            Save probabilities
          </Button>
        )}
      </Group>
      <ResultFacts result={result} />
    </section>
  );
}

/** Volumes are the file's voxels times their size. */
function millilitresPerVoxel({ image }: CaseRecord): number {
  return image.spacing.reduce((volume, size) => volume * size, 1) / 1000;
}

function ResultFacts({ result }: { result: CaseResult }) {
  const { job, secondsByStage, memory, restarts } = result;
  const { settings } = job;
  const stages = Object.entries(secondsByStage)
    .map(([stage, seconds]) => `${stage} ${formatSeconds(seconds)}`)
    .join('\n');
  return (
    <Text size="xs" c="dimmed" mt="sm">
      {job.modelName}
      {job.previousStage && ` after ${job.previousStage.modelName}`}
      {job.others && `, ${job.others.length + 1} models averaged`}
      {job.postprocessing && ', largest components kept'}, {settings.folds.length === 1 ? 'fold' : 'folds'}{' '}
      {settings.folds.join(', ')}, step {settings.tileStepSize},{' '}
      {settings.useMirroring ? 'mirrored' : 'not mirrored'}.{' '}
      <span title={stages}>{formatSeconds(result.seconds)}</span>
      {memory.peakBytes > 0 && `, ${formatBytes(memory.peakBytes)} at most`}
      {restarts > 0 && ', begun again once after the GPU device was lost'}.
    </Text>
  );
}

function LabelTable(props: { labels: readonly LabelVolume[]; millilitresPerVoxel: number }) {
  const { labels, millilitresPerVoxel } = props;
  const hidden = useSelection((state) => state.hiddenLabels);
  const areAllHidden = labels.every(({ value }) => hidden.has(value));
  const { selection } = useStudio();
  return (
    <Table verticalSpacing={3} horizontalSpacing={5} fz={12.5} highlightOnHover>
      <Table.Thead>
        <Table.Tr>
          <Table.Th w={24}>
            <EyeButton
              name="all labels"
              isHidden={areAllHidden}
              onToggle={() =>
                selection.setState({
                  hiddenLabels: new Set(areAllHidden ? [] : labels.map(({ value }) => value)),
                })
              }
            />
          </Table.Th>
          <Table.Th w={24} aria-label="Colour" />
          <Table.Th>Label</Table.Th>
          <Table.Th className="number">Voxels</Table.Th>
          <Table.Th className="number">ml</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {labels.map((label, i) => (
          <LabelRow
            key={label.value}
            label={label}
            position={i + 1}
            isHidden={hidden.has(label.value)}
            millilitres={label.voxels * millilitresPerVoxel}
          />
        ))}
      </Table.Tbody>
    </Table>
  );
}

interface LabelRowProps {
  readonly label: LabelVolume;
  readonly position: number;
  readonly isHidden: boolean;
  readonly millilitres: number;
}

function LabelRow({ label: { value, name, voxels }, position, isHidden, millilitres }: LabelRowProps) {
  const { selection } = useStudio();
  const colors = usePreferences((state) => state.labelColors);
  const { location } = useViewer(useSharedViewer());
  const jump = useLabelJump();
  const toggle = () =>
    selection.setState(({ hiddenLabels }) => {
      const next = new Set(hiddenLabels);
      if (!next.delete(value)) next.add(value);
      return { hiddenLabels: next };
    });
  return (
    <Table.Tr className={styles.labelRow} data-current={location?.label === value || undefined}>
      <Table.Td>
        <EyeButton name={name} isHidden={isHidden} onToggle={toggle} />
      </Table.Td>
      <Table.Td>
        <ColorChoice value={value} name={name} color={labelColor(value, colors)} />
      </Table.Td>
      <Table.Td>
        <button
          type="button"
          className={styles.nameButton}
          disabled={voxels === 0}
          title={position <= 9 ? `Go there (${position})` : 'Go there'}
          onClick={() => jump(value)}
        >
          {name}
        </button>
      </Table.Td>
      <Table.Td className="number">{formatCount(voxels)}</Table.Td>
      <Table.Td className="number">{formatMillilitres(millilitres)}</Table.Td>
    </Table.Tr>
  );
}

function EyeButton(props: { name: string; isHidden: boolean; onToggle: () => void }) {
  const { name, isHidden, onToggle } = props;
  const Icon = isHidden ? IconEyeOff : IconEye;
  return (
    <Tooltip label={isHidden ? 'Show' : 'Hide'} openDelay={500}>
      <ActionIcon
        size="sm"
        variant="subtle"
        color="gray"
        aria-label={`Show ${name}`}
        aria-pressed={!isHidden}
        onClick={onToggle}
      >
        <Icon size={15} />
      </ActionIcon>
    </Tooltip>
  );
}

function ColorChoice({ value, name, color }: { value: number; name: string; color: string }) {
  const choose = (chosen: string) =>
    preferences.setState(({ labelColors }) => ({ labelColors: { ...labelColors, [value]: chosen } }));
  return (
    <Popover position="left" withArrow shadow="md" trapFocus>
      <Popover.Target>
        <button
          type="button"
          className={styles.colorButton}
          style={{ background: color }}
          aria-label={`Colour of ${name}`}
        />
      </Popover.Target>
      <Popover.Dropdown>
        <ColorPicker
          format="hex"
          value={color}
          onChange={choose}
          swatches={[...SWATCHES]}
          swatchesPerRow={8}
        />
      </Popover.Dropdown>
    </Popover>
  );
}
