import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import envPaths from 'env-paths';
import { z } from 'zod';
import type { TuningStore } from '@/gpu/tuner';

const entriesSchema = z.record(z.string(), z.string());

/** Kernel choices in one JSON file, by default in the user's cache folder. They can be lost at any time without harm. */
export function nodeTuning(
  file = path.join(envPaths('nnstudio', { suffix: '' }).cache, 'tuning.json'),
): TuningStore {
  const read = async () => {
    const text = await readFile(file, 'utf8').catch(() => '{}');
    return new Map(Object.entries(parse(text)));
  };
  return {
    get: async (key) => (await read()).get(key),
    set: async (key, value) => {
      const entries = (await read()).set(key, value);
      await mkdir(path.dirname(file), { recursive: true });
      const part = `${file}.${process.pid}.part`;
      await writeFile(part, JSON.stringify(Object.fromEntries(entries), undefined, 1));
      await rename(part, file);
    },
  };
}

/** What cannot be read counts as empty. */
function parse(text: string): Record<string, string> {
  try {
    return entriesSchema.parse(JSON.parse(text));
  } catch {
    return {};
  }
}
