import { Button, type ButtonProps } from '@mantine/core';
import { IconFolder } from '@tabler/icons-react';
import type { GivenFile } from '@/workers/files/api';
import { canPickDirectory, pickedDirectory } from '../files/droppedFiles';
import { FilePicker, FolderPicker } from '../files/FilePickers';

interface ImportButtonsProps {
  readonly onFiles: (files: readonly GivenFile[]) => Promise<void>;
  readonly size: NonNullable<ButtonProps['size']>;
}

/** A folder, by the browser's own dialog for folders where it has one, or files and zips. */
export function ImportButtons({ onFiles, size }: ImportButtonsProps) {
  return (
    <>
      {canPickDirectory() ? (
        <Button
          size={size}
          leftSection={<IconFolder size={17} aria-hidden />}
          onClick={() => void pickedDirectory().then((files) => files && onFiles(files))}
        >
          Choose a folder
        </Button>
      ) : (
        <FolderPicker onFiles={onFiles} size={size} variant="filled">
          Choose a folder
        </FolderPicker>
      )}
      <FilePicker onFiles={onFiles} size={size}>
        Choose a zip or files
      </FilePicker>
    </>
  );
}
