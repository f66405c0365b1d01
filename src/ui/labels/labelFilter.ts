// What makes long lists of labels readable: a search, a summary, the names in short.
import { formatCount } from '../formats';

/** Lists longer than this are folded, and can be searched. */
export const MANY_LABELS = 12;

/** How much of a name a sentence quotes. */
const QUOTED_LENGTH = 40;

/** Labels whose name contains the text, or whose value it is; an empty text fits all. */
export function labelsThatFit<Label extends { readonly name: string; readonly value?: number }>(
  labels: readonly Label[],
  text: string,
): readonly Label[] {
  const wanted = text.trim().toLowerCase();
  if (wanted === '') return labels;
  return labels.filter(({ name, value }) => name.toLowerCase().includes(wanted) || `${value}` === wanted);
}

/** `liver, spleen, left kidney and 114 more`; very long names are cut. */
export function namesInShort(names: readonly string[], most: number): string {
  const shown = names.slice(0, most).map(shortName).join(', ');
  const rest = names.length - most;
  return rest > 0 ? `${shown} and ${formatCount(rest)} more` : shown;
}

function shortName(name: string): string {
  return name.length > QUOTED_LENGTH ? `${name.slice(0, QUOTED_LENGTH - 1).trimEnd()}…` : name;
}

/** Places of the `most` smallest values, ascending; what is no number comes last, and equal ones stay in order. */
export function lowest(values: readonly number[], most: number): readonly number[] {
  const rank = (value: number) => (Number.isNaN(value) ? Number.POSITIVE_INFINITY : value);
  return values
    .map((value, i) => ({ rank: rank(value), i }))
    .sort((a, b) => (a.rank === b.rank ? a.i - b.i : a.rank - b.rank))
    .slice(0, most)
    .map(({ i }) => i);
}
