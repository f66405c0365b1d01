import { Button, Group, Progress, Text } from '@mantine/core';
import { formatPercent } from '../formats';
import { useDatasets, useStudio } from '../useStudio';
import styles from './data.module.css';

/** A dataset on its way in. */
export function ImportNotice() {
  const { datasets } = useStudio();
  const importing = useDatasets((state) => state.importing);
  if (!importing) return null;
  const { name, progress } = importing;
  const share = progress?.share ?? 0;
  return (
    <section className={styles.notice} aria-label="Import">
      <Group justify="space-between" gap="sm" wrap="nowrap">
        <Text size="sm" truncate>
          <b>{name}</b> {progress ? `${progress.stage} ${progress.item ?? ''}` : 'Getting ready'}
        </Text>
        <Group gap="xs" wrap="nowrap">
          <Text size="sm">{formatPercent(share)}</Text>
          <Button size="compact-xs" variant="default" onClick={() => datasets.cancelImport()}>
            Cancel
          </Button>
        </Group>
      </Group>
      <Progress value={100 * share} size="sm" mt={6} aria-label={`Import of ${name}`} />
    </section>
  );
}
