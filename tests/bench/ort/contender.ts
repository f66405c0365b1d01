// Engines that compute the same network, each measured alike.

import type * as Ort from 'onnxruntime-web';
import type { ComparedNetwork } from './network';

/** One engine, ready to be measured. */
export interface Contender {
  readonly name: string;
  /** Runs after the first one; their median is the engine's time. */
  readonly warmRuns: number;
  /** Loads the network; the result computes the logits of the patch. */
  open(network: ComparedNetwork): Promise<OpenedContender>;
}

interface OpenedContender {
  run(): Promise<Float32Array>;
  close(): Promise<void>;
}

export interface Measurement {
  readonly name: string;
  /** Loading the network and the first run, which compiles what is left to compile. */
  readonly firstMs: number;
  /** Median of the runs after that. */
  readonly warmMs: number;
  readonly logits: Float32Array;
}

/** Measures an engine from loading to closing. */
export async function measure(contender: Contender, network: ComparedNetwork): Promise<Measurement> {
  const start = performance.now();
  const opened = await contender.open(network);
  try {
    let logits = await opened.run();
    const firstMs = performance.now() - start;
    const times: number[] = [];
    for (let run = 0; run < contender.warmRuns; run++) {
      const runStart = performance.now();
      logits = await opened.run();
      times.push(performance.now() - runStart);
    }
    return { name: contender.name, firstMs, warmMs: median(times), logits };
  } finally {
    await opened.close();
  }
}

/** Builds of onnxruntime-web differ in what they can do, not in their interface. */
export type OrtModule = typeof Ort;

/** One provider of onnxruntime-web; `load` brings a build that has it, set up for where it runs. */
export function ortContender(
  name: string,
  provider: 'webgpu' | 'wasm',
  warmRuns: number,
  load: () => Promise<OrtModule>,
): Contender {
  return {
    name,
    warmRuns,
    async open({ onnx, inputName, inputShape, input }) {
      const ort = await load();
      const session = await ort.InferenceSession.create(onnx, { executionProviders: [provider] });
      const feeds = { [inputName]: new ort.Tensor('float32', input, inputShape) };
      const [outputName] = session.outputNames;
      return {
        run: async () =>
          Float32Array.from((await (await session.run(feeds))[outputName].getData()) as Float32Array),
        close: () => session.release(),
      };
    },
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
