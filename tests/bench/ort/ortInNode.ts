// onnxruntime-web outside a browser. Its WebGPU build takes Node for a browser without one: it wants `navigator.gpu`, the
// bytes of its WebAssembly, and a `writeBuffer` that takes views of shared memory, which Dawn's binding for Node does not.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import type { OrtModule } from './contender';

const require = createRequire(import.meta.url);

export async function loadOrtWasm(): Promise<OrtModule> {
  const ort = await import('onnxruntime-web');
  ort.env.wasm.numThreads = availableParallelism();
  return ort;
}

/** `webgpu` must be the instance that our own engine opens its device from, so that both get the same adapter. */
export async function loadOrtWebGpu(webgpu: GPU): Promise<OrtModule> {
  Object.defineProperty(globalThis, 'navigator', { value: { gpu: webgpu }, configurable: true });
  acceptSharedMemory();
  const ort = await import('onnxruntime-web/webgpu');
  const wasm = await readFile(require.resolve('onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm'));
  ort.env.wasm.wasmBinary = wasm;
  ort.env.wasm.numThreads = 1;
  return ort;
}

function acceptSharedMemory(): void {
  const { writeBuffer } = GPUQueue.prototype;
  GPUQueue.prototype.writeBuffer = function (buffer, offset, data, dataOffset, size) {
    const isShared = data instanceof Uint8Array && data.buffer instanceof SharedArrayBuffer;
    const source = (isShared ? data.slice() : data) as GPUAllowSharedBufferSource;
    return writeBuffer.call(this, buffer, offset, source, dataOffset, size);
  };
}
