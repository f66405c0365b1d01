import { memoryFile } from '@/core/io/sourceFile';
import type { DatasetFolder } from './datasetFolder';
import type { ResultFolder } from './resultFolder';

/** Results that are only passed on: kept in memory, gone with the object. */
export function memoryResults(): ResultFolder & Pick<DatasetFolder, 'open'> {
  const contents = new Map<string, Uint8Array>();
  return {
    has: async (name) => contents.has(name),
    write: async (name, content) => {
      contents.set(name, typeof content === 'string' ? new TextEncoder().encode(content) : content);
    },
    open: async (name) => {
      const content = contents.get(name);
      return content && memoryFile(content, name);
    },
  };
}
