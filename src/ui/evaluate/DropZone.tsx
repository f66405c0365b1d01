import { Group, Text } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { IconCheck, IconFolderDown } from '@tabler/icons-react';
import { type DragEvent, useState } from 'react';
import { messageOf } from '@/shared/errors';
import type { GivenFile } from '@/workers/files/api';
import { droppedFiles } from '../files/droppedFiles';
import { FilePicker, FolderPicker } from '../files/FilePickers';
import { plural } from '../formats';
import styles from './evaluate.module.css';

interface DropZoneProps {
  readonly name: string;
  readonly hint: string;
  readonly files: readonly GivenFile[];
  readonly onFiles: (files: readonly GivenFile[]) => void;
}

/** Takes the files of one side: drops on it are its own, not the page's. */
export function DropZone({ name, hint, files, onFiles }: DropZoneProps) {
  const [isOver, setIsOver] = useState(false);
  const take = async (given: readonly GivenFile[]) => onFiles(given);
  const onDrop = (event: DragEvent) => {
    event.preventDefault();
    setIsOver(false);
    droppedFiles(event.dataTransfer).then(onFiles, (error: unknown) =>
      notifications.show({ color: 'red', title: 'The drop could not be read', message: messageOf(error) }),
    );
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: a drop is an extra; the buttons within do the same by keyboard
    <div
      role="group"
      aria-label={name}
      className={styles.zone}
      data-own-drops=""
      data-over={isOver ? '' : undefined}
      onDragEnter={() => setIsOver(true)}
      onDragLeave={({ currentTarget, relatedTarget }) => {
        if (!(relatedTarget instanceof Node && currentTarget.contains(relatedTarget))) setIsOver(false);
      }}
      onDrop={onDrop}
    >
      {files.length > 0 ? (
        <span className={styles.given}>
          <IconCheck size={16} aria-hidden />
          {[folderOf(files), plural(files.length, 'file')].filter(Boolean).join(', ')}
        </span>
      ) : (
        <Text size="sm" c="dimmed" className={styles.zoneHint}>
          <IconFolderDown size={20} stroke={1.5} aria-hidden />
          {hint}
        </Text>
      )}
      <Group gap="xs">
        <FolderPicker
          onFiles={take}
          size="compact-sm"
          aria-label={`Choose a folder of ${name.toLowerCase()}`}
        >
          Choose a folder
        </FolderPicker>
        <FilePicker onFiles={take} size="compact-sm" aria-label={`Choose files of ${name.toLowerCase()}`}>
          Choose files
        </FilePicker>
      </Group>
    </div>
  );
}

/** The folder that was given; `undefined` for files without one. */
export function folderOf(files: readonly GivenFile[]): string | undefined {
  const parts = files[0]?.path.split('/') ?? [];
  return parts.length > 1 ? parts[0] : undefined;
}
