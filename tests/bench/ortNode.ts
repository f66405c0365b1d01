// Our engine beside onnxruntime-web's providers in Node, all on Dawn's adapter.

import { availableParallelism } from 'node:os';
import { openGpu } from '@/gpu/device';
import { nodeWebGpu } from '@/gpu/nodeGpu';
import { type Comparison, compare, ORT_WASM, ORT_WEBGPU, report } from './ort/comparison';
import { ortContender } from './ort/contender';
import { loadOrtWasm, loadOrtWebGpu } from './ort/ortInNode';
import { ourContender } from './ort/ourContender';

/** Against ORT's WebGPU provider, run against run. */
const WANTED_SPEEDUP = 15;

/** How many runs after the first each engine gets. */
const WARM_RUNS = { ours: 5, webgpu: 1, wasm: 5 };

/** Prints the table; throws where outputs differ or the speed-up is missed. */
export async function run(): Promise<void> {
  report('Node', await compareInNode(), WANTED_SPEEDUP);
}

async function compareInNode(): Promise<Comparison> {
  const webgpu = await nodeWebGpu();
  const gpu = await openGpu(webgpu);
  try {
    const comparison = await compare(ourContender(gpu, WARM_RUNS.ours), [
      ortContender(ORT_WASM, 'wasm', WARM_RUNS.wasm, loadOrtWasm),
      ortContender(ORT_WEBGPU, 'webgpu', WARM_RUNS.webgpu, () => loadOrtWebGpu(webgpu)),
    ]);
    return { ...comparison, adapter: gpu.facts.description, threads: availableParallelism() };
  } finally {
    gpu.close();
  }
}
