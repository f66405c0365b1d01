import { type NetworkRequest, watchRequests } from './sharedParts';

const requests: NetworkRequest[] = [];
const listeners = new Set<() => void>();

/** Notes what a worker tells. */
export function noteRequests(more: readonly NetworkRequest[]): void {
  requests.push(...more);
  for (const listener of listeners) listener();
}

/** Requests over the network of the page and all its workers, from the first; `listener` is called at each further one. */
export function followRequests(listener: (all: readonly NetworkRequest[]) => void): void {
  if (listeners.size === 0) watchRequests(noteRequests);
  listeners.add(() => listener(requests));
  listener(requests);
}
