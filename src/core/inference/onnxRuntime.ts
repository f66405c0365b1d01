// onnxruntime-web behind one door: its WebAssembly provider runs networks where our own kernels cannot, for want of a GPU or
// of an operator.

import type * as Ort from 'onnxruntime-web';
import { messageOf, StudioError } from '@/shared/errors';

/** What the runtime is started with. */
export interface OnnxRuntimeSetup {
  /** Reads `ort-wasm-simd-threaded.wasm`; Node finds the file by itself. */
  readonly readBinary?: () => Promise<ArrayBuffer>;
  readonly threads: number;
}

/** A network that onnxruntime has loaded. */
export interface OnnxSession {
  /** Values of the input, row-major, and its shape; the result is the first output. Runs go one after the other. */
  run(input: Float32Array, shape: readonly number[]): Promise<OnnxOutput>;
  close(): Promise<void>;
}

export interface OnnxOutput {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/** More do not help: the runtime's own default ceiling. */
const MOST_THREADS = 8;

/**
 * Loads the bytes of a `.onnx` file. Throws `OnnxRuntime` where the runtime cannot be started or refuses the network, with
 * its own words.
 */
export async function openOnnxSession(onnx: Uint8Array, setup: OnnxRuntimeSetup): Promise<OnnxSession> {
  const ort = await startRuntime(setup);
  const session = await ort.InferenceSession.create(onnx, {
    executionProviders: ['wasm'],
    logSeverityLevel: 3,
  }).catch((error: unknown) => {
    throw runtimeError('refuses the network', error);
  });
  const [inputName] = session.inputNames;
  const [outputName] = session.outputNames;
  return {
    async run(input, shape) {
      try {
        const outputs = await session.run({ [inputName]: new ort.Tensor('float32', input, shape) });
        const output = outputs[outputName];
        if (!(output.data instanceof Float32Array)) {
          throw new Error(`its output ${outputName} is ${output.type}, not float32`);
        }
        return { data: output.data, shape: output.dims };
      } catch (error) {
        throw runtimeError('stopped', error);
      }
    },
    close: () => session.release(),
  };
}

async function startRuntime({ readBinary, threads }: OnnxRuntimeSetup): Promise<typeof Ort> {
  const binary = await readBinary?.();
  const ort = await import('onnxruntime-web').catch((error: unknown) => {
    throw runtimeError('could not be loaded', error);
  });
  if (binary) ort.env.wasm.wasmBinary = binary;
  ort.env.wasm.numThreads = Math.max(1, Math.min(threads, MOST_THREADS));
  return ort;
}

/** Whether this thread is one that the runtime started for itself: in a browser, from the script that it is part of. */
export function isOnnxThread(): boolean {
  return typeof self !== 'undefined' && self.name.startsWith('em-pthread');
}

/** Makes the calling thread, which {@link isOnnxThread}, do the runtime's work. */
export function joinOnnxThreads(): void {
  void import('onnxruntime-web');
}

function runtimeError(what: string, cause: unknown): StudioError {
  return new StudioError(
    'OnnxRuntime',
    `onnxruntime ${what}: ${messageOf(cause)}.`,
    'A smaller patch or fewer folds need less memory; a machine with WebGPU needs no onnxruntime for nnU-Net models.',
    { cause },
  );
}
