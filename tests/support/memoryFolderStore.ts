import { memoryFile } from '@/core/io/sourceFile';
import type { FolderStore } from '@/storage/datasetFolder';
import { memoryFolder } from './memoryFolder';

/** Folders by id, in memory. */
export function memoryFolderStore(): FolderStore {
  const all = new Map<string, ReturnType<typeof memoryFolder>>();
  return {
    folder(id) {
      const folder = all.get(id) ?? memoryFolder();
      all.set(id, folder);
      return folder;
    },
    files: async (id) =>
      Array.from(all.get(id)?.contents ?? [], ([path, content]) => memoryFile(content, `${id}/${path}`)),
    ids: async () => [...all.keys()].filter((id) => all.get(id)?.contents.size),
    remove: async (id) => {
      all.delete(id);
    },
  };
}
