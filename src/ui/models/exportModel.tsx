// A model on its way to the browser's downloads: told while it is written, and can be cancelled.
import { Button, Group, Progress, Text } from '@mantine/core';
import type { notifications as mantineNotifications } from '@mantine/notifications';
import type { Studio } from '@/app/studio';
import type { ModelSharing } from '@/core/interop/bundleManifest';
import { isAbort, messageOf } from '@/shared/errors';
import { formatBytes } from '@/shared/numeric';
import type { ModelRecord } from '@/storage/modelLibrary';
import type { ExportFormat, ExportProgress } from '@/workers/filesApi';
import { saveFile } from '../saveFile';

export interface ExportChoice {
  readonly format: ExportFormat;
  readonly sharing: ModelSharing;
}

/** Writes the file and hands it to the browser's downloads; says so where it could not. */
export async function exportModel(
  { files, system }: Studio,
  { id, name }: ModelRecord,
  { format, sharing }: ExportChoice,
  toasts: typeof mantineNotifications,
): Promise<void> {
  const callId = crypto.randomUUID();
  const show = (progress: ExportProgress | undefined) => ({
    id: callId,
    loading: true,
    autoClose: false as const,
    withCloseButton: false,
    title: `Writing ${name}`,
    message: <ExportNotice progress={progress} onCancel={() => files.cancelExport(callId)} />,
  });
  toasts.show(show(undefined));
  try {
    const saved = await files.exportModel(id, format, sharing, callId, (progress) =>
      toasts.update(show(progress)),
    );
    saveFile(saved);
    toasts.update({
      id: callId,
      loading: false,
      autoClose: 6000,
      withCloseButton: true,
      color: 'green',
      title: 'Saved',
      message: `${saved.name}, ${formatBytes(saved.content.size)}`,
    });
  } catch (error) {
    if (isAbort(error)) toasts.hide(callId);
    else {
      toasts.update({
        id: callId,
        loading: false,
        autoClose: false,
        withCloseButton: true,
        color: 'red',
        title: `${name} could not be written`,
        message: messageOf(error),
      });
    }
  } finally {
    void system.measureStorage();
  }
}

/** How far it is, and a way out. */
export function ExportNotice({
  progress,
  onCancel,
}: {
  progress: ExportProgress | undefined;
  onCancel: () => void;
}) {
  const share = progress ? (100 * progress.done) / progress.total : 0;
  return (
    <>
      <Progress value={share} size="sm" my={6} aria-label="Written" />
      <Group justify="space-between" gap="xs" wrap="nowrap">
        <Text size="xs" c="dimmed">
          {progress
            ? `${formatBytes(progress.done)} of ${formatBytes(progress.total)}`
            : 'Reading the weights'}
        </Text>
        <Button size="compact-xs" variant="default" onClick={onCancel}>
          Cancel
        </Button>
      </Group>
    </>
  );
}
