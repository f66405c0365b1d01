// Things a person does from several places, each with what it tells them.
import { Button } from '@mantine/core';
import type { notifications as mantineNotifications } from '@mantine/notifications';
import { addProblems } from '@/app/files/addFiles';
import type { Studio } from '@/app/studio';
import { messageOf } from '@/shared/errors';
import type { CaseRecord } from '@/storage/caseRecord';
import type { ModelRecord } from '@/storage/modelLibrary';
import type { SavedFile } from '@/workers/files/api';
import { saveFile } from './files/saveFile';
import { currentRoute, goTo } from './route';

type Notifications = typeof mantineNotifications;

/** How long a removal can be undone. */
const UNDO_MS = 8000;

/** Removes a case; its files go when the offer to undo has passed, until when no other tab clears them away. */
export function removeCase(studio: Studio, caseRecord: CaseRecord, toasts: Notifications): Promise<void> {
  if (currentRoute().item === caseRecord.id) goTo('segment');
  return studio.withoutSweep(async () => {
    await studio.queue.remove(caseRecord.id);
    if (await offerUndo(toasts, `${caseRecord.caseId} removed`)) return studio.queue.restore(caseRecord);
    await studio.queue.purge(caseRecord.id);
    await studio.system.measureStorage();
  });
}

/** Removes a model; its weights go when the offer to undo has passed, until when no other tab clears them away. */
export function removeModel(studio: Studio, model: ModelRecord, toasts: Notifications): Promise<void> {
  return studio.withoutSweep(async () => {
    await studio.library.remove(model.id);
    if (await offerUndo(toasts, `${model.name} removed`)) return studio.library.restore(model.id);
    await studio.library.purge(model.id);
    await studio.system.measureStorage();
  });
}

/** Says what was removed and offers to undo it; whether that was wanted, once the offer has passed. */
export function offerUndo(toasts: Notifications, message: string): Promise<boolean> {
  const id = crypto.randomUUID();
  return new Promise((resolve) => {
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
              resolve(true);
              toasts.hide(id);
            }}
          >
            Undo
          </Button>
        </>
      ),
      onClose: () => resolve(false),
    });
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
