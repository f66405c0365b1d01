import { type Gpu, openGpu } from './device';

/** The same engine in Node: Dawn's WebGPU from npm `webgpu`, the only place that knows that package. */
export async function openNodeGpu(): Promise<Gpu> {
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  return openGpu(create([]));
}
