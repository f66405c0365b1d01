import { memoryFile } from '@/core/io/sourceFile';
import type { DatasetFolderStore } from '@/storage/datasetFolder';
import { memoryFolder } from './memoryFolder';

/** Datasets in memory; `paths` lists every file of all of them. */
export function memoryFolders(): DatasetFolderStore & { readonly paths: () => readonly string[] } {
  const all = new Map<string, ReturnType<typeof memoryFolder>>();
  const keysOf = (name: string) => [...all.keys()].filter((key) => key.startsWith(`${name}/`));
  return {
    paths: () =>
      [...all].flatMap(([key, { contents }]) => [...contents.keys()].map((path) => `${key}/${path}`)),
    folder(name, part) {
      const key = `${name}/${part}`;
      const folder = all.get(key) ?? memoryFolder();
      all.set(key, folder);
      return folder;
    },
    files: async (name, part) =>
      [...(all.get(`${name}/${part}`)?.contents ?? [])]
        .map(([path, content]) => memoryFile(content, `${name}/${path}`))
        .sort((a, b) => (a.path < b.path ? -1 : 1)),
    names: async () => [...new Set([...all.keys()].map((key) => key.split('/')[0]))].sort(),
    async remove(name, part) {
      for (const key of part ? [`${name}/${part}`] : keysOf(name)) all.delete(key);
    },
  };
}
