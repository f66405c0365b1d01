import { type Gpu, openGpu } from './device';

/** Dawn's instance. Held for the life of the process: devices crash when it is garbage-collected under them. */
let instance: GPU | undefined;

/** The same engine in Node. */
export async function openNodeGpu(): Promise<Gpu> {
  return openGpu(await nodeWebGpu());
}

/** What `navigator.gpu` is in a browser: Dawn's WebGPU from npm `webgpu`, the only place that knows that package. */
export async function nodeWebGpu(): Promise<GPU> {
  if (!instance) {
    const { create, globals } = await import('webgpu');
    Object.assign(globalThis, globals);
    instance = create([]);
  }
  return instance;
}
