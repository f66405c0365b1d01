import { Button, Code, Group, List, Modal, Stack, Text } from '@mantine/core';
import type { GivenFile } from '@/workers/files/api';
import { plural } from '../formats';
import { useDatasets, useStudio } from '../useStudio';

/** Says why images without label maps, in a format that nnU-Net trains on in no way, are no dataset. */
export function UnlabelledDialog({ onOpenImages }: { onOpenImages: (files: readonly GivenFile[]) => void }) {
  const { datasets } = useStudio();
  const unlabelled = useDatasets((state) => state.unlabelled);
  const close = () => datasets.store.setState({ unlabelled: undefined });
  if (!unlabelled) return null;
  const { files, caseIds } = unlabelled;
  const [first] = caseIds;
  return (
    <Modal opened onClose={close} title={`${plural(caseIds.length, 'image')} without label maps`} size="lg">
      <Stack gap="sm">
        <Text size="sm">
          A dataset to train on needs a label map for each image, and none was found. Label maps have the name
          of their image:
        </Text>
        <List size="sm" spacing={4}>
          <List.Item>
            in a folder <Code>labelsTr</Code> beside <Code>imagesTr</Code>: <Code>{first}.nii.gz</Code> for{' '}
            <Code>{first}_0000.nii.gz</Code>
          </List.Item>
          <List.Item>
            or beside the image, as <Code>{first}_seg.nii.gz</Code>
          </List.Item>
        </List>
        <Text size="sm">
          Drop the folder that holds both. If you have none yet, open the images under Segment: a model that
          fits can label them, and its segmentations, saved and corrected, are label maps to start from.
        </Text>
        <Group justify="flex-end" gap="xs" mt="xs">
          <Button variant="default" onClick={close}>
            Cancel
          </Button>
          <Button
            data-autofocus
            onClick={() => {
              close();
              onOpenImages(files);
            }}
          >
            Open in Segment
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
