import { Button, Group, Text } from '@mantine/core';
import { IconDeviceFloppy } from '@tabler/icons-react';
import { useMemo } from 'react';
import { isPicture } from '@/app/files/picture';
import { formatBytes } from '@/shared/numeric';
import type { CaseRecord, StoredCaseResult } from '@/storage/caseRecord';
import { formatCount, formatMillilitres, formatSeconds } from '../formats';
import { saveProbabilities, saveSegmentation } from '../studioActions';
import { useStudio } from '../useStudio';
import { LabelTable, type ListedLabel } from '../viewer/LabelTable';
import styles from './segment.module.css';

/** What was found: labels with their volumes, and the files to save. Nothing before there is a result. */
export function ResultPanel({ current }: { current: CaseRecord }) {
  const studio = useStudio();
  const { result } = current;
  const labels = useMemo(() => listedVolumes(current), [current]);
  if (!result) return null;
  return (
    <section className={styles.section} aria-label="Segmentation">
      <h2 className={styles.heading}>Segmentation</h2>
      <LabelTable labels={labels} columns={isPicture(current.image) ? PICTURE_COLUMNS : VOLUME_COLUMNS} />
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
      {'givenAs' in result ? (
        <Text size="xs" c="dimmed" mt="sm">
          Given as {result.givenAs}.
        </Text>
      ) : (
        <ResultFacts result={result} />
      )}
    </section>
  );
}

const VOLUME_COLUMNS = ['Voxels', 'ml'];
/** The pixels of a picture have no size. */
const PICTURE_COLUMNS = ['Pixels'];

function listedVolumes(current: CaseRecord): readonly ListedLabel[] {
  const millilitres = millilitresPerVoxel(current);
  return (current.result?.labels ?? []).map(({ value, name, voxels }) => ({
    value,
    name,
    isThere: voxels > 0,
    cells: isPicture(current.image)
      ? [formatCount(voxels)]
      : [formatCount(voxels), formatMillilitres(voxels * millilitres)],
  }));
}

/** Volumes are the file's voxels times their size. */
function millilitresPerVoxel({ image }: CaseRecord): number {
  return image.spacing.reduce((volume, size) => volume * size, 1) / 1000;
}

function ResultFacts({ result }: { result: StoredCaseResult }) {
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
      {restarts > 0 && ', restarted once after GPU loss'}.
    </Text>
  );
}
