import { describe, expect, test } from 'vitest';
import { PLACES, placesUnder, railEntryOf, railPlaces, showsProblems } from '@/ui/placeNames';

describe('the list of places', () => {
  test('no two have the same address or title', () => {
    expect(new Set(PLACES.map(({ name }) => name)).size).toBe(PLACES.length);
    expect(new Set(PLACES.map(({ title }) => title)).size).toBe(PLACES.length);
  });

  test('every place is on the rail, or under an entry that is', () => {
    const entries = [...railPlaces('work'), ...railPlaces('foot')].map(({ name }) => name);
    for (const { name } of PLACES) expect(entries).toContain(railEntryOf(name));
    expect(
      entries
        .flatMap((entry) => placesUnder(entry))
        .map(({ name }) => name)
        .sort(),
    ).toEqual(PLACES.map(({ name }) => name).sort());
  });

  test('notices stand in the place that has room for them', () => {
    expect(showsProblems('segment', 'a case')).toBe(true);
    expect(showsProblems('data', undefined)).toBe(true);
    expect(showsProblems('data', 'Dataset001_A')).toBe(false);
    expect(showsProblems('system', undefined)).toBe(false);
  });
});
