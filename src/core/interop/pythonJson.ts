// JSON as Python's `json.dump(value, file, indent=4)` writes it, byte for byte. Maps are objects in their own order.
import { StudioError } from '@/shared/errors';
import { orderedEntries } from './orderedJson';

export interface PythonJsonOptions {
  /** `sort_keys=True`. */
  readonly shouldSortKeys?: boolean;
  /** Whether the numbers at a path of keys (`[]` stands for a place in a list) are floats: whole ones get a `.0`. */
  readonly isFloat?: (path: readonly string[]) => boolean;
  /** Where nnU-Net itself writes NaN or Infinity, such as the Dice of a label that is not there. Elsewhere they are refused. */
  readonly mayBeNaN?: (path: readonly string[]) => boolean;
}

const INDENT = '    ';

/** The text of a JSON file that Python could have written. Throws `NotFinite` with the path of a number that is none. */
export function pythonJson(
  value: unknown,
  { shouldSortKeys = false, isFloat = () => false, mayBeNaN = () => false }: PythonJsonOptions = {},
): string {
  const write = (each: unknown, path: readonly string[], indent: string): string => {
    if (typeof each === 'number' && !Number.isFinite(each) && !mayBeNaN(path)) throw notFinite(each, path);
    if (typeof each === 'number') return isFloat(path) ? pythonFloat(each) : pythonNumber(each);
    if (typeof each === 'string') return pythonString(each);
    if (typeof each !== 'object' || each === null) return JSON.stringify(each);
    const inner = indent + INDENT;
    if (Array.isArray(each)) {
      if (each.length === 0) return '[]';
      const lines = each.map((item) => inner + write(item, [...path, '[]'], inner));
      return `[\n${lines.join(',\n')}\n${indent}]`;
    }
    const entries = orderedEntries(each).filter(([, item]) => item !== undefined);
    if (entries.length === 0) return '{}';
    if (shouldSortKeys) entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    const lines = entries.map(
      ([key, item]) => `${inner}${pythonString(key)}: ${write(item, [...path, key], inner)}`,
    );
    return `{\n${lines.join(',\n')}\n${indent}}`;
  };
  return write(value, [], '');
}

function notFinite(value: number, path: readonly string[]): StudioError {
  return new StudioError(
    'NotFinite',
    `${path.join('.').replaceAll('.[]', '[]') || 'The value'} is ${value}, which is not written into a file.`,
    'It comes of data without any value to count, or of a computation that failed; check what it is computed from.',
  );
}

function pythonNumber(value: number): string {
  return Number.isSafeInteger(value) ? String(value) : pythonFloat(value);
}

/** Python's `repr(float)`: the shortest digits that round-trip, with an exponent below 1e-4 and from 1e16. */
export function pythonFloat(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const [mantissa, exponentText] = value.toExponential().split('e');
  const exponent = Number(exponentText);
  if (exponent < -4 || exponent >= 16) {
    const sign = exponent < 0 ? '-' : '+';
    return `${mantissa}e${sign}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  const text =
    exponent < 0
      ? value.toFixed(Math.max(0, mantissa.replace(/[-.]/g, '').length - 1 - exponent))
      : String(value);
  return text.includes('.') ? text : `${text}.0`;
}

/** `ensure_ascii=True`. */
function pythonString(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
