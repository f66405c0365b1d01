import { Autocomplete, Button, Group, Modal, Stack, Text, Textarea, TextInput } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useState } from 'react';
import type { ModelSharing } from '@/core/interop/bundleManifest';
import type { ModelRecord } from '@/storage/modelLibrary';
import { useStudio } from '../useStudio';
import { exportModel } from './exportModel';

/** Licences that suit weights. */
const LICENCES = ['CC BY 4.0', 'CC BY-SA 4.0', 'CC BY-NC 4.0', 'CC0 1.0', 'Apache-2.0', 'MIT'];

/** What whoever gets the model should know of it. */
export function BundleDialog({ record, onClose }: { record: ModelRecord; onClose: () => void }) {
  const studio = useStudio();
  const [sharing, setSharing] = useState<ModelSharing>(record.sharing ?? {});
  const field = (key: keyof ModelSharing) => ({
    value: sharing[key] ?? '',
    onChange: ({ currentTarget }: { currentTarget: { value: string } }) => {
      const { value } = currentTarget;
      setSharing((before) => ({ ...before, [key]: value }));
    },
  });
  const submit = () => {
    onClose();
    void exportModel(studio, record, { format: 'bundle', sharing: filledIn(sharing) }, notifications);
  };
  return (
    <Modal
      opened
      onClose={onClose}
      title="One file to share"
      size="lg"
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <Stack gap="sm">
          <Text size="sm" c="dimmed">
            {record.name}: weights, plans, labels, validation figures and training log. No image of the
            training data is in it, but the names of its validation cases are.
          </Text>
          <TextInput
            label="Title"
            placeholder={record.model.datasetName}
            data-autofocus
            {...field('title')}
          />
          <TextInput label="Authors" {...field('authors')} />
          <Textarea
            label="Description"
            placeholder="What it segments, on which images, and what it must not be used for"
            autosize
            minRows={2}
            maxRows={6}
            {...field('description')}
          />
          <Autocomplete
            label="Licence"
            description="Without a licence others may not use it."
            data={LICENCES}
            value={sharing.licence ?? ''}
            onChange={(licence) => setSharing((before) => ({ ...before, licence }))}
          />
          <Textarea
            label="Citation"
            description="nnU-Net's own is always there."
            autosize
            minRows={2}
            maxRows={6}
            {...field('citation')}
          />
        </Stack>
        <Group justify="flex-end" gap="xs" mt="lg">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit">Save the file</Button>
        </Group>
      </form>
    </Modal>
  );
}

/** Without what was left blank. */
function filledIn(sharing: ModelSharing): ModelSharing {
  return Object.fromEntries(
    Object.entries(sharing).flatMap(([key, text]) => (text?.trim() ? [[key, text.trim()]] : [])),
  );
}
