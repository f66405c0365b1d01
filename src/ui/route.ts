import { useSyncExternalStore } from 'react';

export const PLACES = ['segment', 'models', 'system'] as const;
export type Place = (typeof PLACES)[number];

/** Where the page is: `#/segment/<case id>`. */
export interface Route {
  readonly place: Place;
  readonly item: string | undefined;
}

export function addressOf(place: Place, item?: string): string {
  return item === undefined ? `#/${place}` : `#/${place}/${item}`;
}

export function goTo(place: Place, item?: string): void {
  location.hash = addressOf(place, item);
}

function readRoute(hash: string): Route {
  const [, place, item] = hash.split('/');
  return { place: PLACES.find((one) => one === place) ?? 'segment', item: item || undefined };
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
