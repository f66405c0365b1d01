/** How many edits apart a word may be and still be offered as a suggestion. */
const MAX_EDITS = 3;

/** The candidate that `word` is most likely a slip of, dashes and underscores aside. */
export function nearestTo(word: string, candidates: readonly string[]): string | undefined {
  const [best] = nearestFirst(word, candidates);
  if (!best) return undefined;
  const limit = Math.min(MAX_EDITS, Math.ceil(plain(best.candidate).length / 2));
  return best.edits <= limit ? best.candidate : undefined;
}

/** The `count` candidates that look most like `word`. */
export function closestMatches(
  word: string,
  candidates: readonly string[],
  count: number,
): readonly string[] {
  return nearestFirst(word, candidates)
    .slice(0, count)
    .map(({ candidate }) => candidate);
}

function nearestFirst(word: string, candidates: readonly string[]) {
  return candidates
    .map((candidate) => ({ candidate, edits: editDistance(plain(word), plain(candidate)) }))
    .sort((a, b) => a.edits - b.edits);
}

function plain(text: string): string {
  return text.replace(/^-+/, '').replaceAll('-', '_').toLowerCase();
}

/** Levenshtein's distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row[b.length];
}
