// What nnStudio consists of besides the page: the scripts of its workers, and the WebAssembly that those run. All of it is
// fetched while the page loads and kept as Blobs, so that nothing is asked of the network when it is needed.
import charlsBinary from '@cornerstonejs/codec-charls/decodewasm?url';
import libjpegBinary from '@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasm?url';
import openjpegBinary from '@cornerstonejs/codec-openjpeg/decodewasm?url';
import onnxRuntimeBinary from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url';
import { StudioError } from '@/shared/errors';
import caseScript from '../../workers/case.worker.ts?worker&url';
import chooseScript from '../../workers/choose.worker.ts?worker&url';
import datasetScript from '../../workers/data.worker.ts?worker&url';
import evaluateScript from '../../workers/evaluate.worker.ts?worker&url';
import filesScript from '../../workers/files.worker.ts?worker&url';
import planningScript from '../../workers/plan.worker.ts?worker&url';
import predictScript from '../../workers/segment.worker.ts?worker&url';
import benchmarkScript from '../../workers/system.worker.ts?worker&url';
import trainScript from '../../workers/train.worker.ts?worker&url';
import trainViewScript from '../../workers/trainingResults.worker.ts?worker&url';
import type { BinaryName } from './sharedParts';

interface OwnPart {
  /** As messages name it. */
  readonly title: string;
  readonly address: string;
}

const SCRIPTS = {
  benchmark: { title: 'Benchmark', address: benchmarkScript },
  case: { title: 'Dataset cases', address: caseScript },
  choose: { title: 'Best configuration', address: chooseScript },
  dataset: { title: 'Datasets', address: datasetScript },
  evaluate: { title: 'Evaluation', address: evaluateScript },
  files: { title: 'Opening and saving files', address: filesScript },
  planning: { title: 'Planning', address: planningScript },
  predict: { title: 'Segmentation', address: predictScript },
  train: { title: 'Training', address: trainScript },
  trainView: { title: 'Training results', address: trainViewScript },
} satisfies Readonly<Record<string, OwnPart>>;

export type ScriptName = keyof typeof SCRIPTS;

const BINARIES: Readonly<Record<BinaryName, OwnPart>> = {
  openjpeg: { title: 'JPEG 2000 decoder', address: openjpegBinary },
  charls: { title: 'JPEG-LS decoder', address: charlsBinary },
  libjpeg: { title: 'JPEG decoder', address: libjpegBinary },
  onnxruntime: { title: 'onnxruntime', address: onnxRuntimeBinary },
};

/** By far the largest, and needed by few: fetched once all else is there. */
const LAST: BinaryName = 'onnxruntime';

/** By address: fetched, on their way, or failed; what failed is asked for again when the page is loaded again. */
const fetched = new Map<string, Promise<Blob>>();

function fetchPart({ title, address }: OwnPart): Promise<Blob> {
  let content = fetched.get(address);
  if (!content) {
    content = download(title, address);
    fetched.set(address, content);
    content.catch(() => undefined); // told to whoever needs it
  }
  return content;
}

async function download(title: string, address: string): Promise<Blob> {
  try {
    const response = await fetch(address);
    if (!response.ok) throw new Error(`the server answers ${response.status}`);
    return await response.blob();
  } catch (error) {
    throw new StudioError(
      'PartNotLoaded',
      `nnStudio could not load its own part “${title}”; nothing is wrong with your files.`,
      'Reconnect to where nnStudio is served from, then reload the page.',
      { cause: error },
    );
  }
}

/** Addresses of fetched scripts, which stay valid as long as the page. */
const scriptAddresses = new Map<ScriptName, string>();

/**
 * Where a worker finds its script. The development server's scripts import others by relative addresses, so these run
 * from where they are. Throws `PartNotLoaded`.
 */
export async function scriptAddress(name: ScriptName): Promise<string> {
  const part = SCRIPTS[name];
  if (!import.meta.env.PROD) return absolute(part.address);
  const known = scriptAddresses.get(name);
  if (known) return known;
  const address = URL.createObjectURL(await fetchPart(part));
  scriptAddresses.set(name, address);
  return address;
}

/** Throws `PartNotLoaded`. */
export function binary(name: BinaryName): Promise<Blob> {
  return fetchPart(BINARIES[name]);
}

/** Fetches everything; each promise settles when the part of that title is there, or rejects with `PartNotLoaded`. */
export function fetchOwnParts(): ReadonlyMap<string, Promise<unknown>> {
  const parts: OwnPart[] = [...Object.values(SCRIPTS), ...Object.values(BINARIES)];
  const first = parts.filter((part) => part !== BINARIES[LAST]);
  const loading = new Map<string, Promise<unknown>>(first.map((part) => [part.title, fetchPart(part)]));
  const others = Promise.allSettled(loading.values());
  return loading.set(
    BINARIES[LAST].title,
    others.then(() => binary(LAST)),
  );
}

function absolute(address: string): string {
  return new URL(address, document.baseURI).href;
}
