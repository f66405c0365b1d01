import { memoryFile } from '@/core/io/sourceFile';
import type { DatasetFolder } from '@/storage/datasetFolder';

/** A folder in memory. */
export function memoryFolder(): DatasetFolder & { readonly contents: Map<string, Uint8Array> } {
  const contents = new Map<string, Uint8Array>();
  return {
    contents,
    has: async (path) => contents.has(path),
    write: async (path, content) => {
      contents.set(path, typeof content === 'string' ? new TextEncoder().encode(content) : content);
    },
    open: async (path) => {
      const content = contents.get(path);
      return content && memoryFile(content, path);
    },
    list: async (folder) =>
      [...contents.keys()]
        .filter((path) => path.slice(0, path.lastIndexOf('/') + 1) === (folder && `${folder}/`))
        .map((path) => path.slice(path.lastIndexOf('/') + 1))
        .sort(),
    remove: async (path) => {
      contents.delete(path);
    },
  };
}
