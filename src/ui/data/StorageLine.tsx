import { Button, Progress, Text } from '@mantine/core';
import { useEffect, useState } from 'react';
import { formatBytes } from '@/shared/numeric';
import { useDatasets, useStudio, useSystem } from '../useStudio';
import styles from './data.module.css';

/** What datasets take of the browser's storage, what is left, and whether the browser may clear it. */
export function StorageLine() {
  const { system } = useStudio();
  const storage = useSystem((state) => state.storage);
  const bytes = useDatasets(({ datasets }) =>
    datasets.reduce((sum, { rawBytes, preprocessedBytes }) => sum + rawBytes + preprocessedBytes, 0),
  );
  const [wasRefused, setWasRefused] = useState(false);
  // biome-ignore lint/correctness/useExhaustiveDependencies: measured again whenever a dataset grows
  useEffect(() => void system.measureStorage(), [system, bytes]);
  if (!storage) return null;
  const { usedBytes, quotaBytes, isPersistent } = storage;
  return (
    <section className={styles.storage} aria-label="Storage">
      <Text size="xs">
        Datasets {formatBytes(bytes)}, this site {formatBytes(usedBytes)} of {formatBytes(quotaBytes)}
      </Text>
      <Progress
        value={(100 * usedBytes) / Math.max(1, quotaBytes)}
        size="sm"
        w={160}
        aria-label="Storage used"
      />
      {isPersistent ? (
        <Text size="xs" c="dimmed">
          Persistent: the browser does not clear it by itself.
        </Text>
      ) : (
        <>
          <Button
            size="compact-xs"
            variant="default"
            title="Without it a browser short of disk space may clear this site by itself"
            onClick={() => void system.persist().then((granted) => setWasRefused(!granted))}
          >
            Make persistent
          </Button>
          <Text size="xs" c="dimmed" role="status">
            {wasRefused
              ? 'The browser declined. Bookmark or install the site, then try again.'
              : 'The browser may clear it when the disk is full.'}
          </Text>
        </>
      )}
    </section>
  );
}
