import type { SavedFile } from '@/workers/files/api';

/** Long enough for the browser to have begun the download. */
const REVOKE_AFTER_MS = 60_000;

/** Hands a file to the browser's own download. */
export function saveFile({ name, content }: SavedFile): void {
  const url = URL.createObjectURL(content);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), REVOKE_AFTER_MS);
}
