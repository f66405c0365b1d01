import type { notifications as mantineNotifications } from '@mantine/notifications';
import type { Studio } from '@/app/studio';
import type { ModelSharing } from '@/core/interop/bundleManifest';
import { formatBytes } from '@/shared/numeric';
import type { ModelRecord } from '@/storage/modelLibrary';
import type { ExportFormat } from '@/workers/files/api';
import { showSaving } from '../components/savingNotice';
import { saveFile } from '../files/saveFile';

export interface ExportChoice {
  readonly format: ExportFormat;
  readonly sharing: ModelSharing;
}

/** Writes a model as a file and hands it to the browser's downloads; says so where it could not. */
export async function exportModel(
  { files, system }: Studio,
  { id, name }: ModelRecord,
  { format, sharing }: ExportChoice,
  toasts: typeof mantineNotifications,
): Promise<void> {
  await showSaving(toasts, {
    title: name,
    start: (callId, onProgress) => files.exportModel(id, format, sharing, callId, onProgress),
    cancel: (callId) => files.cancelExport(callId),
    save: saveFile,
    doneMessage: (saved) => `${saved.name}, ${formatBytes(saved.content.size)}`,
  });
  await system.measureStorage();
}
