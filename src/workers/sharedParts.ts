// What passes between the page and its workers beside their calls: down, the parts of nnStudio that the page has
// fetched; up, the requests that a worker made. A worker hands both on to and from the workers that it starts.

/** WebAssembly that workers run. */
export const BINARY_NAMES = ['openjpeg', 'charls', 'libjpeg', 'onnxruntime'] as const;
export type BinaryName = (typeof BINARY_NAMES)[number];

/** A part, or why it is not there: of errors only name and message cross. */
export type SharedPart<Content> =
  | { readonly content: Content }
  | { readonly error: { readonly name: string; readonly message: string } };

/** Sent to a worker, each as soon as it is known. */
export type PartMessage =
  | { readonly nnstudio: 'binary'; readonly name: BinaryName; readonly part: SharedPart<Blob> }
  /** The address that workers of a worker are started from. */
  | { readonly nnstudio: 'caseScript'; readonly part: SharedPart<string> };

/** A request over the network. */
export interface NetworkRequest {
  readonly url: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** Sent by a worker. */
export interface RequestMessage {
  readonly nnstudio: 'requests';
  readonly requests: readonly NetworkRequest[];
}

export function isPartMessage(data: unknown): data is PartMessage {
  const kind = messageKind(data);
  return kind === 'binary' || kind === 'caseScript';
}

export function isRequestMessage(data: unknown): data is RequestMessage {
  return messageKind(data) === 'requests';
}

function messageKind(data: unknown): unknown {
  return typeof data === 'object' && data !== null && 'nnstudio' in data ? data.nnstudio : undefined;
}

/** Tells of every request over the network that the calling thread makes or made; Blobs and data addresses are none. */
export function watchRequests(tell: (requests: readonly NetworkRequest[]) => void): void {
  new PerformanceObserver((list) => {
    const requests = list
      .getEntries()
      .filter(({ name }) => /^(https?|wss?):/.test(name))
      .map(({ name, startTime }) => ({ url: name, at: performance.timeOrigin + startTime }));
    if (requests.length > 0) tell(requests);
  }).observe({ type: 'resource', buffered: true });
}
