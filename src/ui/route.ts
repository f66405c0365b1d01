import { useSyncExternalStore } from 'react';

export const PLACES = ['segment', 'data', 'plan', 'models', 'system'] as const;
export type Place = (typeof PLACES)[number];

/** Where the page is: `#/segment/<case id>`, `#/data/<dataset>`, `#/plan/<dataset>`. */
export interface Route {
  readonly place: Place;
  readonly item: string | undefined;
}

export function addressOf(place: Place, item?: string): string {
  return item === undefined ? `#/${place}` : `#/${place}/${encodeURIComponent(item)}`;
}

export function goTo(place: Place, item?: string): void {
  location.hash = addressOf(place, item);
}

function readRoute(hash: string): Route {
  const [, place, item] = hash.split('/');
  return { place: PLACES.find((one) => one === place) ?? 'segment', item: item ? decoded(item) : undefined };
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

export function useRoute(): Route {
  return useSyncExternalStore(subscribe, () => current);
}
