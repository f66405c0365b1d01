// What every worker of the studio does first: it takes up the parts that the page has fetched, and tells of its requests.
import { expose } from 'comlink';
import { provideCodecBinaries } from '@/core/io/jpegCodecs';
import { StudioError } from '@/shared/errors';
import {
  BINARY_NAMES,
  type BinaryName,
  isPartMessage,
  type PartMessage,
  type RequestMessage,
  type SharedPart,
  watchRequests,
} from './sharedParts';

/** A part that arrives by message. */
function awaitedPart<Content>() {
  let settle: (part: SharedPart<Content>) => void = () => undefined;
  const content = new Promise<Content>((resolve, reject) => {
    settle = (part) => {
      if ('content' in part) resolve(part.content);
      else reject(new StudioError(part.error.name, part.error.message));
    };
  });
  content.catch(() => undefined); // whoever needs it is told
  return { content, settle };
}

const binaries = new Map(BINARY_NAMES.map((name) => [name, awaitedPart<Blob>()]));
const caseScript = awaitedPart<string>();
/** For workers that are started later. */
const received: PartMessage[] = [];
const followers = new Set<(message: PartMessage) => void>();

/** Makes this thread a worker of the studio: call it once, before anything listens to messages. */
export function beginWorker(): void {
  addEventListener('message', (event: MessageEvent<unknown>) => {
    const { data } = event;
    if (!isPartMessage(data)) return;
    event.stopImmediatePropagation();
    if (data.nnstudio === 'caseScript') caseScript.settle(data.part);
    else binaries.get(data.name)?.settle(data.part);
    received.push(data);
    for (const follower of followers) follower(data);
  });
  watchRequests((requests) => postMessage({ nnstudio: 'requests', requests } satisfies RequestMessage));
  provideCodecBinaries(binaryBytes);
}

/** Answers calls of the page by `api`, in this worker. */
export function serve(api: object): void {
  beginWorker();
  expose(api);
}

/** A WebAssembly file. Throws `PartNotLoaded`. */
export async function binaryBytes(name: BinaryName): Promise<ArrayBuffer> {
  const blob = await binaries.get(name)?.content;
  if (!blob) throw new Error(`no binary ${name}`);
  return blob.arrayBuffer();
}

/** Where workers on cases find their script. Throws `PartNotLoaded`. */
export function caseScriptAddress(): Promise<string> {
  return caseScript.content;
}

/** Hands parts on to a worker that this one has started, those still to come too, until the result is called. */
export function passPartsTo(worker: Worker): () => void {
  const pass = (message: PartMessage) => worker.postMessage(message);
  for (const message of received) pass(message);
  followers.add(pass);
  return () => followers.delete(pass);
}
