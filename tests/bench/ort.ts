// Our engine beside onnxruntime-web's WebGPU and WASM providers: same network, weights, patch, adapter and run.

import { availableParallelism } from 'node:os';
import { openGpu } from '@/gpu/device';
import { nodeWebGpu } from '@/gpu/nodeGpu';
import { type Comparison, compare, ORT_WASM, ORT_WEBGPU, report } from './ort/comparison';
import { ortContender } from './ort/contender';
import { compareInChromium } from './ort/inChromium';
import { loadOrtWasm, loadOrtWebGpu } from './ort/ortInNode';
import { ourContender } from './ort/ourContender';

/** Against ORT's WebGPU provider, run against run. */
const WANTED_SPEEDUP = { node: 15, chromium: 5 };

/** How many runs after the first each engine gets. */
const WARM_RUNS = { ours: 5, webgpu: 1, wasm: 5 };

/** Prints both tables; throws where outputs differ or a speed-up is missed. */
export async function run(): Promise<void> {
  const problems = [
    ...report('Node', await compareInNode(), WANTED_SPEEDUP.node),
    ...report('Chromium', await compareInChromium(), WANTED_SPEEDUP.chromium),
  ];
  if (problems.length > 0) throw new Error(problems.join('\n'));
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
