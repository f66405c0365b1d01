import { type Gpu, openGpu } from './device';

/** Dawn's instance. Held for the life of the process: devices crash when it is garbage-collected under them. */
let instance: GPU | undefined;

/** The same engine in Node: Dawn's WebGPU from npm `webgpu`, the only place that knows that package. */
export async function openNodeGpu(): Promise<Gpu> {
  if (!instance) {
    const { create, globals } = await import('webgpu');
    Object.assign(globalThis, globals);
    instance = create([]);
  }
  return openGpu(instance);
}
