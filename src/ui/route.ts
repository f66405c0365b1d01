import { useSyncExternalStore } from 'react';
import { FIRST_PLACE, PLACES, type Place } from './placeNames';

/** Where the page is: `#/segment/<case id>`, `#/data/<dataset>/<case id>`, `#/plan/<plans>`, `#/train/<run>`,
 * `#/evaluate/<evaluation>/<case id>`, `#/choose/<dataset>`. */
export interface Route {
  readonly place: Place;
  readonly item: string | undefined;
  /** Of the item. */
  readonly part: string | undefined;
}

export function addressOf(place: Place, ...items: readonly (string | undefined)[]): string {
  const given = items.filter((item) => item !== undefined).map(encodeURIComponent);
  return ['#', place, ...given].join('/');
}

export function goTo(place: Place, ...items: readonly (string | undefined)[]): void {
  location.hash = addressOf(place, ...items);
}

function readRoute(hash: string): Route {
  const [, place, item, part] = hash.split('/');
  return {
    place: PLACES.find(({ name }) => name === place)?.name ?? FIRST_PLACE,
    item: item ? decoded(item) : undefined,
    part: part ? decoded(part) : undefined,
  };
}

/** Typed by hand it may be no encoding of anything. */
function decoded(item: string): string {
  try {
    return decodeURIComponent(item);
  } catch {
    return item;
  }
}

let current = readRoute(location.hash);

function subscribe(onChange: () => void): () => void {
  const update = () => {
    current = readRoute(location.hash);
    onChange();
  };
  addEventListener('hashchange', update);
  return () => removeEventListener('hashchange', update);
}

export function currentRoute(): Route {
  return current;
}

/** The place that the address names already, also before the page has moved there. */
export function addressedPlace(): Place {
  return readRoute(location.hash).place;
}

export function useRoute(): Route {
  return useSyncExternalStore(subscribe, currentRoute);
}
