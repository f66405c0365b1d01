// Every place of the studio and what is said of it: the address, the rail, titles and the accessibility journey go by this
// list. `places.tsx` has what draws each.

/** Where the rail has a place: among the work, at its foot, or under the entry of another place. */
type OnRail = 'work' | 'foot' | { readonly under: string };

interface PlaceFacts {
  /** The first part of its address, `#/data/…`. */
  readonly name: string;
  readonly title: string;
  readonly onRail: OnRail;
  /** Where the page itself has room for files that could not be taken: always, or while no item of it is open. */
  readonly showsProblems?: 'always' | 'without an item';
  /** Whether another item begins with a fresh page. */
  readonly isFreshPerItem?: boolean;
}

/** In the order of the work. */
export const PLACES = [
  { name: 'segment', title: 'Segment', onRail: 'work', showsProblems: 'always' },
  { name: 'data', title: 'Data', onRail: 'work', showsProblems: 'without an item' },
  { name: 'plan', title: 'Plan', onRail: 'work', showsProblems: 'always' },
  { name: 'train', title: 'Train', onRail: 'work', isFreshPerItem: true },
  { name: 'models', title: 'Models', onRail: 'work', showsProblems: 'always' },
  { name: 'evaluate', title: 'Evaluate', onRail: { under: 'models' } },
  { name: 'choose', title: 'Best configuration', onRail: { under: 'models' } },
  { name: 'system', title: 'System', onRail: 'foot' },
] as const satisfies readonly PlaceFacts[];

export type Place = (typeof PLACES)[number]['name'];

/** Places with an entry of their own on the rail. */
export type RailPlace = Extract<(typeof PLACES)[number], { readonly onRail: string }>['name'];

/** Where an address leads that names no place. */
export const FIRST_PLACE: Place = PLACES[0].name;

/** What is said of a place. */
export function placeFacts(place: Place): PlaceFacts {
  const found = PLACES.find(({ name }) => name === place);
  if (found) return found;
  throw new Error(`PLACES has no ${place}`);
}

/** The place whose entry of the rail is marked. */
export function railEntryOf(place: Place): string {
  const { onRail } = placeFacts(place);
  return typeof onRail === 'string' ? place : onRail.under;
}

/** A place of the rail and those under its entry. */
export function placesUnder(entry: RailPlace): readonly { readonly name: Place; readonly title: string }[] {
  return PLACES.filter(({ name }) => railEntryOf(name) === entry);
}

/** The places with an entry in this part of the rail. */
export function railPlaces(
  at: 'work' | 'foot',
): readonly { readonly name: RailPlace; readonly title: string }[] {
  return PLACES.flatMap((place) => (place.onRail === at ? [place] : []));
}

/** Whether the place itself has room for what could not be taken. */
export function showsProblems(place: Place, item: string | undefined): boolean {
  const { showsProblems: when } = placeFacts(place);
  return when === 'always' || (when === 'without an item' && item === undefined);
}
