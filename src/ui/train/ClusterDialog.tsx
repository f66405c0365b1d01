import {
  Alert,
  Button,
  Code,
  CopyButton,
  Group,
  Loader,
  Modal,
  NumberInput,
  Stack,
  Switch,
  Text,
} from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useEffect, useMemo, useState } from 'react';
import { assertNotGiven } from '@/app/files/givenFromDisk';
import { relatedTo, type TrainingRecord } from '@/app/train/trainingRecord';
import { isAbort, messageOf } from '@/shared/errors';
import { formatBytes } from '@/shared/numeric';
import type { ClusterChoice, ClusterPreview } from '@/workers/train/api';
import { showSaving } from '../components/savingNotice';
import { saveFile } from '../files/saveFile';
import { useStudio, useTrainings } from '../useStudio';
import styles from './train.module.css';

/** From this size on it is written straight to where it is to be, where the browser can: else it is stored twice. */
const ASKED_FIRST_BYTES = 1e9;

declare global {
  interface Window {
    /** Not in every browser. */
    showSaveFilePicker?: (options: {
      suggestedName: string;
      types: { description: string; accept: Record<string, string[]> }[];
    }) => Promise<FileSystemFileHandle>;
  }
}

/** Takes a run to several GPUs: what it weighs, the commands there, and the zip. */
export function ClusterDialog({ run, onClose }: { run: TrainingRecord; onClose: () => void }) {
  const { trainings, system } = useStudio();
  const runs = useTrainings((state) => state.runs);
  const { order } = run;
  const related = useMemo(() => relatedTo(order, runs), [order, runs]);
  const [choice, setChoice] = useState<ClusterChoice>({ gpus: 2, hasRaw: true });
  const [preview, setPreview] = useState<ClusterPreview | { readonly problem: string } | undefined>();

  useEffect(() => {
    let isCurrent = true;
    trainings.view.previewForCluster(order, related, choice).then(
      (found) => isCurrent && setPreview(found),
      (error: unknown) => isCurrent && setPreview({ problem: messageOf(error) }),
    );
    return () => {
      isCurrent = false;
    };
  }, [trainings, order, related, choice]);

  const save = async (sizeInBytes: number) => {
    const name = `${order.datasetName}_${order.configurationName}_fold_${order.fold}_for_nnunet.zip`;
    let target: FileSystemFileHandle | undefined;
    try {
      target = sizeInBytes > ASKED_FIRST_BYTES ? await askWhere(name) : undefined;
    } catch (error) {
      if (isAbort(error)) return;
      notifications.show({ color: 'red', title: 'Not saved', message: messageOf(error), autoClose: false });
      return;
    }
    onClose();
    await showSaving(notifications, {
      title: `${run.id} for a cluster`,
      start: (callId, onProgress) =>
        trainings.view.saveForCluster(order, related, choice, target, callId, onProgress),
      cancel: (callId) => trainings.view.cancelSaving(callId),
      save: (saved) => saved && saveFile(saved),
      doneMessage: (saved) => saved?.name ?? target?.name ?? name,
    });
    await system.measureStorage();
  };

  const found = preview && 'commands' in preview ? preview : undefined;
  return (
    <Modal
      opened
      onClose={onClose}
      title="Continue on a cluster"
      size="xl"
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <Stack gap="md">
        <Text size="sm">
          nnU-Net itself goes on with this training on as many GPUs as a machine has (PyTorch DDP). The zip
          holds data, plans, splits and the newest checkpoints, laid out as nnU-Net has them. Drop the
          resulting folder here to use it.
        </Text>
        <Group align="flex-end" gap="lg">
          <NumberInput
            label="Number of GPUs"
            data-autofocus
            w={110}
            min={1}
            max={64}
            allowDecimal={false}
            value={choice.gpus}
            onChange={(gpus) =>
              typeof gpus === 'number' && gpus >= 1 && setChoice((before) => ({ ...before, gpus }))
            }
          />
          <Switch
            mb={8}
            label={`With the raw dataset${found ? `, ${formatBytes(found.rawBytes)}` : ''}`}
            description="Training does not read it; preprocessing anew would."
            checked={choice.hasRaw}
            onChange={({ currentTarget }) => {
              const { checked } = currentTarget;
              setChoice((before) => ({ ...before, hasRaw: checked }));
            }}
          />
        </Group>
        {preview === undefined && <Loader size="sm" aria-label="Looking at the files" />}
        {preview && 'problem' in preview && (
          <Alert color="red" variant="light" role="alert">
            {preview.problem}
          </Alert>
        )}
        {found && <Instructions preview={found} />}
      </Stack>
      <Group justify="space-between" gap="xs" mt="lg">
        <Text size="sm" c="dimmed" role="status">
          {found && `${found.fileCount} files, ${formatBytes(found.sizeInBytes)}`}
        </Text>
        <Group gap="xs">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button disabled={!found} onClick={() => found && void save(found.sizeInBytes)}>
            Save the zip
          </Button>
        </Group>
      </Group>
    </Modal>
  );
}

function Instructions({ preview: { commands, notes } }: { preview: ClusterPreview }) {
  const text = commands.join('\n');
  return (
    <>
      <div>
        <Group justify="space-between" mb={4}>
          <Text size="sm" fw={600}>
            There, in the unzipped folder
          </Text>
          <CopyButton value={text}>
            {({ copied, copy }) => (
              <Button size="compact-xs" variant="default" onClick={copy}>
                {copied ? 'Copied' : 'Copy'}
              </Button>
            )}
          </CopyButton>
        </Group>
        <Code block className={styles.commands}>
          {text}
        </Code>
      </div>
      <Stack gap={4} component="ul" m={0} pl="md">
        {notes.map((note) => (
          <Text key={note} size="xs" c="dimmed" component="li">
            {note}
          </Text>
        ))}
      </Stack>
    </>
  );
}

/**
 * `undefined` where the browser does not ask. Throws an `AbortError` where a person closed the dialog, and
 * `WouldReplaceInput` where they chose a file that was opened here.
 */
async function askWhere(suggestedName: string): Promise<FileSystemFileHandle | undefined> {
  const chosen = await window.showSaveFilePicker?.({
    suggestedName,
    types: [{ description: 'Zip archive', accept: { 'application/zip': ['.zip'] } }],
  });
  if (chosen) assertNotGiven(await chosen.getFile());
  return chosen;
}
