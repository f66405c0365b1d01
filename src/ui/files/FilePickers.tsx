import { Button, type ButtonProps } from '@mantine/core';
import { IconFile, IconFolder } from '@tabler/icons-react';
import { useRef } from 'react';
import type { GivenFile } from '@/workers/files/api';
import { pickedFiles } from './droppedFiles';

interface PickerProps extends ButtonProps {
  readonly onFiles: (files: readonly GivenFile[]) => Promise<void>;
}

/** Opens the system's dialog for files. */
export function FilePicker({ onFiles, ...button }: PickerProps) {
  return <Picker onFiles={onFiles} label="Choose files" isFolder={false} {...button} />;
}

/** Opens the system's dialog for a folder: a model, or many images. */
export function FolderPicker({ onFiles, ...button }: PickerProps) {
  return <Picker onFiles={onFiles} label="Choose a folder" isFolder {...button} />;
}

function Picker({ onFiles, label, isFolder, ...button }: PickerProps & { label: string; isFolder: boolean }) {
  const input = useRef<HTMLInputElement>(null);
  const Icon = isFolder ? IconFolder : IconFile;
  return (
    <>
      <Button
        leftSection={<Icon size={17} aria-hidden />}
        variant="default"
        {...button}
        onClick={() => input.current?.click()}
      >
        {button.children ?? label}
      </Button>
      <input
        ref={(element) => {
          input.current = element;
          element?.toggleAttribute('webkitdirectory', isFolder);
        }}
        type="file"
        multiple
        hidden
        aria-label={label}
        onChange={({ currentTarget }) => {
          if (currentTarget.files) void onFiles(pickedFiles(currentTarget.files));
          currentTarget.value = '';
        }}
      />
    </>
  );
}
