import { Text } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { IconDownload } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import { messageOf } from '@/shared/errors';
import type { GivenFile } from '@/workers/files/api';
import { droppedFiles } from '../files/droppedFiles';
import { dropOutlook } from './dropOutlook';
import styles from './shell.module.css';

/** Elements that take what is dropped on them for themselves; while there are any, nothing is laid over the page. */
const OWN_DROPS = '[data-own-drops]';

function isOwnDrop({ target }: DragEvent): boolean {
  return target instanceof Element && target.closest(OWN_DROPS) !== null;
}

/** Takes drops anywhere on the page; while something is dragged, says what will happen to it. */
export function DropOverlay({ onFiles }: { onFiles: (files: readonly GivenFile[]) => Promise<void> }) {
  const [outlook, setOutlook] = useState<string>();

  useEffect(() => {
    let depth = 0; // enter and leave come for every element on the way
    const isFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;
    const onEnter = (event: DragEvent) => {
      if (!isFiles(event) || document.querySelector(OWN_DROPS)) return;
      depth++;
      setOutlook(dropOutlook(Array.from(event.dataTransfer?.items ?? [], ({ type }) => type)));
    };
    const onLeave = () => {
      depth = Math.max(0, depth - 1);
      if (depth === 0) setOutlook(undefined);
    };
    const onOver = (event: DragEvent) => event.preventDefault();
    const onDrop = (event: DragEvent) => {
      event.preventDefault();
      depth = 0;
      setOutlook(undefined);
      if (!event.dataTransfer || !isFiles(event) || isOwnDrop(event)) return;
      droppedFiles(event.dataTransfer)
        .then(onFiles)
        .catch((error: unknown) =>
          notifications.show({
            color: 'red',
            title: 'The drop could not be read',
            message: messageOf(error),
          }),
        );
    };
    const handlers = { dragenter: onEnter, dragleave: onLeave, dragover: onOver, drop: onDrop } as const;
    for (const [type, handler] of Object.entries(handlers)) addEventListener(type as 'drop', handler, true);
    return () => {
      for (const [type, handler] of Object.entries(handlers))
        removeEventListener(type as 'drop', handler, true);
    };
  }, [onFiles]);

  if (outlook === undefined) return null;
  return (
    <div className={styles.drop}>
      <div className={styles.dropFrame} />
      <div className={styles.dropText}>
        <IconDownload size={44} stroke={1.4} aria-hidden />
        <Text size="xl" fw={600} mt="xs">
          {outlook}
        </Text>
        <Text mt={4}>Everything stays on this computer. Nothing is uploaded.</Text>
      </div>
    </div>
  );
}
