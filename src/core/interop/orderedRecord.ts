import { z } from 'zod';
import { orderedEntries } from './orderedJson';

/**
 * An object of a JSON file whose order of keys has a meaning: labels, regions, channels. Comes out as a map in the file's
 * order, also for keys that look like numbers, and stays so wherever it is copied to.
 */
export function orderedRecord<Value extends z.ZodType>(
  value: Value,
  key: z.ZodType<string, string> = z.string(),
) {
  return z.preprocess(
    (given) => (isPlainObject(given) ? new Map(orderedEntries(given)) : given),
    z.map(key, value),
  );
}

function isPlainObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Map);
}
