// JSON as Python writes it, checked at the door.
import type { z } from 'zod';
import { readText, type SourceFile } from '@/core/io/sourceFile';
import { messageOf, StudioError } from '@/shared/errors';

/** Strings, or one of the number words that Python writes and JSON does not know. */
const STRING_OR_SPECIAL = /"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g;
/** Stands for a special number while JSON is parsed; no file has a string that starts with this. */
const SENTINEL = '\u0000number:';

/** Parses JSON, with Python's bare `NaN`, `Infinity` and `-Infinity`. Throws `BadJson` naming `file`. */
export function parseJson(text: string, file: string): unknown {
  const source = text.startsWith('\ufeff') ? text.slice(1) : text;
  const isPlain = !/NaN|Infinity/.test(source);
  try {
    if (isPlain) return JSON.parse(source);
    const quoted = source.replace(STRING_OR_SPECIAL, (token) =>
      token.startsWith('"') ? token : JSON.stringify(SENTINEL + token),
    );
    return JSON.parse(quoted, (_, value) =>
      typeof value === 'string' && value.startsWith(SENTINEL) ? Number(value.slice(SENTINEL.length)) : value,
    );
  } catch (error) {
    throw new StudioError(
      'BadJson',
      `${file} is not valid JSON (${messageOf(error)}).`,
      'Copy or export the file again.',
      { cause: error },
    );
  }
}

/** `value` as the schema has it. Throws an error named `name` with the file and the path to every bad value. */
export function validate<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  file: string,
  name: string,
): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues
    .slice(0, 3)
    .map(({ path, message }) => `${path.join('.') || 'top level'}: ${message}`);
  throw new StudioError(
    name,
    `${file}: ${issues.join('; ')}.`,
    'Check the file, or export it again with nnU-Net.',
  );
}

/** The parsed content of a JSON file. */
export async function readJson(file: SourceFile): Promise<unknown> {
  return parseJson(await readText(file), file.path);
}
