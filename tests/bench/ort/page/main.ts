// The comparison inside a browser; the driver calls `window.compareEngines` and prints what comes back.

import type * as Ort from 'onnxruntime-web';
import webgpuModule from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url';
import webgpuBinary from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url';
import wasmModule from 'onnxruntime-web/ort-wasm-simd-threaded.mjs?url';
import wasmBinary from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url';
import { openGpu } from '@/gpu/device';
import { type Comparison, compare, ORT_WASM, ORT_WEBGPU } from '../comparison';
import { type OrtModule, ortContender } from '../contender';
import { ourContender } from '../ourContender';

/** How many runs after the first each engine gets: a software adapter takes minutes. */
const WARM_RUNS = { ours: 2, webgpu: 1, wasm: 3 };

async function compareEngines(): Promise<Comparison> {
  const gpu = await openGpu(navigator.gpu);
  try {
    const comparison = await compare(ourContender(gpu, WARM_RUNS.ours), [
      ortContender(ORT_WASM, 'wasm', WARM_RUNS.wasm, loadWasm),
      ortContender(ORT_WEBGPU, 'webgpu', WARM_RUNS.webgpu, loadWebGpu),
    ]);
    return { ...comparison, adapter: gpu.facts.description, threads: navigator.hardwareConcurrency };
  } finally {
    gpu.close();
  }
}

async function loadWasm(): Promise<OrtModule> {
  const ort = await import('onnxruntime-web/wasm');
  return serveFrom(ort, { mjs: wasmModule, wasm: wasmBinary }, navigator.hardwareConcurrency);
}

async function loadWebGpu(): Promise<OrtModule> {
  const ort = await import('onnxruntime-web/webgpu');
  return serveFrom(ort, { mjs: webgpuModule, wasm: webgpuBinary }, 1);
}

function serveFrom(ort: OrtModule, files: Ort.Env.WasmFilePaths, numThreads: number): OrtModule {
  ort.env.wasm.wasmPaths = {
    mjs: new URL(files.mjs ?? '', location.href).href,
    wasm: new URL(files.wasm ?? '', location.href).href,
  };
  ort.env.wasm.numThreads = numThreads;
  return ort;
}

declare global {
  interface Window {
    compareEngines: typeof compareEngines;
  }
}

window.compareEngines = compareEngines;
