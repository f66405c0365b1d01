// What is told while a large file is written, with a way out, and what came of it.
import { Button, Group, Progress, Text } from '@mantine/core';
import type { notifications as mantineNotifications } from '@mantine/notifications';
import { isAbort, messageOf } from '@/shared/errors';
import { formatBytes } from '@/shared/numeric';
import type { ExportProgress } from '@/workers/files/api';

export interface Saving<Saved> {
  /** What is written. */
  readonly title: string;
  readonly start: (callId: string, onProgress: (progress: ExportProgress) => void) => Promise<Saved>;
  readonly cancel: (callId: string) => void;
  /** Hands it to the browser's downloads. */
  readonly save: (saved: Saved) => void;
  readonly doneMessage: (saved: Saved) => string;
}

/** Shows a notice from the first byte until it is saved, cancelled, or has failed; never throws. */
export async function showSaving<Saved>(
  toasts: typeof mantineNotifications,
  { title, start, cancel, save, doneMessage }: Saving<Saved>,
): Promise<void> {
  const id = crypto.randomUUID();
  const show = (progress: ExportProgress | undefined) => ({
    id,
    loading: true,
    autoClose: false as const,
    withCloseButton: false,
    title: `Writing ${title}`,
    message: <SavingNotice progress={progress} onCancel={() => cancel(id)} />,
  });
  const end = { id, loading: false, withCloseButton: true };
  toasts.show(show(undefined));
  let isOver = false;
  try {
    // The last progress may come behind the result: it takes another way between the threads.
    const saved = await start(id, (progress) => {
      if (!isOver) toasts.update(show(progress));
    });
    isOver = true;
    save(saved);
    toasts.update({ ...end, autoClose: 6000, color: 'green', title: 'Saved', message: doneMessage(saved) });
  } catch (error) {
    isOver = true;
    if (isAbort(error)) {
      toasts.hide(id);
      return;
    }
    const failed = { color: 'red', title: `${title} could not be written`, message: messageOf(error) };
    toasts.update({ ...end, autoClose: false, ...failed });
  }
}

function SavingNotice({
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
          {progress ? `${formatBytes(progress.done)} of ${formatBytes(progress.total)}` : 'Reading'}
        </Text>
        <Button size="compact-xs" variant="default" onClick={onCancel}>
          Cancel
        </Button>
      </Group>
    </>
  );
}
