// Things a person does from several places, each with what it tells them.
import { Button } from '@mantine/core';
import type { notifications as mantineNotifications } from '@mantine/notifications';
import { addProblems } from '@/app/addGivenFiles';
import type { Studio } from '@/app/studio';
import { messageOf } from '@/shared/errors';
import type { CaseRecord } from '@/storage/caseRecord';
import type { ModelRecord } from '@/storage/modelLibrary';
import type { SavedFile } from '@/workers/filesApi';
import { currentRoute, goTo } from './route';
import { saveFile } from './saveFile';

type Notifications = typeof mantineNotifications;

/** How long a removal can be undone. */
const UNDO_MS = 8000;

/** Removes a case; its files go when the offer to undo has passed. */
export async function removeCase(
  studio: Studio,
  caseRecord: CaseRecord,
  toasts: Notifications,
): Promise<void> {
  if (currentRoute().item === caseRecord.id) goTo('segment');
  await studio.queue.remove(caseRecord.id);
  offerUndo(toasts, `${caseRecord.caseId} removed`, {
    undo: () => studio.queue.restore(caseRecord),
    finish: async () => {
      await studio.queue.purge(caseRecord.id);
      await studio.system.measureStorage();
    },
  });
}

/** Removes a model; its weights go when the offer to undo has passed. */
export async function removeModel(studio: Studio, model: ModelRecord, toasts: Notifications): Promise<void> {
  await studio.library.remove(model.id);
  offerUndo(toasts, `${model.name} removed`, {
    undo: () => studio.library.restore(model.id),
    finish: async () => {
      await studio.library.purge(model.id);
      await studio.system.measureStorage();
    },
  });
}

export function offerUndo(
  toasts: Notifications,
  message: string,
  { undo, finish }: { undo: () => Promise<void>; finish: () => Promise<void> },
): void {
  const id = crypto.randomUUID();
  let isUndone = false;
  toasts.show({
    id,
    autoClose: UNDO_MS,
    color: 'gray',
    message: (
      <>
        {message}{' '}
        <Button
          size="compact-xs"
          variant="light"
          ml="xs"
          onClick={() => {
            isUndone = true;
            toasts.hide(id);
            void undo();
          }}
        >
          Undo
        </Button>
      </>
    ),
    onClose: () => {
      if (!isUndone) void finish();
    },
  });
}

export function saveSegmentation(studio: Studio, caseRecord: CaseRecord): Promise<void> {
  return saveOrExplain(studio, caseRecord.caseId, studio.files.saveSegmentation(caseRecord));
}

export function saveProbabilities(studio: Studio, caseRecord: CaseRecord): Promise<void> {
  return saveOrExplain(studio, caseRecord.caseId, studio.files.saveProbabilities(caseRecord));
}

export function saveAllSegmentations(studio: Studio, cases: readonly CaseRecord[]): Promise<void> {
  return saveOrExplain(studio, 'segmentations', studio.files.saveAll(cases));
}

async function saveOrExplain(studio: Studio, path: string, saved: Promise<SavedFile>): Promise<void> {
  try {
    saveFile(await saved);
  } catch (error) {
    const name = error instanceof Error ? error.name : 'Error';
    addProblems(studio, [{ path, name, message: messageOf(error) }]);
  }
}
