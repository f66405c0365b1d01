// What measuring gains: for each layer the kernel that the tuner picks on this adapter, beside the default.
import { openNodeGpu } from '@/gpu/nodeGpu';
import { chooseConv3dKernel } from '@/kernels/conv3d';
import { tuneConv3d } from '@/kernels/conv3dTuning';
import type { RunBench } from './bench';
import { LAYERS, measureConv3d } from './conv3d';

/** Enough to measure every candidate of every layer. */
const TIME_LIMIT_MS = 600_000;

export const run: RunBench = async () => {
  const gpu = await openNodeGpu();
  console.log(`\nKernels picked by measuring, ${gpu.facts.description}`);
  const remembered = new Map<string, string>();
  const store = {
    get: async (key: string) => remembered.get(key),
    set: async (key: string, value: string) => {
      remembered.set(key, value);
    },
  };
  const started = performance.now();
  const choose = await tuneConv3d(gpu, LAYERS, store, TIME_LIMIT_MS);
  console.log(`  measured in ${((performance.now() - started) / 1000).toFixed(0)} s`);
  for (const shape of LAYERS) {
    const byRule = await measureConv3d(gpu, shape, chooseConv3dKernel(shape, gpu));
    const picked = choose(shape);
    const tuned = picked && picked.name !== byRule.kernel ? await measureConv3d(gpu, shape, picked) : byRule;
    const gain = (byRule.bestMs / tuned.bestMs).toFixed(2);
    console.log(
      `  ${byRule.layer.padEnd(52)} ${byRule.kernel} ${byRule.bestMs.toFixed(1)} ms, picked ${tuned.kernel} ${tuned.bestMs.toFixed(1)} ms: ${gain} ×`,
    );
  }
  gpu.close();
};
