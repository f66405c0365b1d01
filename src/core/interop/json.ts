// JSON as Python writes it, checked at the door.
import type { z } from 'zod';
import { readText, type SourceFile } from '@/core/io/sourceFile';
import { messageOf, StudioError } from '@/shared/errors';
import { parseOrderedJson } from './orderedJson';
import { expectation, issueSentences } from './schemaWords';

/**
 * Parses JSON, with Python's bare `NaN`, `Infinity` and `-Infinity`; `orderedEntries` lists an object's keys in the order of
 * the file. Throws `BadJson` naming `file`.
 */
export function parseJson(text: string, file: string): unknown {
  const source = text.startsWith('\ufeff') ? text.slice(1) : text;
  try {
    return parseOrderedJson(source);
  } catch (error) {
    throw new StudioError(
      'BadJson',
      `${file} is not valid JSON (${messageOf(error)}).`,
      'Copy or export the file again.',
      { cause: error },
    );
  }
}

/**
 * `value` as the schema has it. Throws an error named `name` that says with its path what is expected and what is there;
 * `remedy` is what to do about it.
 */
export function validate<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  file: string,
  name: string,
  remedy = 'Correct the file, then try again.',
): z.output<Schema> {
  const result = schema.safeParse(value, { error: expectation });
  if (result.success) return result.data;
  throw new StudioError(name, `${file}: ${issueSentences(result.error.issues, value).join('; ')}.`, remedy);
}

/** The parsed content of a JSON file. */
export async function readJson(file: SourceFile): Promise<unknown> {
  return parseJson(await readText(file), file.path);
}
